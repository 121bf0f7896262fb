package preflight

import (
	"fmt"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Checks of the encapsulation against the networking backend of calico-node. Felix programs
// the routes of VXLAN pools with every backend, and sets up the devices of every
// encapsulation that a pool has. BIRD, which only the backend bird runs, programs those of
// pools without encapsulation by default, and before Calico 3.33 those of IP-in-IP.

// backendIs describes the backend and its source.
func (c *checker) backendIs() string {
	return fmt.Sprintf("networking backend %s (%s)", c.backend.Kind, c.backend.Source)
}

// withBackend returns how to run calico-node with another backend.
func withBackend(kind facts.BackendKind) string {
	return fmt.Sprintf("run calico-node with the backend %s", kind)
}

func (p checkedPool) isVXLAN() bool {
	return ippool.OrNever(p.object.Spec.VXLANMode) != v3.VXLANModeNever
}

func (p checkedPool) isIPIP() bool { return ippool.OrNever(p.object.Spec.IPIPMode) != v3.IPIPModeNever }

// encapsulation returns the beginning of a text: the pool and its encapsulation.
func (p checkedPool) encapsulation() string {
	if p.isIPIP() {
		return p.describe("ipipMode", string(p.object.Spec.IPIPMode))
	}
	return p.describe("vxlanMode", string(ippool.OrNever(p.object.Spec.VXLANMode)))
}

// noRoutes finds pools without VXLAN where the backend is vxlan.
func (c *checker) noRoutes(pool checkedPool) []Finding {
	if c.backend.Kind != facts.BackendVXLAN || pool.isVXLAN() {
		return nil
	}
	class, remedy := "pools without encapsulation unless Felix (programClusterRoutes) or the network does", pool.set("vxlanMode", "Always")
	if pool.isIPIP() {
		class, remedy = "IP-in-IP pools before Calico 3.33", pool.set("vxlanMode", "Always (and ipipMode to Never)")
	}
	return []Finding{{
		CIDR: pool.located(),
		Text: fmt.Sprintf("%s, but with the %s calico-node does not run BIRD, which programs the routes of %s: pods can't reach pods of the pool on other nodes; %s, or %s",
			pool.encapsulation(), c.backendIs(), class, remedy, withBackend(facts.BackendBIRD)),
	}}
}

// birdNotNeeded finds pools with VXLAN always where the backend is bird, unless another pool
// of the family needs BIRD.
func (c *checker) birdNotNeeded(pool checkedPool) []Finding {
	if c.backend.Kind != facts.BackendBIRD || pool.object.Spec.VXLANMode != v3.VXLANModeAlways {
		return nil
	}
	var others []string
	for _, other := range c.pools {
		if other.isVXLAN() || other.object.Spec.Disabled || !forPods(other) {
			continue
		}
		if other.family == pool.family {
			return nil
		}
		others = append(others, fmt.Sprintf("%q", other.name))
	}
	remedy := withBackend(facts.BackendVXLAN)
	if others != nil {
		remedy += ", and use VXLAN for the pools of the other family, which need BIRD: " + named(others)
	}
	return []Finding{{
		CIDR: pool.located(),
		Text: fmt.Sprintf("%s: Felix programs the routes of VXLAN, so %s needs no BGP, but with the %s calico-node runs BIRD, and its readiness check -bird-ready fails where the network blocks BGP; %s",
			pool.encapsulation(), pool.family, c.backendIs(), remedy),
	}}
}

// policyOnly finds pools with encapsulation where the backend is none.
func (c *checker) policyOnly(pool checkedPool) []Finding {
	if c.backend.Kind != facts.BackendNone || !pool.isVXLAN() && !pool.isIPIP() {
		return nil
	}
	field, backend := "vxlanMode", facts.BackendVXLAN
	if pool.isIPIP() {
		field, backend = "ipipMode", facts.BackendBIRD
	}
	return []Finding{{
		CIDR: pool.located(),
		Text: fmt.Sprintf("%s, but with the %s calico-node enforces policy only, and another plugin provides the network: Felix sets up the encapsulation beside it; %s, or %s",
			pool.encapsulation(), c.backendIs(), pool.set(field, "Never"), withBackend(backend)),
	}}
}
