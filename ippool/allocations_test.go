package ippool_test

import (
	"fmt"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// A run where the pools exist reads every pool of the cluster, so the allocations
// of one pool are limited to slightly above the current number. The race detector
// adds some.
func TestAllocations(t *testing.T) {
	pool := ippool.New("default-ipv4-ippool")
	pool.Spec.CIDR = "10.244.0.0/16"
	ippool.Default(pool)
	// As Calico writes it, whatever fields the API in use adds.
	record := []byte(`{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"default-ipv4-ippool","uid":"47132df4-a8f8-4771-b096-ccd5d2ab0391","creationTimestamp":"2026-11-22T17:45:23Z"},"spec":{"cidr":"10.244.0.0/16","vxlanMode":"Never","ipipMode":"Never","natOutgoing":true,"blockSize":26,"nodeSelector":"all()","allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"}}`)
	var err error
	tests := []struct {
		name string
		most float64
		call func()
	}{
		{"DecodeRecord", 4, func() { _, err = ippool.DecodeRecord(record) }},
		{"Validate", 12, func() { ippool.Validate(pool) }},
		{"ParseCIDR", 0, func() { _, err = ippool.ParseCIDR("10.244.0.0/16") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.LessOrEqual(t, testing.AllocsPerRun(100, tt.call), tt.most)
			require.NoError(t, err)
		})
	}
}

// The allocations for each pool of a set don't grow with the size of the set.
func TestAllocationsOfASet(t *testing.T) {
	for _, n := range []int{100, 5_000} {
		var pools []*v3.IPPool
		for i := range n {
			pool := ippool.New(fmt.Sprintf("pool-%d", i))
			pool.Spec.CIDR = fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255)
			ippool.Default(pool)
			pools = append(pools, pool)
		}
		allocations := testing.AllocsPerRun(5, func() { ippool.ValidateSet(pools) })
		assert.LessOrEqual(t, allocations/float64(n), 13.0, "%d pools", n)
	}
}
