package plan_test

import (
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/factstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Names are valid, distinct, and those of IPAM blocks with a prefix; labels are valid; the
// pools are valid.
func TestNoNATPoolNames(t *testing.T) {
	t.Parallel()
	names := map[string]string{}
	for cidr, want := range map[string]string{
		"10.64.0.0/10": "no-nat-to-10-64-0-0-10", "203.0.113.7/32": "no-nat-to-203-0-113-7-32", "0.0.0.0/1": "no-nat-to-0-0-0-0-1",
		"fd00::/8": "no-nat-to-fd00---8", "fd00:10:245::/48": "no-nat-to-fd00-10-245---48", "2001:db8::1/128": "no-nat-to-2001-db8--1-128",
		"::/1": "no-nat-to----1", "::1/128": "no-nat-to---1-128", "1::/16": "no-nat-to-1---16", "10:0:0:0:1::/80": "no-nat-to-10--1-0-0-0-80",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128": "no-nat-to-ffff-ffff-ffff-ffff-ffff-ffff-ffff-ffff-128",
	} {
		prefix := factstest.Prefixes(cidr)[0]
		pool := plan.NoNATPool(prefix, prefix)
		assert.Equal(t, want, pool.Name)
		assert.Empty(t, names[pool.Name], cidr)
		names[pool.Name] = cidr
		assert.Empty(t, validation.IsDNS1123Subdomain(pool.Name), cidr)
		assert.Empty(t, validation.IsValidLabelValue(pool.Labels[plan.NoNATLabel]), cidr)
		assert.Empty(t, ippool.Validate(pool), cidr)
	}
}

// The pool of a single address that is created by hand is that of a run for the same range,
// and a part of a wider one.
func TestNoNATPoolByHand(t *testing.T) {
	t.Parallel()
	for cidr, wide := range map[string]string{"10.20.0.5/32": "10.20.0.4/30", "2001:db8::1/128": "2001:db8::/126"} {
		prefix := factstest.Prefixes(cidr)[0]
		byHand := *plan.NoNATPool(prefix, prefix)
		created, err := settled(wanting("10.244.0.0/16", cidr), facts.Facts{})
		require.NoError(t, err)
		step := created.Steps[len(created.Steps)-1]
		assert.Equal(t, byHand, *step.Pool)

		same, err := settled(wanting("10.244.0.0/16", cidr), facts.Facts{}, byHand)
		require.NoError(t, err)
		assert.Equal(t, []string{byHand.Name + " unchanged"}, actions(same))

		wider, err := settled(wanting("10.244.0.0/16", wide), facts.Facts{}, byHand)
		require.NoError(t, err)
		assert.Len(t, actions(wider), 3, "the address, and the two prefixes that are left")
		assert.Contains(t, actions(wider), byHand.Name+" unchanged")
		var pools []*v3.IPPool
		for _, pool := range after(wider, byHand) {
			pools = append(pools, &pool)
		}
		assert.Empty(t, ippool.Overlaps(pools))

		none, err := settled(wanting("10.244.0.0/16"), facts.Facts{}, byHand)
		require.NoError(t, err)
		require.Len(t, none.Warnings, 1)
		assert.Contains(t, none.Warnings[0], cidr+" is not requested by noNATTo")
	}
}
