package plan_test

import (
	"net/netip"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/factstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// splitAround returns the pools of ranges around 10.128.0.0/10 and of the default pool.
func splitAround(t *testing.T, noNAT ...string) []v3.IPPool {
	t.Helper()
	p, err := settled(wanting("10.128.0.0/10", noNAT...), facts.Facts{})
	require.NoError(t, err)
	return after(p)
}

// warningsOf returns the warnings of a plan with this client.
func warningsOf(t *testing.T, cli datastore.CLI, desired plan.Desired, existing ...v3.IPPool) []string {
	t.Helper()
	p, err := plan.Compute(desired, datastore.Snapshot{Pools: poolstest.Records(existing...), CLI: cli}, plan.DriftReport)
	require.NoError(t, err)
	return p.Warnings
}

// A dropped range has one warning with one command, whatever the number of its pools; so has
// a narrowed one, and one that a later pool overlaps.
func TestNoNATWarnsOncePerRange(t *testing.T) {
	t.Parallel()
	kubectl := datastore.CLI{Program: datastore.Kubectl, Resource: "ippools.crd.projectcalico.org"}
	calicoctl := datastore.CLI{Program: datastore.Calicoctl, Resource: "ippool"}
	const (
		still   = ": traffic to them is still not masqueraded; if that is not intended, "
		parts   = "2 IPPools for 10.0.0.0/8: 10.0.0.0/9, 10.192.0.0/10 "
		between = ", and run again; in between, traffic to the requested ranges is masqueraded"
		byLabel = "delete them: kubectl delete ippools.crd.projectcalico.org -l 'calico-bootstrap/no-nat-to=10-0-0-0-8'"
		byName  = "delete them: calicoctl delete ippool no-nat-to-10-0-0-0-9 no-nat-to-10-192-0-0-10"
		splits  = ", and run again, which splits the range around the other pool; in between, traffic to them is masqueraded"
	)
	pools := splitAround(t, "10.0.0.0/8")
	annotated := splitAround(t, "10.0.0.0/8")
	annotated[2].Annotations = map[string]string{"projectcalico.org/metadata": `{"labels":{"calico-bootstrap/no-nat-to":"10-0-0-0-8"}}`}
	annotated[2].Labels = nil
	six := splitAround(t, "fd00::/8")
	six[1].Labels[plan.NoNATLabel] = "yes" // by hand
	foreign := poolstest.Stored("mine", "172.16.0.0/16", poolstest.Disabled, func(p *v3.IPPool) {
		p.Spec.DisableBGPExport = true
		p.Labels = map[string]string{plan.NoNATLabel: "10-0-0-0-8"}
	})
	for name, tt := range map[string]struct {
		cli      datastore.CLI
		noNAT    []string
		existing []v3.IPPool
		want     []string
	}{
		"dropped":           {kubectl, nil, pools, []string{parts + "are not requested by noNATTo" + still + byLabel}},
		"dropped, in etcd":  {calicoctl, nil, pools, []string{parts + "are not requested by noNATTo" + still + byName}},
		"an unknown client": {datastore.CLI{}, nil, pools, []string{parts + "are not requested by noNATTo" + still + "delete them"}},
		"replaced":          {kubectl, []string{"192.168.0.0/16"}, pools, []string{parts + "are not requested by noNATTo" + still + byLabel}},
		"narrowed":          {kubectl, []string{"10.0.0.0/10"}, pools, []string{parts + "are wider than requested by noNATTo" + still + byLabel + between}},
		"narrowed to a part": {kubectl, []string{"10.0.0.0/9"}, pools, []string{
			`IPPool "no-nat-to-10-192-0-0-10": 10.192.0.0/10 is not requested by noNATTo: traffic to it is still not masqueraded; if that is not intended, delete it: kubectl delete ippools.crd.projectcalico.org no-nat-to-10-192-0-0-10`}},
		"a label in an annotation": {kubectl, nil, annotated, []string{parts + "are not requested by noNATTo" + still + strings.Replace(byName, "calicoctl delete ippool", "kubectl delete ippools.crd.projectcalico.org", 1)}},
		"a label of another range": {kubectl, []string{"172.16.0.0/16"}, append(pools[:3:3], foreign), []string{parts + "are not requested by noNATTo" + still + strings.Replace(byName, "calicoctl delete ippool", "kubectl delete ippools.crd.projectcalico.org", 1)}},
		"a label by hand": {kubectl, nil, six, []string{
			`IPPool "no-nat-to-fd00---8": fd00::/8 is not requested by noNATTo: traffic to it is still not masqueraded; if that is not intended, delete it: kubectl delete ippools.crd.projectcalico.org no-nat-to-fd00---8`}},
		"a later pool over all": {kubectl, []string{"10.0.0.0/8"}, append(pools[1:3:3], poolstest.Stored("later", "10.0.0.0/8", func(p *v3.IPPool) { p.Spec.NATOutgoing = true })), []string{
			parts + `overlap 10.0.0.0/8 of IPPool "later": overlapping pools end Felix in nftables mode; ` + byLabel + splits}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			desired := wanting("10.128.0.0/10", tt.noNAT...)
			if name == "a later pool over all" {
				// The range is inside a pool then, which is an error of the split.
				desired.NoNATTo[0].Prefix = netip.MustParsePrefix("10.0.0.0/7")
			}
			assert.Equal(t, tt.want, warningsOf(t, tt.cli, desired, tt.existing...))
		})
	}

	_, err := settled(wanting("10.0.0.0/10", "10.0.0.0/8"), facts.Facts{}, pools[1:]...)
	assert.ErrorContains(t, err, `IPPool "default-ipv4-ippool": 10.0.0.0/10 (default) overlaps 10.0.0.0/9 of IPPool "no-nat-to-10-0-0-0-9": choose another range, or delete it: `)
	assert.ErrorContains(t, err, `, and run again, which splits the range around the new pool; in between, traffic to it is masqueraded`)
	_, err = settled(wanting("10.0.0.0/8"), facts.Facts{}, pools[1:]...)
	assert.EqualError(t, err, `conflicts with existing pools: IPPool "default-ipv4-ippool": 10.0.0.0/8 (default) overlaps 10.0.0.0/9, 10.192.0.0/10 of 2 IPPools of noNATTo: choose another range, or `+
		strings.Replace(byName, "calicoctl delete ippool", "kubectl delete ippools.crd.projectcalico.org", 1)+`, and run again, which splits the range around the new pool; in between, traffic to them is masqueraded`)
}

