package integration

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
)

// permission is a permission of the table in docs/INSTALL.md.
type permission struct{ prefix, kind string }

// documentedPermissions returns the permissions of a column of the table, from 1.
func documentedPermissions(t *testing.T, column int) (all []permission) {
	t.Helper()
	document, err := os.ReadFile("../../docs/INSTALL.md")
	require.NoError(t, err)
	for _, row := range regexp.MustCompile(`(?m)^\| (/calico/\S+) \| (.*) \|$`).FindAllStringSubmatch(string(document), -1) {
		if kind := strings.Split(row[2], " | ")[column-1]; kind != "–" {
			all = append(all, permission{row[1], kind})
		}
	}
	require.NotEmpty(t, all)
	return all
}

// grant creates a user and a role with these permissions and no others.
func grant(t *testing.T, admin *clientv3.Client, name string, permissions []permission) {
	t.Helper()
	_, err := admin.RoleAdd(t.Context(), name)
	require.NoError(t, err)
	for _, p := range permissions {
		kind := map[string]clientv3.PermissionType{"read": clientv3.PermissionType(clientv3.PermRead), "readwrite": clientv3.PermissionType(clientv3.PermReadWrite)}[p.kind]
		_, err := admin.RoleGrantPermission(t.Context(), name, p.prefix, clientv3.GetPrefixRangeEnd(p.prefix), kind)
		require.NoError(t, err)
	}
	_, err = admin.UserAdd(t.Context(), name, password)
	require.NoError(t, err)
	_, err = admin.UserGrantRole(t.Context(), name, name)
	require.NoError(t, err)
}

// TestEtcdPermissions runs commands with the permissions that docs/INSTALL.md has, and without
// each one: the output then has the command that grants it, and no more.
func TestEtcdPermissions(t *testing.T) {
	t.Parallel()
	const pools = "--ipv4-pool-cidr=10.244.0.0/16 --ipv6-pool-cidr=fd00:10:244::/64 --ipv6-pool-nat-outgoing --no-nat-to=172.16.0.0/12"
	for command, column := range map[string]int{
		"apply --log-level debug " + pools: 1, "plan " + pools: 2, "ranges": 3, "nat 10.244.0.7 203.0.113.7": 4,
	} {
		needs := documentedPermissions(t, column)
		for without := -1; without < len(needs); without++ {
			server := etcdtest.Start(t, etcdtest.WithAuth(password))
			granted, want := needs, ""
			if without >= 0 {
				missing := needs[without]
				granted = append(append([]permission{}, needs[:without]...), needs[without+1:]...)
				want = "etcdctl role grant-permission ROLE --prefix=true " + missing.kind + " " + missing.prefix
				if missing.kind == "readwrite" {
					granted = append(granted, permission{missing.prefix, "read"})
				}
			}
			grant(t, server.Client(t), "limited", granted)
			r := call(t, []string{"ETCD_ENDPOINTS=" + server.Endpoints()[0], "ETCD_USERNAME=limited", "ETCD_PASSWORD=" + password}, strings.Fields(command)...)
			printed := strings.ReplaceAll(r.stdout+r.stderr, `\"`, `"`) // of log lines
			if want == "" {
				assert.Zero(t, r.code, "%s: %s", command, printed)
				assert.NotContains(t, printed, "grant-permission", command)
				continue
			}
			hints := regexp.MustCompile(`user "limited" access: (etcdctl .*/)`).FindAllStringSubmatch(printed, -1)
			require.NotEmpty(t, hints, "%s without %s: %s", command, want, printed)
			for _, hint := range hints { // ranges has it as a note and as its error
				assert.Equal(t, want, hint[1], command)
			}
		}
	}
}
