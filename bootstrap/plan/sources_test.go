package plan_test

import (
	"net/netip"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/factstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
)

// ignored returns the ignored CIDRs of a source with their reasons, in one line.
func ignored(source facts.PodCIDRSource) string {
	var all []string
	for _, one := range source.Ignored {
		all = append(all, one.Prefix.String()+" "+one.Reason)
	}
	return strings.Join(all, "; ")
}

func TestUsablePodCIDRs(t *testing.T) {
	t.Parallel()
	kubeProxy, kubeadm := origin.Cluster("kube-proxy"), origin.Cluster("kubeadm-config")
	of := func(cidrs ...string) facts.PodCIDRSource {
		source := factstest.Source(kubeProxy, cidrs...)
		source.Uncertain = true
		return source
	}
	services := facts.Survey{ServiceCIDRs: factstest.At(origin.Cluster("ServiceCIDR kubernetes"), "10.96.0.0/12", "fd00:96::/108")}
	serviceSubnet := facts.PodCIDRSource{Name: kubeadm, Problem: "none configured", Absent: true, Services: factstest.At(kubeadm, "10.96.0.0/12")}
	apiServer := of("10.200.0.0/16")
	apiServer.Services = factstest.At(origin.Cluster("address of the API server"), "10.200.0.1/32")
	hostBits := of("10.244.0.0/16", "10.96.0.0/16")
	hostBits.Problem = `"10.244.7.0/16" has host bits`
	const (
		overlaps  = " overlaps the Service CIDR "
		linkLocal = " overlaps the link-local range "
		tooSmall  = " is smaller than one block of "
		byObject  = " (ServiceCIDR kubernetes)"
	)
	tests := []struct {
		name     string
		given    []string
		existing []v3.IPPool
		known    facts.Facts
		want     []string
		problem  string
	}{
		{name: "pods", known: facts.Facts{PodCIDRs: []facts.PodCIDRSource{of("10.244.0.0/16", "fd00:10::/56")}, Survey: services}, want: []string{"10.244.0.0/16", "fd00:10::/56"}},
		{name: "the Service CIDRs", known: facts.Facts{PodCIDRs: []facts.PodCIDRSource{of("10.96.0.0/12", "fd00:96::/108")}, Survey: services},
			problem: "10.96.0.0/12" + overlaps + "10.96.0.0/12" + byObject + "; fd00:96::/108" + overlaps + "fd00:96::/108" + byObject},
		{name: "a range around them", known: facts.Facts{PodCIDRs: []facts.PodCIDRSource{of("10.0.0.0/8")}, Survey: services}, problem: "10.0.0.0/8" + overlaps + "10.96.0.0/12" + byObject},
		{name: "a part of them, and another family", known: facts.Facts{PodCIDRs: []facts.PodCIDRSource{of("10.100.0.0/16", "fd00:10::/56")}, Survey: services},
			want: []string{"fd00:10::/56"}, problem: "10.100.0.0/16" + overlaps + "10.96.0.0/12" + byObject},
		{name: "kubeadm's serviceSubnet, without a survey", known: facts.Facts{PodCIDRs: []facts.PodCIDRSource{serviceSubnet, of("10.96.0.0/12")}}, problem: "10.96.0.0/12" + overlaps + "10.96.0.0/12 (kubeadm-config)"},
		{name: "the API server", known: facts.Facts{PodCIDRs: []facts.PodCIDRSource{apiServer}}, problem: "10.200.0.0/16 contains 10.200.0.1 (address of the API server)"},
		{name: "everything", known: facts.Facts{PodCIDRs: []facts.PodCIDRSource{of("0.0.0.0/0", "::/0")}},
			problem: "0.0.0.0/0" + linkLocal + "169.254.0.0/16…::/0" + linkLocal + "fe80::/10"},
		{name: "too small", known: facts.Facts{PodCIDRs: []facts.PodCIDRSource{of("10.1.0.0/27", "fd00::/124")}},
			problem: "10.1.0.0/27" + tooSmall + "/26…fd00::/124" + tooSmall + "/122"},
		{name: "large enough for the blocks", given: []string{"CALICO_IPV4POOL_BLOCK_SIZE=28", "CALICO_IPV6POOL_BLOCK_SIZE=126"}, known: facts.Facts{PodCIDRs: []facts.PodCIDRSource{of("10.1.0.0/27", "fd00::/124")}},
			want: []string{"10.1.0.0/27", "fd00::/124"}},
		{name: "the range of the existing pool", existing: []v3.IPPool{poolstest.Stored("mine", "10.244.0.0/16")}, known: facts.Facts{PodCIDRs: []facts.PodCIDRSource{of("10.244.0.0/16")}}, want: []string{"10.244.0.0/16"}},
		{name: "the second of a family, and a problem", known: facts.Facts{PodCIDRs: []facts.PodCIDRSource{hostBits}, Survey: services},
			want: []string{"10.244.0.0/16"}, problem: "10.96.0.0/16" + overlaps + "10.96.0.0/12" + byObject},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			made := computed(t, settingstest.Resolved(t, tt.given...).Desired, tt.existing...)
			last := len(tt.known.PodCIDRs) - 1
			before := tt.known.PodCIDRs[last].Prefixes
			usable := made.UsablePodCIDRs(tt.known)
			assert.Equal(t, factstest.Prefixes(tt.want...), usable[last].Prefixes)
			problem := ignored(usable[last])
			require.Equal(t, tt.problem == "", problem == "", problem)
			for part := range strings.SplitSeq(tt.problem, "…") {
				assert.Contains(t, problem, part)
			}
			assert.Equal(t, tt.known.PodCIDRs[last].Problem, usable[last].Problem)
			assert.Equal(t, before, tt.known.PodCIDRs[last].Prefixes, "the argument is not modified")
			assert.Equal(t, usable, made.UsablePodCIDRs(facts.Facts{PodCIDRs: usable, Survey: tt.known.Survey}), "twice is the same")
		})
	}
}

// A default pool must not take the range of another pool.
func TestUsablePodCIDRsBesideAPool(t *testing.T) {
	t.Parallel()
	source := factstest.Source(origin.Cluster("kube-proxy"), "10.244.0.0/16")
	source.Uncertain = true
	desired := settingstest.Resolved(t).Desired
	filed := poolstest.Stored("filed", "10.244.128.0/17")
	desired.Pools = append(desired.Pools, plan.DesiredPool{Family: 4, Pool: &filed})
	usable := computed(t, desired).UsablePodCIDRs(facts.Facts{PodCIDRs: []facts.PodCIDRSource{source}})
	assert.Empty(t, usable[0].Prefixes)
	assert.Equal(t, `10.244.0.0/16 overlaps 10.244.128.0/17 of IPPool "filed"`, ignored(usable[0]))
}

// CIDRs of a certain source are never ignored: one that can't be a pool is an error.
func TestCertainPodCIDRs(t *testing.T) {
	t.Parallel()
	known := facts.Facts{PodCIDRs: []facts.PodCIDRSource{factstest.Source(origin.Cluster("kubeadm-config"), "0.0.0.0/0")}}
	made := computed(t, settingstest.Resolved(t).Desired)
	assert.Equal(t, known.PodCIDRs, made.UsablePodCIDRs(known))
	_, err := made.Settle(known, netip.Prefix{})
	require.ErrorIs(t, err, plan.ErrPodCIDR)
}
