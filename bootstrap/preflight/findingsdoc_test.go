package preflight

import (
	"os"
	"regexp"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/factstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
)

// docs/FINDINGS.md has a section for every code, in order, with a line of output, a
// remedy, and when to allow the finding.
func TestFindingsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/FINDINGS.md")
	require.NoError(t, err)
	var documented []FindingCode
	chapters := regexp.MustCompile(`(?m)^## (.*)$`)
	places := chapters.FindAllSubmatchIndex(text, -1)
	for i, place := range places {
		end := len(text)
		if i+1 < len(places) {
			end = places[i+1][0]
		}
		code, chapter := string(text[place[2]:place[3]]), string(text[place[1]:end])
		documented = append(documented, FindingCode(code))
		assert.Contains(t, chapter, "\n```\n"+code+": ")
		assert.Contains(t, chapter, "\nRemedy: ", code)
		assert.Regexp(t, `\nAllow(ing)? it `, chapter, code)
	}
	assert.Equal(t, FindingCodes(), documented)
}

// The lines of output in docs/FINDINGS.md are those of the program.
func TestDocumentedFindings(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/FINDINGS.md")
	require.NoError(t, err)
	default4 := func(cidr string, source origin.Origin, nat origin.Origin, changes ...func(*checkedPool)) checkedPool {
		p := created("default-ipv4-ippool", cidr)
		p.values = []plan.Value{value("cidr", cidr, source), value("natOutgoing", true, nat)}
		p.object.Spec.NATOutgoing = nat == origin.Default
		for _, change := range changes {
			change(&p)
		}
		return p
	}
	byFlag := origin.Flag("ipv4-pool-cidr")
	three := facts.Survey{Nodes: []facts.Node{factstest.Node("worker-1", "10.0.0.11"), factstest.Node("worker-2", "10.0.0.12"), factstest.Node("worker-3")}}
	ula := created("default-ipv6-ippool", "fd00:10:244::/64", withoutNAT)
	ula.values = []plan.Value{value("cidr", "fd00:10:244::/64", origin.Env("CALICO_IPV6POOL_CIDR"))}
	odd := created("default-ipv6-ippool", "33:177:177::/64")
	odd.values = []plan.Value{value("cidr", "33:177:177::/64", origin.Env("CALICO_IPV6POOL_CIDR"))}
	vxlanByEnv := func(p *checkedPool) {
		p.object.Spec.VXLANMode = v3.VXLANModeAlways
		p.values = append(p.values, value("vxlanMode", "Always", origin.Env("CALICO_IPV4POOL_VXLAN")))
	}
	backend := func(kind facts.BackendKind) facts.Backend {
		return facts.Backend{Kind: kind, Source: origin.Env("CALICO_NETWORKING_BACKEND")}
	}
	tests := []struct {
		known input
		pool  checkedPool
	}{
		{input{networks: factstest.At(origin.Host("interface eth0"), "192.168.1.0/24")}, default4("192.168.0.0/16", origin.Env("CALICO_IPV4POOL_CIDR"), origin.Default)},
		{input{routes: factstest.At(origin.Host("route via 10.1.0.1 dev eth1"), "10.0.0.0/8")}, default4("10.244.0.0/16", origin.Cluster("kubeadm-config"), origin.Default)},
		{input{survey: three}, default4("10.0.0.0/16", byFlag, origin.Default)},
		{input{survey: facts.Survey{ServiceCIDRs: factstest.At(origin.Cluster("servicecidrs/kubernetes"), "10.96.0.0/12")}}, default4("10.0.0.0/8", byFlag, origin.Default)},
		{input{podCIDRs: []facts.PodCIDRSource{factstest.Source(origin.Cluster("kubeadm-config"), "10.1.0.0/16")}}, default4("10.2.0.0/16", byFlag, origin.Default)},
		{input{survey: facts.Survey{Nodes: []facts.Node{factstest.Node("worker-1", "10.1.0.0/24"), factstest.Node("worker-2", "10.1.1.0/24")}}}, default4("10.2.0.0/16", byFlag, origin.Default)},
		{input{podCIDRs: []facts.PodCIDRSource{factstest.Source(origin.Cluster("kubeadm-config"), "10.1.0.0/16")}}, created("default-ipv6-ippool", "")},
		{input{}, odd},
		{input{}, ula},
		{input{}, default4("10.244.0.0/16", origin.Default, origin.Flag("ipv4-pool-nat-outgoing"))},
		{input{survey: nodes(5)}, default4("10.244.0.0/24", byFlag, origin.Default)},
		{input{survey: nodes(3)}, default4("10.244.0.0/16", byFlag, origin.Default, func(p *checkedPool) {
			p.object.Spec.NodeSelector = "zone == 'a'"
			p.values = append(p.values, value("nodeSelector", "zone == 'a'", origin.Env("CALICO_IPV4POOL_NODE_SELECTOR")))
		})},
		{input{backend: backend(facts.BackendVXLAN)}, default4("10.244.0.0/16", byFlag, origin.Default)},
		{input{backend: backend(facts.BackendBIRD)}, default4("10.244.0.0/16", byFlag, origin.Default, vxlanByEnv)},
		{input{backend: backend(facts.BackendNone)}, default4("10.244.0.0/16", byFlag, origin.Default, vxlanByEnv)},
		{input{pools: []checkedPool{terminating(pool("default-ipv4-ippool", "10.244.0.0/16"))}}, checkedPool{}},
		{input{pools: []checkedPool{pool("services", "10.1.0.0/16", poolstest.ForLoadBalancers), pool("old", "10.2.0.0/16", poolstest.Disabled)}}, checkedPool{}},
		{input{survey: labelled("worker-1 zone=a", "worker-2 zone=b", "worker-3 zone=c", "worker-4 zone=c", "worker-5"),
			pools: []checkedPool{pool("rack-a", "10.1.0.0/16", nodeSelector("zone == 'a'")), pool("rack-b", "10.2.0.0/16", nodeSelector("zone == 'b'"))}},
			pool("rack-a", "10.1.0.0/16", nodeSelector("zone == 'a'"))},
		{input{installation: facts.Installation{Name: origin.Cluster("Installation default"), CreatesPools: true, Pools: []string{"10.1.0.0/16"}},
			pools: []checkedPool{created("default-ipv4-ippool", "10.2.0.0/16")}}, checkedPool{}},
	}
	require.Len(t, tests, len(FindingCodes())-len(natCases()))
	kebab := regexp.MustCompile(`[.A-Z]`)
	flags := func(id origin.Setting) string { // as the program names settings
		return strings.TrimSuffix("--"+strings.ToLower(kebab.ReplaceAllStringFunc(string(id), func(s string) string { return "-" + strings.Trim(s, ".") })), "-mode")
	}
	for i, tt := range tests {
		tt.pool.names = flags
		if tt.pool.object == nil { // the finding is of no pool
			tt.pool.object = &v3.IPPool{}
		}
		found := tt.known.findings([]checkedPool{tt.pool}, poolstest.BothFamilies)
		require.Len(t, found, 1, "%v", FindingCodes()[i])
		assert.Equal(t, FindingCodes()[i], found[0].Code)
		assert.Contains(t, string(text), "\n```\n"+found[0].Error()+"\n```\n")
	}
	for i, tt := range natCases() {
		found := newChecker(tt.known(), tt.checked).nat(poolFamilies)
		require.Len(t, found, 1, "%v", FindingCodes()[len(tests)+i])
		assert.Equal(t, FindingCodes()[len(tests)+i], found[0].Code)
		assert.Contains(t, string(text), "\n```\n"+found[0].Error()+"\n```\n")
	}
}
