package bootstrap_test

import (
	"context"
	"fmt"
	"net/netip"

	"sigs.k8s.io/yaml"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

func ExampleRender() {
	var given settings.Settings
	given.IPv4.CIDR = settings.Given("10.244.0.0/16", origin.Caller("the installer"))
	given.IPv4.VXLAN = settings.Given("CrossSubnet", origin.Caller("the installer"))
	given.IPv6.CIDR = settings.Given("none", origin.Caller("the installer"))
	pools, warnings, err := bootstrap.Render(context.Background(), given)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, pool := range pools {
		text, err := yaml.Marshal(pool.Spec)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s\n%s", pool.Name, text)
	}
	fmt.Println(warnings)
	// Output:
	// default-ipv4-ippool
	// allowedUses:
	// - Workload
	// - Tunnel
	// assignmentMode: Automatic
	// blockSize: 26
	// cidr: 10.244.0.0/16
	// ipipMode: Never
	// natOutgoing: true
	// nodeSelector: all()
	// vxlanMode: CrossSubnet
	// []
}

// desktop is a facts.Host that Render and Run use instead of the real host.
type desktop struct{}

func (desktop) Networks(context.Context) ([]facts.Located, error) {
	return []facts.Located{{Prefix: netip.MustParsePrefix("192.168.1.0/24"), Source: origin.Host("interface eth0")}}, nil
}

func (desktop) Routes(context.Context) ([]facts.Located, error) { return nil, nil }

func (desktop) IPv6Disabled() string { return "it is switched off" }

func ExampleWithHost() {
	pools, _, err := bootstrap.Render(context.Background(), settings.Settings{}, bootstrap.WithHost(desktop{}))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, pool := range pools {
		fmt.Println(pool.Name, pool.Spec.CIDR)
	}
	// Output:
	// default-ipv4-ippool 172.16.0.0/16
}
