package plan_test

import (
	"fmt"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

func ExampleCompute() {
	var given settings.Settings
	given.IPv6.CIDR = settings.Given("fd00:10:244::/64", origin.Caller("the installer"))
	config, err := given.Resolve()
	if err != nil {
		fmt.Println(err)
		return
	}
	existing := ippool.New("services")
	existing.Spec.CIDR = "10.96.0.0/16"
	p, err := plan.Compute(config.Desired, datastore.Snapshot{Pools: []*ippool.Record{ippool.NewRecord(existing)}}, plan.DriftReport)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, step := range p.Steps {
		fmt.Printf("pool %s is %s: %s\n", step.Name, step.Action, step.Reason)
	}
	// Output:
	// pool services is unchanged: exists
	// pool default-ipv6-ippool is created: no IPv6 pool existed
}
