//go:build host && linux

package ansible

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// TestLint runs ansible-lint with its strictest profile.
func TestLint(t *testing.T) {
	t.Parallel()
	// The paths are arguments, as ansible-lint finds no files outside of a git repository.
	command := exec.Command("ansible-lint", "--offline", "--nocolor", "--parseable", "--strict", "--profile", "production", "site.yml", "roles/calico_ippools")
	command.Dir = examples
	command.Env = append(environment(t), "ANSIBLE_HOME="+t.TempDir())
	out, err := command.CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Regexp(t, `Passed with production profile: 0 failure\(s\), 0 warning\(s\) on \d\d files`, string(out))
}

func readYAML(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(examples, "roles/calico_ippools", name))
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, into), name)
}

// specs is the content of meta/argument_specs.yml.
type specs struct {
	Specs struct {
		Main struct {
			Options map[string]struct{ Type, Description string }
		}
	} `json:"argument_specs"`
}

// setting is an entry of the tables in vars/main.yml.
type setting struct{ Variable, Env, Flag string }

func tables(t *testing.T) []setting {
	t.Helper()
	var roleVars struct {
		Settings []setting `json:"__calico_ippools_settings"`
		Flags    []setting `json:"__calico_ippools_flags"`
	}
	readYAML(t, "vars/main.yml", &roleVars)
	require.NotEmpty(t, roleVars.Settings)
	return append(roleVars.Settings, roleVars.Flags...)
}

// withoutVariable has the program's settings for which the role has no variable.
var withoutVariable = []string{
	"no-default-pools",        // calico_ipv4pool_cidr: none
	"log-level", "log-format", // not configurable
	"wait-for-datastore",              // calico_ippools_timeout: 0
	"datastore-type",                  // from calico_etcd_endpoints
	"etcd-discovery-srv",              // openshift-ansible has none
	"k8s-api-endpoint", "k8s-ca-file", // in the kubeconfig, and the next five
	"k8s-cert-file", "k8s-key-file", //
	"k8s-api-token", "k8s-insecure-skip-tls-verify", //
	"k8s-current-context",                //
	"k8s-client-qps", "k8s-client-burst", // a run has few requests
}

// TestEverySettingHasAVariable checks that the role's tables have every setting of the
// program with its names, and that the role documents every variable.
func TestEverySettingHasAVariable(t *testing.T) {
	t.Parallel()
	command := exec.Command(program, "config", "-o", "json")
	command.Env = []string{"ETCD_ENDPOINTS=http://127.0.0.1:1"}
	out, err := command.Output()
	require.NoError(t, err)
	var settings []struct{ Setting, Variable string }
	require.NoError(t, json.Unmarshal(out, &settings))
	require.NotEmpty(t, settings)
	var documented specs
	readYAML(t, "meta/argument_specs.yml", &documented)

	byFlag := map[string]setting{}
	for _, entry := range tables(t) {
		byFlag[entry.Flag] = entry
		assert.Contains(t, documented.Specs.Main.Options, entry.Variable)
	}
	for _, s := range settings {
		entry, found := byFlag["--"+s.Setting]
		if slices.Contains(withoutVariable, s.Setting) {
			assert.False(t, found, s.Setting)
			continue
		}
		require.True(t, found, "%s is in no table of vars/main.yml", s.Setting)
		if entry.Env != "" {
			assert.Equal(t, strings.TrimPrefix(s.Variable, "CALICO_"), strings.TrimPrefix(entry.Env, "CALICO_"))
		}
	}
}

var (
	variableTable = regexp.MustCompile(`(?s)(<!-- variables: .*? -->\n).*(<!-- /variables -->)`)
	optionLine    = regexp.MustCompile(`(?m)^ {6}([a-z0-9_]+):$`)
	codeWord      = regexp.MustCompile(`C\((.*?)\)( |,|\.|;|:|$)`)
)

// TestREADMEHasEveryVariable compares the table in the role's README with its argument
// specs; -update rewrites it.
func TestREADMEHasEveryVariable(t *testing.T) {
	t.Parallel()
	var documented specs
	readYAML(t, "meta/argument_specs.yml", &documented)
	source, err := os.ReadFile(filepath.Join(examples, "roles/calico_ippools/meta/argument_specs.yml"))
	require.NoError(t, err)
	table := "| variable | description |\n|---|---|\n"
	names := optionLine.FindAllSubmatch(source, -1)
	assert.Len(t, names, len(documented.Specs.Main.Options))
	for _, name := range names {
		description := documented.Specs.Main.Options[string(name[1])].Description
		require.NotEmpty(t, description, string(name[1]))
		table += "| `" + string(name[1]) + "` | " + codeWord.ReplaceAllString(description, "`$1`$2") + " |\n"
	}
	readme := filepath.Join(examples, "roles/calico_ippools/README.md")
	text, err := os.ReadFile(readme)
	require.NoError(t, err)
	require.Regexp(t, variableTable, string(text))
	want := variableTable.ReplaceAllString(string(text), "${1}"+strings.ReplaceAll(table, "$", "$$")+"${2}")
	if *update {
		require.NoError(t, os.WriteFile(readme, []byte(want), 0o644))
		return
	}
	assert.Equal(t, want, string(text))
}

// TestAnsibleDoc checks that Ansible itself accepts the argument specs.
func TestAnsibleDoc(t *testing.T) {
	t.Parallel()
	command := exec.Command("ansible-doc", "-t", "role", "-r", filepath.Join(examples, "roles"), "calico_ippools")
	command.Env = environment(t)
	out, err := command.CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "calico_ipv4pool_nat_outgoing")
}
