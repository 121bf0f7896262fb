package bootstrap

import (
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
)

// A plan has the effect on NAT of each pool that it would create or change, derived from the
// pools alone, and of no other pool.
func TestPlanShowsNAT(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		pools []v3.IPPool
		lines []string
		want  []string // of the IPv4 pool, of the IPv6 pool
	}{
		{"fresh", nil, nil, []string{
			"traffic from 10.244.0.0/16 is masqueraded, except to the addresses of pool default-ipv4-ippool",
			"traffic from fd00:10:244::/64 is not masqueraded",
		}},
		{"without NAT", nil, []string{"--ipv4-pool-nat-outgoing=false", "--ipv6-pool-nat-outgoing=true"}, []string{
			"traffic from 10.244.0.0/16 is not masqueraded",
			"traffic from fd00:10:244::/64 is masqueraded, except to the addresses of pool default-ipv6-ippool",
		}},
		{"existing", []v3.IPPool{poolstest.Default4()}, nil, []string{"", "traffic from fd00:10:244::/64 is not masqueraded"}},
		{"updated", []v3.IPPool{poolstest.Default4()}, []string{"--on-drift=update", "--ipv4-pool-nat-outgoing=false"}, []string{
			"traffic from 10.244.0.0/16 is not masqueraded", "traffic from fd00:10:244::/64 is not masqueraded",
		}},
		{"updated otherwise", []v3.IPPool{poolstest.Default4()}, []string{"--on-drift=update", "--ipv4-pool-ipip=always"}, []string{
			"unchanged: traffic from 10.244.0.0/16 is masqueraded, except to the addresses of pool default-ipv4-ippool", "traffic from fd00:10:244::/64 is not masqueraded",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			report, err := run(t, newStore(tt.pools...), settingstest.Given(t, append(append([]string{}, settingstest.CIDRs...), tt.lines...)...), asPlan)
			require.NoError(t, err)
			var got []string
			for _, pool := range report.Pools {
				got = append(got, pool.NAT)
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

// A run that has written reports no effect, and a plan without changes computes none.
func TestOnlyPlansShowNAT(t *testing.T) {
	t.Parallel()
	report, err := run(t, newStore(), settingstest.Given(t, settingstest.CIDRs...))
	require.NoError(t, err)
	assert.Empty(t, report.Pools[0].NAT)
}
