package firewall_test

import (
	"fmt"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/firewall"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

func ExampleOpenings() {
	openings, _ := firewall.Openings(firewall.Config{
		Pools: []firewall.Pool{{Name: "default-ipv4-ippool", Family: ippool.IPv4, IPIPMode: v3.IPIPModeAlways}},
	})
	for _, opening := range openings {
		fmt.Printf("%s: %s\n", opening, opening.Reason)
	}
	// Output:
	// 179/tcp: the nodes exchange routes
	// protocol 4: traffic between nodes is encapsulated: ipipMode is enabled in default-ipv4-ippool
}

func ExampleFirewallCmd() {
	openings, _ := firewall.Openings(firewall.Config{NoBGP: true, Registry: true})
	for _, command := range firewall.FirewallCmd(openings, "internal") {
		fmt.Println(command)
	}
	// Output:
	// firewall-cmd --permanent --zone=internal --add-port=5000/tcp
	// firewall-cmd --zone=internal --add-port=5000/tcp
}

func ExampleNetworkManagerConf() {
	fmt.Print(firewall.NetworkManagerConf())
	// Output:
	// [keyfile]
	// unmanaged-devices=interface-name:cali*;interface-name:tunl*;interface-name:vxlan.calico;interface-name:vxlan-v6.calico;interface-name:wireguard.cali;interface-name:wg-v6.cali
}
