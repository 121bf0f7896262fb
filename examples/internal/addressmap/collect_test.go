package addressmap_test

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	. "github.com/calico-bootstrap/calico-bootstrap/examples/internal/addressmap"
)

// texts returns each use with its state and blocks.
func texts(uses []Use) (all []string) {
	for _, use := range uses {
		row := Row{Kind: use.Kind, Prefix: use.Prefix, Count: 1, Sources: []string{use.Source}, State: use.State, Blocks: use.Blocks}
		all = append(all, row.Range()+" "+string(row.Kind)+" "+row.Name()+" "+row.BlocksText())
	}
	return all
}

func TestUsesOfPools(t *testing.T) {
	t.Parallel()
	small := func(pool *v3.IPPool) { pool.Spec.BlockSize = 29 }
	uses, notes := UsesOf(bootstrap.Inventory{
		Snapshot: datastore.Snapshot{
			Pools: records(
				newPool("default", "10.1.0.0/24"), newPool("small", "10.2.0.0/24", small), newPool("host-bits", "10.3.0.9/24"), newPool("mapped", "::ffff:10.4.0.0/120"),
				newPool("six", "fd00::/64"), newPool("wide", "fd01::/48"), newPool("one block", "10.5.0.0/26"), newPool("too small", "10.6.0.0/27"),
				newPool("zeros", "10.7.0.0/024"), newPool("invalid", "10.0.0.0\n"),
			),
			Unreadable: []datastore.Unreadable{{Name: "malformed", CIDR: "10.8.0.0/24", Err: errors.New("x")}, {Name: "nothing", Err: errors.New("x")}},
		},
		Planned:    []*v3.IPPool{newPool("new", "10.9.0.0/16"), newPool("later", "")},
		BlocksRead: true,
		Facts: facts.Facts{Blocks: slices.Concat(
			blocksIn("10.1.0.0/24", 26, 1), blocksIn("10.2.0.0/24", 29, 32), blocksIn("10.5.0.0/26", 26, 1), blocksIn("fd01::/48", 122, 3),
			blocksIn("10.8.0.0/24", 26, 2), blocksIn("10.9.0.0/24", 26, 1), blocksIn("172.16.0.0/16", 26, 7),
		)},
	})
	assert.Equal(t, []string{
		"10.1.0.0/24 pool default 1/4 (25%)", "10.2.0.0/24 pool small 32/32 (100%)", "10.3.0.0/24 pool host-bits 0/4 (0%)", "10.4.0.0/24 pool mapped 0/4 (0%)",
		"fd00::/64 pool six 0", "fd01::/48 pool wide 3 (<0.1%)", "10.5.0.0/26 pool one block 1/1 (100%)", "10.6.0.0/27 pool too small 0",
		"10.7.0.0/24 pool zeros 0/4 (0%)", "10.8.0.0/24 pool malformed (malformed) 2 (50%)", "10.9.0.0/16 pool new (planned) ",
	}, texts(uses))
	assert.Equal(t, []string{
		`IPPool "invalid" is not shown: its CIDR "10.0.0.0\n" is invalid`,
		`IPPool "nothing" is malformed and is not shown: x`,
		"8 IPAM block(s) are in no pool: 10.9.0.0/26, 172.16.0.0/26, 172.16.0.64/26, 172.16.0.128/26, 172.16.0.192/26, 3 more",
		`the CIDR of IPPool "later" is chosen when the pool is created`,
	}, notes)
	uses, _ = UsesOf(bootstrap.Inventory{Snapshot: datastore.Snapshot{Pools: records(newPool("default", "10.1.0.0/24"))}})
	assert.Equal(t, []string{"10.1.0.0/24 pool default "}, texts(uses), "the blocks could not be read")
}

func TestUsesOfCluster(t *testing.T) {
	t.Parallel()
	uses, notes := UsesOf(bootstrap.Inventory{
		Snapshot: datastore.Snapshot{Pools: records(newPool("made", "10.2.0.0/16"))},
		Facts: facts.Facts{
			Networks: slices.Concat(located(origin.Host("interface eth0"), "192.0.2.0/24"), located(origin.Host("interface kube-ipvs0"), "10.96.0.1/32")),
			PodCIDRs: []facts.PodCIDRSource{{Name: origin.Flag("cluster-cidr"), Prefixes: []netip.Prefix{prefix("10.0.0.0/9")}, Services: located(origin.Cluster("kubeadm-config"), "10.97.0.0/16")}},
			Survey: facts.Survey{Nodes: []facts.Node{{
				Name: "a", PodCIDRs: []netip.Prefix{prefix("10.0.1.0/24")},
				Addresses: []netip.Addr{netip.MustParseAddr("::ffff:192.0.2.7"), netip.MustParseAddr("fe80::1%eth0")},
			}}},
			Installation: facts.Installation{Name: origin.Cluster("Installation default"), CreatesPools: true, Pools: []string{"10.2.0.0/16", "10.3.0.0/16", "x"}},
		},
	})
	assert.Equal(t, []string{`Tigera operator, Installation default: the CIDR "x" of a pool is not shown: it is invalid`}, notes)
	assert.Equal(t, []string{
		"10.2.0.0/16 pool made ", "10.0.0.0/9 pod-cidr flag --cluster-cidr ", "10.97.0.0/16 service-cidr kubeadm-config ",
		"10.0.1.0/24 node-pod-cidr node a ", "192.0.2.7/32 node-address node a ", "fe80::1/128 node-address node a ",
		"10.3.0.0/16 pool Tigera operator, Installation default (planned) ", "192.0.2.0/24 interface interface eth0 ",
	}, texts(uses))
}

// The operator's default pool is no free range, and its range is unknown here.
func TestOperatorsDefaultPoolIsNoted(t *testing.T) {
	t.Parallel()
	installation := facts.Installation{Name: origin.Cluster("Installation default"), CreatesPools: true}
	_, notes := UsesOf(bootstrap.Inventory{Facts: facts.Facts{Installation: installation}})
	assert.Equal(t, []string{"Tigera operator, Installation default: names no pools; the range of the operator's default pool is not shown, and may be within a free range"}, notes)
	_, notes = UsesOf(bootstrap.Inventory{Snapshot: datastore.Snapshot{Pools: records(newPool("made", "10.2.0.0/16"))}, Facts: facts.Facts{Installation: installation}})
	assert.Empty(t, notes, "the pool exists")
	_, notes = UsesOf(bootstrap.Inventory{Planned: []*v3.IPPool{newPool("new", "10.2.0.0/16")}, Facts: facts.Facts{Installation: installation}})
	assert.Len(t, notes, 1, "another pool is planned")
	installation.CreatesPools = false
	_, notes = UsesOf(bootstrap.Inventory{Facts: facts.Facts{Installation: installation}})
	assert.Empty(t, notes)
}

// Many pools of an Installation take no quadratic time.
func TestManyPoolsOfTheOperator(t *testing.T) {
	t.Parallel()
	installation := facts.Installation{Name: origin.Cluster("Installation default"), CreatesPools: true}
	for i := range 20_000 {
		installation.Pools = append(installation.Pools, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24).String())
	}
	begin := time.Now()
	uses, _ := UsesOf(bootstrap.Inventory{Facts: facts.Facts{Installation: installation}})
	assert.Len(t, uses, 20_000)
	assert.Less(t, time.Since(begin), 2*time.Second)
}