// The warning about the overlap with a labelled pool is not repeated as a fault of a pool.
func TestStoredFaultsOfNoNAT(t *testing.T) {
	t.Parallel()
	existing := append(splitAround(t, "10.0.0.0/8"), poolstest.Stored("later", "10.9.0.0/16"))
	snapshot := datastore.Snapshot{Pools: poolstest.Records(existing...)}
	p, err := plan.Compute(wanting("10.128.0.0/10", "10.0.0.0/8"), snapshot, plan.DriftReport)
	require.NoError(t, err)
	require.Len(t, p.Warnings, 1)
	assert.Empty(t, p.StoredFaults(snapshot, true))
}

// A range of a family without natOutgoing gets its pools; the warning names the setting.
func TestNoNATWithoutSource(t *testing.T) {
	t.Parallel()
	const nothing = "flag --no-nat-to: 10.0.0.0/8 has no effect: no IPv4 pool has natOutgoing, so nothing is masqueraded; disabled pools cover it nevertheless; set natOutgoing of an IPv4 pool to true"
	off := wanting("10.128.0.0/10", "10.0.0.0/8")
	off.Pools[0].Pool.Spec.NATOutgoing = false
	p, err := settled(off, facts.Facts{})
	require.NoError(t, err)
	assert.Equal(t, []string{nothing + " with ipv4.pool.natOutgoing=true, or leave the range out"}, p.Warnings)
	assert.Len(t, actions(p), 2, "the pools are created")

	p, err = settled(off, facts.Facts{}, after(p)...)
	require.NoError(t, err)
	assert.Equal(t, []string{nothing + " with ipv4.pool.natOutgoing=true and onDrift=update, or leave the range out"}, p.Warnings)
	p, err = settled(off, facts.Facts{}, poolstest.Stored("other", "192.0.2.0/24"))
	require.NoError(t, err)
	assert.Equal(t, []string{nothing + ", or leave the range out"}, p.Warnings)
}

