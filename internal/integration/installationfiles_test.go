package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// TestInstallationsAreReadBack renders pools for the operator, in each form, and reads them
// back: also as a real API server prints the Installation, with its own fields.
func TestInstallationsAreReadBack(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, v3.SchemeGroupVersion)
	want := render(t, everyField)
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	readBack := func(form, text string) {
		t.Helper()
		r := call(t, nil, "render", "--pools-file", file("installation.yaml", text))
		require.Zero(t, r.code, "%s: %s", form, r.stderr)
		assert.Empty(t, r.stderr, form)
		assert.ElementsMatch(t, strings.Split(want, "---\n"), strings.Split(r.stdout, "---\n"), form)
	}
	installation, values := render(t, everyField, "-o", "installation"), render(t, everyField, "-o", "helm-values")
	readBack("installation", installation)
	readBack("helm-values", values)
	readBack("HelmChartConfig", "apiVersion: helm.cattle.io/v1\nkind: HelmChartConfig\nmetadata: {name: rke2-calico}\nspec:\n  valuesContent: |-\n    "+
		strings.ReplaceAll(values, "\n", "\n    "))

	var spec struct{ Spec any }
	var top struct{ Installation any }
	require.NoError(t, yaml.Unmarshal([]byte(installation), &spec))
	require.NoError(t, yaml.Unmarshal([]byte(values), &top))
	assert.Equal(t, spec.Spec, top.Installation, "the values are the spec of the Installation")

	world.server.InstallOperatorCRD(t)
	kubectl(t, world.server, "create", "-f", file("create.yaml", installation))
	kubectl(t, world.server, "patch", "installation", "default", "--type", "merge", "-p", `{"spec":{"variant":"Calico","calicoNetwork":{"bgp":"Enabled"}}}`)
	readBack("one", kubectl(t, world.server, "get", "installation", "default", "-o", "yaml", "--show-managed-fields"))
	readBack("List", kubectl(t, world.server, "get", "installations", "-o", "yaml"))
	readBack("JSON", kubectl(t, world.server, "get", "installations", "-o", "json"))
}

const v1Pools = "apiVersion: v1\nkind: ipPool\nmetadata:\n  cidr: 10.1.0.0/16\nspec:\n  nat-outgoing: true\n"

// TestFromV1 converts pools of calicoctl 1 from the standard input. The result is accepted
// by --pools-file, without a change.
func TestFromV1(t *testing.T) {
	t.Parallel()
	cmd := command(t, nil, "render", "--from-v1", "-")
	cmd.Stdin = strings.NewReader(v1Pools)
	converted := finish(t, cmd)
	require.Zero(t, converted.code, converted.stderr)
	assert.Contains(t, converted.stderr, `file /dev/stdin:4: metadata.name: is not set, as in every pool of v1; the name is \"10-1-0-0-16\"`)
	assert.Contains(t, converted.stderr, "file /dev/stdin:6: spec.nat-outgoing: is spec.natOutgoing in projectcalico.org/v3")
	path := filepath.Join(t.TempDir(), "pools.yaml")
	require.NoError(t, os.WriteFile(path, []byte(converted.stdout), 0o600))
	again := call(t, nil, "render", "--pools-file", path)
	assert.Equal(t, result{converted.stdout, "", 0}, again)

	for want, args := range map[string][]string{
		`error: flag --from-v1: "` + path + `": contradicts flag --pools-file; set only one of the two`: {"--from-v1", path, "--pools-file", path},
		`must be an ipPool of calicoctl 1, with apiVersion: v1 and metadata.cidr`:                       {"--from-v1", path},
		`error: flag --from-v1: "missing": can't be read: no such file or directory`:                    {"--from-v1", "missing"},
		`error: flag --from-v1: "/dev/zero": can't be read: it is larger than 8 MiB`:                    {"--from-v1", "/dev/zero"},
	} {
		r := call(t, nil, append([]string{"render"}, args...)...)
		assert.Equal(t, 2, r.code, want)
		assert.Empty(t, r.stdout)
		assert.Contains(t, r.stderr, want)
	}
	r := call(t, []string{"CALICO_IPPOOLS_FILE=" + path}, "render", "--from-v1", path)
	assert.Equal(t, 2, r.code)
	assert.Contains(t, r.stderr, "contradicts env CALICO_IPPOOLS_FILE")

	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	defer reader.Close()
	defer writer.Close()
	cmd = command(t, nil, "render", "--from-v1", "-", "--timeout", "300ms")
	cmd.Stdin = reader
	r = finish(t, cmd)
	assert.Equal(t, 4, r.code, r.stderr)
	assert.Contains(t, r.stderr, "reading the files of flag --from-v1")
}

// TestFromV1Document runs the example of docs/COMMANDS.md.
func TestFromV1Document(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../../docs/COMMANDS.md")
	require.NoError(t, err)
	example := regexp.MustCompile("(?s)```yaml\n(apiVersion: v1\nkind: ipPool\n.*?)```.*?\\$ calico-bootstrap render --from-v1 v1.yaml\n(.*?)```").FindSubmatch(document)
	require.NotNil(t, example)
	cmd := command(t, nil, "render", "--from-v1", "v1.yaml")
	cmd.Dir = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(cmd.Dir, "v1.yaml"), example[1], 0o600))
	r := finish(t, cmd)
	assert.Zero(t, r.code, r.stderr)
	assert.Equal(t, string(example[2]), r.stdout)
}
