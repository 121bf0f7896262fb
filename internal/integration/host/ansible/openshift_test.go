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
	allowedHere = regexp.MustCompile(`(?m)^ *note: findings allowed by the settings: Host.*\n`)
	lineEnd     = regexp.MustCompile(`(?m) +$`)
)

// TestOpenShift types what docs/OPENSHIFT.md says. The inventory is the one of
// examples/ansible; a second one beside it makes its hosts this machine.
func TestOpenShift(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t, etcdtest.WithMutualTLS())
	clone := filepath.Join(t.TempDir(), "calico-bootstrap")
	copied := filepath.Join(clone, "examples", "ansible")
	require.NoError(t, os.CopyFS(copied, os.DirFS(examples)))
	require.NoError(t, os.Mkdir(filepath.Join(clone, "bin"), 0o700))
	require.NoError(t, os.Link(program, filepath.Join(clone, "bin", "calico-bootstrap")))

	c := newCluster(t, etcd)
	delete(c.vars, "calico_ippools_preflight")
	delete(c.vars, "calico_open_firewall")
	// What the networks of this machine have to do with it.
	c.vars["calico_ippools_allow"] = "HostInterfaceOverlap,HostRouteOverlap"
	c.groups, c.hosts = nil, map[string]vars{}
	for _, name := range []string{"master.example.com", "node1.example.com", "node2.example.com"} {
		c.hosts[name] = vars{}
		c.withFirewalld(t, name, firewalldtest.Start(t), strings.HasPrefix(name, "node"))
		// As variables of the host they win over those of a group.
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
		if !strings.HasPrefix(variable, "ANSIBLE_CONFIG=") { // it is found where the reader stands
			env = append(env, variable)
		}
	}
	version, err := exec.Command("ansible-playbook", "--version").Output()
	require.NoError(t, err)
	port := strings.TrimSuffix(etcdPort(t, etcd), "/tcp")
	typed.Session{
		Document: "../../../../docs/OPENSHIFT.md", Name: "ansible", Folder: clone, Update: *update,
		// One host after the other, so that their lines are in order.
		Env: append(env, "ANSIBLE_FORKS=1", fmt.Sprintf("ANSIBLE_INVENTORY=%s,%s", filepath.Join(copied, "inventory", "hosts.ini"), local)),
		Tidy: func(printed string) string {
			printed = strings.ReplaceAll(printed, clone+"/", "")
			printed = strings.ReplaceAll(printed, c.folder, "/usr/local/bin")
			printed = allowedHere.ReplaceAllString(strings.ReplaceAll(printed, port, "2379"), "")
			// White space at the end of a line and blank lines at the end say nothing.
			printed = lineEnd.ReplaceAllString(printed, "")
			return strings.TrimRight(printed, "\n") + strings.Repeat("\n", min(1, len(printed)))
		},
		Ignore: !strings.Contains(string(version), "core 2.14"),
	}.Type(t)
	assert.Len(t, storedPools(t, etcd), 3)
}
