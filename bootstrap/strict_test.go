package bootstrap

import (
	"fmt"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
)

// Settings of a default pool have no effect if other settings skip that pool.
func TestIdleSettings(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		lines []string
		want  []string
	}{
		{"all have an effect", settingstest.CIDRs, nil},
		{"nothing but none", []string{"CALICO_IPV4POOL_CIDR=none", "CALICO_IPV6POOL_CIDR=none"}, nil},
		{"none", []string{"CALICO_IPV4POOL_CIDR=none", "--ipv4-pool-nat-outgoing=false", "CALICO_IPV4POOL_IPIP=Always"}, []string{
			`env CALICO_IPV4POOL_IPIP "Always", flag --ipv4-pool-nat-outgoing "false": no effect because there is no default IPv4 pool: env CALICO_IPV4POOL_CIDR is "none"`,
		}},
		{"no default pools", []string{"NO_DEFAULT_POOLS=true", "CALICO_IPV6POOL_NAT_OUTGOING=true", "CALICO_IPV4POOL_NAME=x"}, []string{
			`env CALICO_IPV4POOL_NAME "x": no effect because there is no default IPv4 pool: env NO_DEFAULT_POOLS is "true"`,
			`env CALICO_IPV6POOL_NAT_OUTGOING "true": no effect because there is no default IPv6 pool: env NO_DEFAULT_POOLS is "true"`,
		}},
		{"no IPv6", []string{"FELIX_IPV6SUPPORT=false", "CALICO_IPV6POOL_CIDR=fd00::/64", "CALICO_IPV6POOL_NAT_OUTGOING=true"}, []string{
			`env CALICO_IPV6POOL_CIDR "fd00::/64", env CALICO_IPV6POOL_NAT_OUTGOING "true": no effect because there is no default IPv6 pool: IPv6 is not supported: env FELIX_IPV6SUPPORT is "false"`,
		}},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, settingstest.Resolved(t, tt.lines...).Warnings, tt.name)
	}
}

// With --strict, warnings about settings are errors, returned together with all others.
func TestStrict(t *testing.T) {
	t.Parallel()
	lines := []string{"CALICO_IPV4POOL_CIDR=10.1.2.3/16", "CALICO_IPV6POOL_NAT_OUTGOING=off"}
	config := settingstest.Resolved(t, append(lines, "--strict=false")...)
	require.Len(t, config.Warnings, 2)

	_, err := settingstest.Given(t, append(lines, "--strict=true", "CALICO_IPV4POOL_BLOCK_SIZE=7")...).Resolve()
	require.ErrorIs(t, err, settings.ErrInvalidSettings)
	require.EqualError(t, err, strings.Join([]string{
		`env CALICO_IPV4POOL_BLOCK_SIZE: "7": must be between 20 and 32 for IPv4`,
		`env CALICO_IPV4POOL_CIDR: "10.1.2.3/16" has host bits, which are ignored: the pool is 10.1.0.0/16 (an error because of flag --strict)`,
		`env CALICO_IPV6POOL_NAT_OUTGOING: "off" is read as false here; calico-node reads it as true (an error because of flag --strict)`,
	}, "\n"))
	store := newStore()
	_, err = run(t, store, settingstest.Given(t, append(lines, "CALICO_IPPOOLS_STRICT=yes")...))
	require.ErrorIs(t, err, settings.ErrInvalidSettings)
	assert.Empty(t, store.calls, "no connection is made")
	_, err = settingstest.Given(t, append(settingstest.CIDRs, "--strict=true")...).Resolve()
	require.NoError(t, err)
}

// Warnings about existing pools are no errors with --strict: for drift, --on-drift=fail is.
func TestStrictIsNotAboutExistingPools(t *testing.T) {
	t.Parallel()
	lines := []string{"CALICO_IPV4POOL_NAT_OUTGOING=true", "--no-nat-to=10.0.0.0/12", "--strict=true", "FELIX_IPV6SUPPORT=false"}
	existing := poolstest.Default4(func(pool *v3.IPPool) { pool.Spec.NATOutgoing = false })
	report, err := run(t, newStore(existing), settingstest.Given(t, lines...))
	require.NoError(t, err)
	warnings := fmt.Sprint(report.Warnings)
	assert.Contains(t, warnings, "exists with natOutgoing false")
	assert.Contains(t, warnings, "10.0.0.0/12 has no effect: no IPv4 pool has natOutgoing")

	_, err = run(t, newStore(existing), settingstest.Given(t, append(lines, "--on-drift=fail")...))
	require.ErrorIs(t, err, plan.ErrDrift)
}
