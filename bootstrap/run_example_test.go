package bootstrap_test

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// shelf is a datastore of one's own, for one process. Those for etcd and for
// Kubernetes are in bootstrap/etcdv3 and bootstrap/kubernetes.
type shelf struct{ pools []*ippool.Record }

func (s *shelf) Type() bootstrap.DatastoreType { return "shelf" }

func (s *shelf) Snapshot(context.Context) (bootstrap.Snapshot, error) {
	return bootstrap.Snapshot{Pools: s.pools}, nil
}

func (s *shelf) Blocks(context.Context, []ippool.Family) ([]netip.Prefix, error) { return nil, nil }

func (s *shelf) Commit(_ context.Context, _ bootstrap.Snapshot, changes []bootstrap.Change) error {
	for _, change := range changes {
		if change.Create != nil { // an update is in the records already
			s.pools = append(s.pools, ippool.NewRecord(change.Create))
		}
	}
	return nil
}

func wanted() bootstrap.Settings {
	var settings bootstrap.Settings
	settings.IPv4.CIDR = bootstrap.Given("10.244.0.0/16", "cluster.yaml pods.ipv4")
	settings.IPv4.NATOutgoing = bootstrap.Given("false", "cluster.yaml pods.masquerade")
	settings.IPv6.CIDR = bootstrap.Given("none", "cluster.yaml pods.ipv6")
	return settings
}

func ExampleRun() {
	store := &shelf{}
	for range 2 {
		report, err := bootstrap.Run(context.Background(), store, wanted())
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, pool := range report.Pools {
			fmt.Printf("pool %s is %s: %s\n", pool.Name, pool.Action, pool.Reason)
		}
	}
	// Output:
	// pool default-ipv4-ippool is created: no IPv4 pool existed
	// pool default-ipv6-ippool is skipped: cluster.yaml pods.ipv6 is "none"
	// pool default-ipv4-ippool is unchanged: exists
	// pool default-ipv6-ippool is skipped: cluster.yaml pods.ipv6 is "none"
}

// A plan says where each value comes from.
func ExampleWithDryRun() {
	report, err := bootstrap.Run(context.Background(), &shelf{}, wanted(), bootstrap.WithDryRun())
	if err != nil {
		fmt.Println(err)
		return
	}
	pool := report.Pools[0]
	fmt.Println(pool.Name, pool.Action)
	for _, setting := range pool.Settings {
		if setting.Source != bootstrap.SourceDefault {
			fmt.Printf("%s: %v (%s)\n", setting.Field, setting.Value, setting.Source)
		}
	}
	// Output:
	// default-ipv4-ippool would-create
	// cidr: 10.244.0.0/16 (cluster.yaml pods.ipv4)
	// natOutgoing: false (cluster.yaml pods.masquerade)
}

func ExampleWithObserver() {
	observe := func(event bootstrap.Event) {
		switch event.Kind {
		case bootstrap.EventRetrying:
			fmt.Printf("attempt %d failed, the next is in %s: %s\n", event.Attempt, event.Wait, event.Err)
		case bootstrap.EventWritten:
			for _, pool := range event.Pools {
				fmt.Printf("pool %s is %s\n", pool.Name, pool.Action)
			}
		default: // there may be others, one day
			fmt.Println(event.Kind)
		}
	}
	if _, err := bootstrap.Run(context.Background(), &shelf{}, wanted(), bootstrap.WithObserver(observe)); err != nil {
		fmt.Println(err)
	}
	// Output:
	// reading
	// planned
	// writing
	// pool default-ipv4-ippool is created
}
