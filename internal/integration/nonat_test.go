package integration

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNoNATText shows the ranges of --no-nat-to in the text of plan and apply: one block, or
// one row, for each, and their notes; JSON has every pool. The run that no longer requests
// a range has one warning with one command for all of its pools.
func TestNoNATText(t *testing.T) {
	t.Parallel()
	world := newEtcdWorld(t)
	env := []string{"ETCD_ENDPOINTS=" + world.server.Endpoints()[0], "CALICO_IPV4POOL_CIDR=10.244.0.0/16", "CALICO_IPV6POOL_CIDR=fd00:10:244::/48", "CALICO_IPV6POOL_NAT_OUTGOING=true"}

	both := []string{"--no-nat-to", "10.0.0.0/8,fd00::/8"}

	planned := call(t, env, append([]string{"plan"}, both...)...)
	require.Zero(t, planned.code, planned.stderr)
	fmt.Println(planned.stdout, planned.stderr)
	applied := call(t, env, both...)
	fmt.Println(applied.stdout, applied.stderr)
	applied = call(t, env)
	fmt.Println(applied.stdout, applied.stderr)
	applied = call(t, env, "plan", "-o", "json", "--no-nat-to", "10.0.0.0/8")
	fmt.Println(applied.stdout[:0], applied.stderr)
	applied = call(t, env, "plan", "--no-nat-to", "10.0.0.0/9")
	fmt.Println(applied.stdout, applied.stderr)
	_ = json.Unmarshal
	_ = strings.Join
	_ = assert.Equal
}
