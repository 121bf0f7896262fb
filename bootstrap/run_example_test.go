package bootstrap_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// memory is a custom datastore, in the memory of one process. The datastores for etcd
// and Kubernetes are in datastore/etcdv3 and datastore/kubernetes.
type memory struct{ pools []*ippool.Record }

func (s *memory) Type() datastore.Type { return "memory" }

func (s *memory) Snapshot(context.Context) (datastore.Snapshot, error) {
	return datastore.Snapshot{Pools: s.pools}, nil
}

func (s *memory) Blocks(context.Context, []ippool.Family) ([]netip.Prefix, error) { return nil, nil }

func (s *memory) Commit(_ context.Context, _ datastore.Snapshot, changes []datastore.Change) (datastore.Result, error) {
	var result datastore.Result
	for _, change := range changes {
		if change.Create == nil {
			return result, errors.New("updates are not supported")
		}
		s.pools = append(s.pools, ippool.NewRecord(change.Create))
		result.Outcomes = append(result.Outcomes, datastore.Outcome{State: datastore.Written, Stored: change.Create.DeepCopy()})
	}
	return result, nil
}

func clusterSettings() settings.Settings {
	var s settings.Settings
	s.IPv4.CIDR = settings.Given("10.244.0.0/16", origin.Caller("cluster.yaml pods.ipv4"))
	s.IPv4.NATOutgoing = settings.Given("false", origin.Caller("cluster.yaml pods.masquerade"))
	s.IPv6.CIDR = settings.Given("none", origin.Caller("cluster.yaml pods.ipv6"))
	s.Preflight = settings.Given("off", origin.Caller("cluster.yaml checks"))
	return s
}

// A program reads settings, runs, and handles the errors. Without a setting of Timeout, a
// run ends after 60 seconds.
func Example() {
	s := clusterSettings()        // or settings.FromEnv()
	b := bootstrap.New(&memory{}) // or etcdv3.New(client), kubernetes.Open(config), open.FromSettings(s)

	report, err := b.Run(context.Background(), s)
	var partial *bootstrap.PartialError
	switch {
	case errors.Is(err, settings.ErrInvalidSettings):
		fmt.Println("fix the settings; nothing was contacted:", err)
	case errors.As(err, &partial):
		fmt.Println("run again; some pools were written:", partial.Created, partial.Updated, err)
	case errors.Is(err, bootstrap.ErrTimedOut):
		fmt.Println("run again later:", err)
	case err != nil:
		fmt.Println("nothing was written:", err)
	}
	for _, pool := range report.Pools {
		fmt.Println(pool.Name, pool.Action)
	}
	// Output:
	// default-ipv4-ippool created
	// default-ipv6-ippool skipped
}

func ExampleBootstrap_Run() {
	store := &memory{}
	for range 2 {
		report, err := bootstrap.New(store).Run(context.Background(), clusterSettings())
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

// A plan has the pools that would be written, and the source of each value. Apply writes
// exactly that, or returns datastore.ErrConflict if the plan is outdated.
func ExampleBootstrap_Plan() {
	ctx := context.Background()
	b := bootstrap.New(&memory{})
	p, err := b.Plan(ctx, clusterSettings())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(p)
	for _, value := range p.Steps[0].Values {
		if value.Source != origin.Default {
			fmt.Printf("%s: %v (%s)\n", value.Field, value.Value, value.Source)
		}
	}
	report, err := b.Apply(ctx, p)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Pools[0].Name, report.Pools[0].Action)
	_, err = b.Apply(ctx, p)
	fmt.Println(errors.Is(err, datastore.ErrConflict))
	// Output:
	// + IPv4 pool default-ipv4-ippool 10.244.0.0/16: would-create (no IPv4 pool exists)
	//   NAT: traffic from 10.244.0.0/16 is not masqueraded
	// - IPv6 pool default-ipv6-ippool: skipped (cluster.yaml pods.ipv6 is "none")
	// cidr: 10.244.0.0/16 (cluster.yaml pods.ipv4)
	// natOutgoing: false (cluster.yaml pods.masquerade)
	// default-ipv4-ippool created
	// true
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
		default: // more kinds may be added
			fmt.Println(event.Kind)
		}
	}
	if _, err := bootstrap.New(&memory{}, bootstrap.WithObserver(observe)).Run(context.Background(), clusterSettings()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// reading
	// planned
	// writing
	// pool default-ipv4-ippool is created
}
