package ippool_test

import (
	"fmt"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Overlaps returns the pairs that ValidateSet reports.
func TestOverlaps(t *testing.T) {
	t.Parallel()
	var pools []*v3.IPPool
	for i, cidr := range []string{"10.1.0.0/16", "fd00::/64", "10.0.0.0/8", "not", "10.1.2.0/24", "11.0.0.0/8", "10.1.2.0/24"} {
		pool := ippool.New(fmt.Sprintf("pool-%d", i))
		pool.Spec.CIDR = cidr
		pools = append(pools, pool)
	}
	found := ippool.Overlaps(pools)
	assert.Equal(t, []ippool.Overlap{{Earlier: 0, Later: 2}, {Earlier: 0, Later: 4}, {Earlier: 4, Later: 6}}, found)
	var texts, want []string
	for _, o := range found {
		want = append(want, fmt.Sprintf("items[%d].spec.cidr: overlaps %s of pool %q", o.Later, pools[o.Earlier].Spec.CIDR, pools[o.Earlier].Name))
	}
	for _, fault := range ippool.ValidateSet(pools)[1:] { // the first is the invalid CIDR
		texts = append(texts, fault.Field+": "+fault.Detail)
	}
	assert.Equal(t, want, texts)
	assert.Empty(t, ippool.Overlaps(nil))
}