// A pool that masquerades counts as a source, whatever the step of its name is.
func TestNoNATSourceOfExistingPool(t *testing.T) {
	t.Parallel()
	natted := func(pool *v3.IPPool) { pool.Spec.NATOutgoing = true }
	malformed := func(fields string) datastore.Unreadable {
		raw := []byte(`{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"default-ipv4-ippool"},"spec":{"cidr":"10.244.0.0/16",` + fields + `}}`)
		_, err := ippool.DecodeRecord(raw)
		require.Error(t, err)
		return datastore.Unreadable{Name: "default-ipv4-ippool", CIDR: "10.244.0.0/16", Err: err}
	}
	for name, tt := range map[string]struct {
		existing   []v3.IPPool
		unreadable []datastore.Unreadable
		warns      bool
	}{
		"of the default name":                     {existing: []v3.IPPool{poolstest.Default4()}},
		"of the default name, disabled":           {existing: []v3.IPPool{poolstest.Default4(poolstest.Disabled)}},
		"of another name":                         {existing: []v3.IPPool{poolstest.Stored("rack-a", "10.244.0.0/16", natted)}},
		"another, beside one without natOutgoing": {existing: []v3.IPPool{poolstest.Stored("default-ipv4-ippool", "10.245.0.0/16"), poolstest.Stored("rack-a", "10.244.0.0/16", natted)}},
		"natOutgoing is unreadable":               {unreadable: []datastore.Unreadable{malformed(`"natOutgoing":"yes"`)}},
		"without natOutgoing":                     {existing: []v3.IPPool{poolstest.Stored("default-ipv4-ippool", "10.244.0.0/16")}, warns: true},
		"none":                                    {warns: true},
	} {
		for _, skip := range []string{"", "no default pools"} {
			t.Run(name+" "+skip, func(t *testing.T) {
				t.Parallel()
				desired := wanting("10.244.0.0/16", "203.0.114.7/32")
				desired.Pools[0].Skip, desired.Pools[0].Pool.Spec.NATOutgoing = skip, false
				p, err := plan.Compute(desired, datastore.Snapshot{Pools: poolstest.Records(tt.existing...), Unreadable: tt.unreadable}, plan.DriftReport)
				require.NoError(t, err)
				assert.Equal(t, tt.warns, strings.Contains(strings.Join(p.Warnings, "\n"), "has no effect"), p.Warnings)
			})
		}
	}
}

// The effect of a range is one sentence, with what remains masqueraded in it.
func TestNoNATEffect(t *testing.T) {
	t.Parallel()
	services := facts.Facts{Survey: facts.Survey{ServiceCIDRs: factstest.At(origin.Cluster("s"), "10.96.0.0/12")}}
	lb := poolstest.Stored("lb", "10.0.0.0/12", poolstest.ForLoadBalancers)
	random := wanting("10.128.0.0/10", "fc00::/7", "2001:db8::/32")
	random.Pools = append(random.Pools, wanting("").Pools...)
	random.Pools[1].Family, random.Pools[1].Pool.Name = 6, "default-ipv6-ippool"
	for name, tt := range map[string]struct {
		desired  plan.Desired
		known    facts.Facts
		existing []v3.IPPool
		want     []string
	}{
		"around pods":              {wanting("10.128.0.0/10", "10.0.0.0/8"), facts.Facts{}, nil, []string{"traffic to 10.0.0.0/8 is not masqueraded"}},
		"around Services":          {wanting("10.128.0.0/10", "10.0.0.0/8"), services, nil, []string{"traffic to 10.0.0.0/8 is not masqueraded, except to 10.96.0.0/12 (Services: the backend decides)"}},
		"around load balancers":    {wanting("10.128.0.0/10", "10.0.0.0/8"), services, []v3.IPPool{lb, poolstest.Stored("p", "192.0.2.0/24")}, []string{`traffic to 10.0.0.0/8 is not masqueraded, except to 10.0.0.0/12 (IPPool "lb" for load balancers), 10.96.0.0/12 (Services: the backend decides)`}},
		"in Services":              {wanting("10.128.0.0/10", "10.97.0.0/16"), services, nil, []string{""}},
		"covered by a wider range": {wanting("10.128.0.0/10", "10.0.0.0/10", "10.64.0.0/10"), facts.Facts{}, splitAround(t, "10.0.0.0/8"), []string{"traffic to 10.0.0.0/10 is not masqueraded", "traffic to 10.64.0.0/10 is not masqueraded"}},
		"around a random range": {random, facts.Facts{}, nil, []string{
			`traffic to fc00::/7 is not masqueraded; when IPPool "default-ipv6-ippool" is created, its random range is left out, so that more pools cover the rest`, "traffic to 2001:db8::/32 is not masqueraded"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := settled(tt.desired, tt.known, tt.existing...)
			require.NoError(t, err)
			var got []string
			for _, r := range p.NoNATTo {
				got = append(got, p.NoNATEffect(r))
			}
			assert.Equal(t, tt.want, got)
		})
	}
}
