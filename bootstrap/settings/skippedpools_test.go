package settings_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// A setting that skips IPv6 pools of files is warned of once per file, and a conflict in
// such a pool is no fault.
func TestSkippedPoolsOfFiles(t *testing.T) {
	t.Parallel()
	const off = `IPv6 is not supported: env FELIX_IPV6SUPPORT is "false"`
	many := ""
	for i := range 9 {
		many += settingstest.Flat(fmt.Sprintf("six-%d", i), fmt.Sprintf("fd00:%d::/64", i+2))
	}
	conflict := settingstest.Flat("c6", "fd00:1::/64") + "  ipipMode: Always\n"
	config, err := settingstest.WithFiles(t, []string{"FELIX_IPV6SUPPORT=false"}, "a.yaml", settingstest.Flat("a", "10.1.0.0/16")+conflict, "b.yaml", many).Resolve()
	require.NoError(t, err)
	assert.Equal(t, []string{
		`file a.yaml:4: IPPool "c6" is skipped: ` + off,
		`file b.yaml:2: IPPools "six-0", "six-1", "six-2", "six-3", "six-4", 4 more are skipped: ` + off,
	}, config.Warnings)

	_, err = settingstest.WithFiles(t, []string{"FELIX_IPV6SUPPORT=false", "--strict=true"}, "a.yaml", settingstest.Flat("a", "10.1.0.0/16")+conflict).Resolve()
	require.ErrorIs(t, err, settings.ErrInvalidSettings)
	assert.ErrorContains(t, err, `IPPool "c6" is skipped`)
	assert.NotContains(t, err.Error(), "no error if the existing pool has the same", "a skipped pool has no conflict")

	config, err = settingstest.WithFiles(t, []string{"FELIX_IPV6SUPPORT=true"}, "b.yaml", many).Resolve()
	require.NoError(t, err)
	assert.Empty(t, config.Warnings)
}

// A selector that matches no node is warned of, unless the pool is not for automatic
// assignment anyway.
func TestSelectorOfNoNode(t *testing.T) {
	t.Parallel()
	const no = " matches no node: no addresses of the pool are assigned automatically; set all() for every node"
	for given, want := range map[string][]string{
		"CALICO_IPV4POOL_NODE_SELECTOR=!all()":              {`env CALICO_IPV4POOL_NODE_SELECTOR: "!all()"` + no},
		"--ipv6-pool-node-selector=zone in {} && has(rack)": {`flag --ipv6-pool-node-selector: "zone in {} && has(rack)"` + no},
		"CALICO_IPV4POOL_NODE_SELECTOR=all()":               nil,
		"CALICO_IPV4POOL_NODE_SELECTOR=!has(rack)":          nil,
	} {
		assert.Equal(t, want, settingstest.Resolved(t, given).Warnings, given)
	}
	for more, want := range map[string][]string{
		"":                              {`file a.yaml:3: "!all()"` + no + ", or assignmentMode: Manual for a pool that pods name"},
		"  assignmentMode: Manual\n":    nil,
		"  disabled: true\n":            nil,
		"  allowedUses: [Tunnel]\n":     nil,
		"  assignmentMode: Automatic\n": {`file a.yaml:3: "!all()"` + no + ", or assignmentMode: Manual for a pool that pods name"},
	} {
		config, err := settingstest.WithFiles(t, nil, "a.yaml", settingstest.Flat("a", "10.1.0.0/16")+"  nodeSelector: '!all()'\n"+more).Resolve()
		require.NoError(t, err)
		assert.Equal(t, want, config.Warnings, more)
	}
}
