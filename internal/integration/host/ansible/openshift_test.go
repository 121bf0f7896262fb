//go:build host && linux

package ansible

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/host/firewalldtest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/typed"
)

var (
	allowedNote = regexp.MustCompile(`(?m)^ *note: findings allowed by the settings: Host.*\n`)
	lineEnd     = regexp.MustCompile(`(?m) +$`)
)

// TestOpenShift runs the commands of docs/OPENSHIFT.md. It uses the inventory of
// examples/ansible and a second one that maps its hosts to this machine.
func TestOpenShift(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t, etcdtest.WithMutualTLS())
	typeSession(t, etcd, "../../../../docs/OPENSHIFT.md", "ansible", true)
	assert.Len(t, storedPools(t, etcd), 3)
}

// TestOpenShiftInventory runs the commands of docs/INSTALLERS.md on a cluster of
// OpenShift 3.11, with the same inventories and without firewalls.
func TestOpenShiftInventory(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t, etcdtest.WithMutualTLS())
	typeSession(t, etcd, "../../../../docs/INSTALLERS.md", "openshift-311", false)
	assert.Empty(t, storedPools(t, etcd), "check mode writes nothing")
}

// typeSession runs a session of a document in a copy of the repository's examples.
func typeSession(t *testing.T, etcd *etcdtest.Server, document, name string, firewalls bool) {
	t.Helper()
	clone := filepath.Join(t.TempDir(), "calico-bootstrap")
	copied := filepath.Join(clone, "examples", "ansible")
	require.NoError(t, os.CopyFS(copied, os.DirFS(examples)))
	require.NoError(t, os.Mkdir(filepath.Join(clone, "bin"), 0o700))
	require.NoError(t, os.Link(program, filepath.Join(clone, "bin", "calico-bootstrap")))

	c := newCluster(t, etcd)
	delete(c.vars, "calico_ippools_preflight")
	if firewalls {
		delete(c.vars, "calico_open_firewall")
	}
	// These findings depend on the networks of this machine.
	c.vars["calico_ippools_allow"] = "HostInterfaceOverlap,HostRouteOverlap"
	c.groups, c.hosts = nil, map[string]vars{}
	for _, name := range []string{"master.example.com", "node1.example.com", "node2.example.com"} {
		c.hosts[name] = vars{}
		if firewalls {
			c.withFirewalld(t, name, firewalldtest.Start(t), strings.HasPrefix(name, "node"))
		}
		// Host variables take precedence over group variables.
		for variable, value := range c.vars {
			c.hosts[name][variable] = value
		}
		c.hosts[name]["calico_ippools_binary"] = filepath.Join(c.folder, name)
	}
	text, err := json.Marshal(map[string]any{"all": map[string]any{"hosts": c.hosts}})
	require.NoError(t, err)
	local := filepath.Join(c.folder, "local.yml")
	require.NoError(t, os.WriteFile(local, text, 0o600))

	env := []string{}
	for _, variable := range environment(t) {
		if !strings.HasPrefix(variable, "ANSIBLE_CONFIG=") { // ansible.cfg is in the working directory
			env = append(env, variable)
		}
	}
	version, err := exec.Command("ansible-playbook", "--version").Output()
	require.NoError(t, err)
	port := strings.TrimSuffix(etcdPort(t, etcd), "/tcp")
	typed.Session{
		Document: document, Name: name, Folder: clone, Update: *update,
		// One host at a time, so that the order of the output is fixed.
		Env: append(env, "ANSIBLE_FORKS=1", fmt.Sprintf("ANSIBLE_INVENTORY=%s,%s", filepath.Join(copied, "inventory", "hosts.ini"), local)),
		Tidy: func(printed string) string {
			printed = strings.ReplaceAll(printed, clone+"/", "")
			printed = strings.ReplaceAll(printed, c.folder, "/usr/local/bin")
			printed = allowedNote.ReplaceAllString(strings.ReplaceAll(printed, port, "2379"), "")
			// Trailing white space and blank lines are ignored.
			printed = lineEnd.ReplaceAllString(printed, "")
			return strings.TrimRight(printed, "\n") + strings.Repeat("\n", min(1, len(printed)))
		},
		Ignore: !strings.Contains(string(version), "core 2.14"),
	}.Type(t)
}
