// Package poolstest creates IPPools for tests.
package poolstest

import (
	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// BothFamilies are IPv4 and IPv6.
var BothFamilies = []ippool.Family{ippool.IPv4, ippool.IPv6}

// Default4 returns the default IPv4 pool as the first run creates it.
func Default4(changes ...func(*v3.IPPool)) v3.IPPool {
	natted := func(pool *v3.IPPool) { pool.Spec.NATOutgoing = true }
	return Stored("default-ipv4-ippool", "10.244.0.0/16", append([]func(*v3.IPPool){natted}, changes...)...)
}

// Stored returns a pool as a datastore returns it.
func Stored(name, cidr string, changes ...func(*v3.IPPool)) v3.IPPool {
	pool := ippool.New(name)
	pool.UID = "stored"
	pool.Spec.CIDR = cidr
	ippool.Default(pool)
	for _, change := range changes {
		change(pool)
	}
	return *pool
}

// Disabled disables a pool.
func Disabled(pool *v3.IPPool) { pool.Spec.Disabled = true }

// ForLoadBalancers makes the pool one for the use LoadBalancer.
func ForLoadBalancers(pool *v3.IPPool) {
	pool.Spec.AllowedUses = []v3.IPPoolAllowedUse{v3.IPPoolAllowedUseLoadBalancer}
}

// Records returns the pools as they are in a snapshot.
func Records(pools ...v3.IPPool) []*ippool.Record {
	var all []*ippool.Record
	for _, pool := range pools {
		all = append(all, ippool.NewRecord(&pool))
	}
	return all
}
