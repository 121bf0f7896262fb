//go:build host && linux

package firewalld

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/host/firewalldtest"
)

// TestBefore checks the D-Bus methods for firewalld before 0.9.0, which a current one has,
// too.
func TestBefore(t *testing.T) {
	t.Parallel()
	host := firewalldtest.Start(t)
	host.FirewallCmd(t, "--zone=public", "--add-rich-rule=rule service name=bgp accept")
	host.FirewallCmd(t, "--permanent", "--zone=public", "--add-port=100-200/tcp")
	host.FirewallCmd(t, "--permanent", "--zone=drop", "--add-protocol=4")
	test := host.Command("go", "test", "-count=1", "-v", "-run", "^TestBefore$", "../../../../examples/internal/firewalld")
	test.Env = append(test.Env, "FIREWALLD_FOR_TEST=1")
	out, err := test.CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "--- PASS: TestBefore")
}
