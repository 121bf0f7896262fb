package preflight

import (
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

func vxlan(mode v3.VXLANMode) func(*v3.IPPool) {
	return func(pool *v3.IPPool) { pool.Spec.VXLANMode = mode }
}

func ipip(mode v3.IPIPMode) func(*v3.IPPool) {
	return func(pool *v3.IPPool) { pool.Spec.IPIPMode = mode }
}

// Every backend against every encapsulation, use and family.
func TestBackend(t *testing.T) {
	t.Parallel()
	const (
		bare, always, cross = v3.VXLANModeNever, v3.VXLANModeAlways, v3.VXLANModeCrossSubnet
		vxlanBackend        = "networking backend vxlan (env CALICO_NETWORKING_BACKEND)"
		noBIRD              = ", but with the " + vxlanBackend + " calico-node does not run BIRD, which programs the routes of "
		unreachable         = ": pods can't reach pods of the pool on other nodes; set vxlanMode to "
		orBIRD              = ", or run calico-node with the backend bird"
		noBGP               = ": Felix programs the routes of VXLAN, so IPv4 needs no BGP, but with the networking backend bird (env CALICO_NETWORKING_BACKEND) calico-node runs BIRD, " +
			"and its readiness check -bird-ready fails where the network blocks BGP; run calico-node with the backend vxlan"
		onlyPolicy = ", but with the networking backend none (env CALICO_NETWORKING_BACKEND) calico-node enforces policy only, and another plugin provides the network: Felix sets up the encapsulation beside it; set "
	)
	four := func(changes ...func(*v3.IPPool)) checkedPool { return created("p", "10.1.0.0/16", changes...) }
	for name, tt := range map[string]struct {
		backend facts.BackendKind
		pool    checkedPool
		others  []checkedPool
		code    FindingCode // empty: no finding
		text    string      // after the name of the pool
	}{
		"unknown, bare":  {"", four(), nil, "", ""},
		"unknown, VXLAN": {"", four(vxlan(always)), nil, "", ""},

		"vxlan, bare": {facts.BackendVXLAN, four(), nil, NoRoutesWithoutBIRD, "vxlanMode Never (default)" + noBIRD +
			"pools without encapsulation unless Felix (programClusterRoutes) or the network does" + unreachable + "Always with ipv4.pool.vxlanMode" + orBIRD},
		"vxlan, no mode": {facts.BackendVXLAN, four(vxlan("")), nil, NoRoutesWithoutBIRD, "vxlanMode Never (default)" + noBIRD +
			"pools without encapsulation unless Felix (programClusterRoutes) or the network does" + unreachable + "Always with ipv4.pool.vxlanMode" + orBIRD},
		"vxlan, IP-in-IP": {facts.BackendVXLAN, four(ipip(v3.IPIPModeCrossSubnet)), nil, NoRoutesWithoutBIRD, "ipipMode CrossSubnet (default)" + noBIRD +
			"IP-in-IP pools before Calico 3.33" + unreachable + "Always (and ipipMode to Never) with ipv4.pool.vxlanMode" + orBIRD},
		"vxlan, existing": {facts.BackendVXLAN, pool("p", "10.1.0.0/16"), nil, NoRoutesWithoutBIRD, "vxlanMode Never (datastore)" + noBIRD +
			"pools without encapsulation unless Felix (programClusterRoutes) or the network does" + unreachable + "Always in the IPPool" + orBIRD},
		"vxlan, random IPv6": {facts.BackendVXLAN, created("p", ""), nil, NoRoutesWithoutBIRD, "vxlanMode Never (default)" + noBIRD +
			"pools without encapsulation unless Felix (programClusterRoutes) or the network does" + unreachable + "Always with ipv6.pool.vxlanMode" + orBIRD},
		"vxlan, VXLAN":              {facts.BackendVXLAN, four(vxlan(always)), nil, "", ""},
		"vxlan, VXLAN CrossSubnet":  {facts.BackendVXLAN, four(vxlan(cross)), nil, "", ""},
		"vxlan, disabled":           {facts.BackendVXLAN, four(poolstest.Disabled), nil, "", ""},
		"vxlan, for load balancers": {facts.BackendVXLAN, four(poolstest.ForLoadBalancers), nil, "", ""},
		"vxlan, for tunnels":        {facts.BackendVXLAN, four(forTunnels), nil, "", ""},
		"vxlan, on request": {facts.BackendVXLAN, four(manual), nil, NoRoutesWithoutBIRD, "vxlanMode Never (default)" + noBIRD +
			"pools without encapsulation unless Felix (programClusterRoutes) or the network does" + unreachable + "Always with ipv4.pool.vxlanMode" + orBIRD},

		"bird, bare":              {facts.BackendBIRD, four(), nil, "", ""},
		"bird, IP-in-IP":          {facts.BackendBIRD, four(ipip(v3.IPIPModeAlways)), nil, "", ""},
		"bird, VXLAN CrossSubnet": {facts.BackendBIRD, four(vxlan(cross)), nil, "", ""},
		"bird, VXLAN":             {facts.BackendBIRD, four(vxlan(always)), nil, BIRDNotNeeded, "vxlanMode Always (default)" + noBGP},
		"bird, VXLAN, and BGP":    {facts.BackendBIRD, four(vxlan(always)), []checkedPool{pool("bgp", "10.2.0.0/16")}, "", ""},
		"bird, VXLAN, and a disabled one": {facts.BackendBIRD, four(vxlan(always)), []checkedPool{pool("bgp", "10.2.0.0/16", poolstest.Disabled)},
			BIRDNotNeeded, "vxlanMode Always (default)" + noBGP},
		"bird, VXLAN, and one for load balancers": {facts.BackendBIRD, four(vxlan(always)), []checkedPool{pool("lb", "10.2.0.0/16", poolstest.ForLoadBalancers)},
			BIRDNotNeeded, "vxlanMode Always (default)" + noBGP},
		"bird, VXLAN, and bare IPv6": {facts.BackendBIRD, four(vxlan(always)), []checkedPool{created("six", "")},
			BIRDNotNeeded, "vxlanMode Always (default)" + noBGP + `, and use VXLAN for the pools of the other family, which need BIRD: "six"`},
		"bird, VXLAN for both": {facts.BackendBIRD, four(vxlan(always)), []checkedPool{created("six", "", vxlan(always))}, BIRDNotNeeded, "vxlanMode Always (default)" + noBGP},

		"none, bare": {facts.BackendNone, four(), nil, "", ""},
		"none, VXLAN": {facts.BackendNone, four(vxlan(cross)), nil, EncapsulationPolicyOnly,
			"vxlanMode CrossSubnet (default)" + onlyPolicy + "vxlanMode to Never with ipv4.pool.vxlanMode, or run calico-node with the backend vxlan"},
		"none, IP-in-IP": {facts.BackendNone, four(ipip(v3.IPIPModeAlways)), nil, EncapsulationPolicyOnly,
			"ipipMode Always (default)" + onlyPolicy + "ipipMode to Never with ipv4.pool.ipipMode" + orBIRD},
		"none, disabled": {facts.BackendNone, four(vxlan(always), poolstest.Disabled), nil, "", ""},
	} {
		known := input{backend: facts.Backend{Kind: tt.backend, Source: origin.Env("CALICO_NETWORKING_BACKEND")}, pools: append(tt.others, tt.pool)}
		found := known.findings([]checkedPool{tt.pool}, nil)
		if tt.code == "" {
			for _, finding := range found {
				assert.NotContains(t, []FindingCode{NoRoutesWithoutBIRD, BIRDNotNeeded, EncapsulationPolicyOnly}, finding.Code, name)
			}
			continue
		}
		assert.Equal(t, []Finding{{Code: tt.code, Pool: "p", CIDR: tt.pool.located(), Text: `IPPool "p": ` + tt.text}}, found, name)
	}
}

// The backend is a fact of a plan, for existing pools and those to create.
func TestBackendOfAPlan(t *testing.T) {
	t.Parallel()
	known := facts.Facts{Backend: facts.Backend{Kind: facts.BackendVXLAN, Source: origin.Env("CALICO_NETWORKING_BACKEND")}}
	p := made(t, plan.DriftReport, datastore.Snapshot{Pools: poolstest.Records(poolstest.Default4())},
		desired(ippool.IPv4, ""), desired(ippool.IPv6, "2001:4860::/64"))
	assert.Equal(t, []string{"NoRoutesWithoutBIRD default-ipv4-ippool", "NoRoutesWithoutBIRD default-ipv6-ippool"}, lines(Check(p, known, true)))
	assert.Equal(t, []string{"NoRoutesWithoutBIRD default-ipv6-ippool"}, lines(Check(p, known, false)))
	assert.Empty(t, Check(p, facts.Facts{}, true))
}
