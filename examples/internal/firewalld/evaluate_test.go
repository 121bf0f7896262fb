package firewalld

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/firewall"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

var (
	both = []ippool.Family{ippool.IPv4, ippool.IPv6}
	bgp  = firewall.Opening{Name: "BGP", Port: "179/tcp", Families: both}
	ipip = firewall.Opening{Name: "IP-in-IP", Protocol: "4", Families: both[:1]}
)

// The tests in internal/integration/host/firewalld compare with a real firewalld by
// sending packets.
func TestEvaluate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name          string
		configuration Configuration
		opening       firewall.Opening
		want          Result
	}{
		{"empty", Configuration{}, bgp, Result{Missing, ""}},
		{"shut", Configuration{Shut: "panic mode is on", Zone: Rules{Target: "ACCEPT"}}, bgp, Result{Missing, "panic mode is on"}},
		{"target ACCEPT", Configuration{Zone: Rules{Target: "ACCEPT"}}, ipip, Result{Open, "the zone's target ACCEPT"}},
		{"target REJECT", Configuration{Zone: Rules{Target: "%%REJECT%%"}}, ipip, Result{Missing, "the zone's target REJECT"}},
		{"rules before the target", Configuration{Zone: Rules{Target: "DROP", Ports: []Port{{"179", "tcp"}}}}, bgp, Result{Open, "port 179/tcp"}},
		{"protocol by number", Configuration{Zone: Rules{Protocols: []string{"4"}}}, ipip, Result{Open, "protocol 4"}},
		{"protocol by name", Configuration{Zone: Rules{Protocols: []string{"ipencap"}}}, ipip, Result{Open, "protocol ipencap"}},
		{"ipip is 94", Configuration{Zone: Rules{Protocols: []string{"ipip", "94"}}}, ipip, Result{Missing, ""}},
		{"a port is not a protocol", Configuration{Zone: Rules{Ports: []Port{{"4", "tcp"}}}}, ipip, Result{Missing, ""}},
		{"invalid port ranges", Configuration{Zone: Rules{Ports: []Port{{"a-b", "tcp"}, {"", "tcp"}, {"100-", "tcp"}}}}, bgp, Result{Missing, ""}},
		{"a service for an address", Configuration{
			Zone:     Rules{Services: []string{"multicast"}},
			Services: map[string]Service{"multicast": {Ports: []Port{{"179", "tcp"}}, Destinations: map[string]string{"ipv4": "224.0.0.5"}}},
		}, bgp, Result{Missing, ""}},
		{"a service with a protocol", Configuration{
			Zone: Rules{Services: []string{"tunnel"}}, Services: map[string]Service{"tunnel": {Protocols: []string{"ipencap"}}},
		}, ipip, Result{Open, "service tunnel"}},
		{"services that include each other", Configuration{
			Zone:     Rules{Services: []string{"a"}},
			Services: map[string]Service{"a": {Includes: []string{"b"}}, "b": {Includes: []string{"a", "c"}}, "c": {Ports: []Port{{"179", "tcp"}}}},
		}, bgp, Result{Open, "service a"}},
		{"services that include each other, without the port", Configuration{
			Zone:     Rules{Services: []string{"a"}},
			Services: map[string]Service{"a": {Includes: []string{"b"}}, "b": {Includes: []string{"a"}}},
		}, bgp, Result{Missing, ""}},
		{"one family", Configuration{Zone: Rules{Rich: []string{`rule family="ipv6" port port="179" protocol="tcp" accept`}}}, bgp, Result{Missing, "IPv4"}},
		{"one family, and some packets of the other", Configuration{Zone: Rules{Rich: []string{
			`rule family="ipv6" port port="179" protocol="tcp" accept`, `rule family="ipv4" source ipset="nodes" accept`,
		}}}, bgp, Result{Limited, `IPv4: rich rule 'rule family="ipv4" source ipset="nodes" accept'`}},
		{"an ICMP type", Configuration{Zone: Rules{Rich: []string{`rule icmp-type name="echo-request" accept`, `rule icmp-block name="redirect"`}}}, bgp, Result{Missing, ""}},
		{"mark, then accept", Configuration{Zone: Rules{Rich: []string{
			`rule port port="179" protocol="tcp" mark set="0x1"`, `rule port port="179" protocol="tcp" accept`,
		}}}, bgp, Result{Open, `rich rule 'rule port port="179" protocol="tcp" accept'`}},
		{"accept and drop with the same priority", Configuration{Zone: Rules{Rich: []string{
			`rule port port="179" protocol="tcp" accept`, `rule port port="179" protocol="tcp" drop`,
		}}}, bgp, Result{Missing, `rich rule 'rule port port="179" protocol="tcp" drop'`}},
		{"port, then a rule that rejects the rest", Configuration{Zone: Rules{
			Ports: []Port{{"179", "tcp"}}, Rich: []string{`rule priority="7" reject`},
		}}, bgp, Result{Open, "port 179/tcp"}},
		{"port, some packets dropped before", Configuration{Zone: Rules{
			Ports: []Port{{"179", "tcp"}}, Rich: []string{`rule family="ipv4" source address="10.9.9.9" drop`},
		}}, bgp, Result{Limited, `IPv4: rich rule 'rule family="ipv4" source address="10.9.9.9" drop'`}},
		{"port, some packets dropped after", Configuration{Zone: Rules{
			Ports: []Port{{"179", "tcp"}}, Rich: []string{`rule priority="5" family="ipv4" source address="10.9.9.9" drop`},
		}}, bgp, Result{Open, "port 179/tcp"}},
		{"some packets dropped, none accepted", Configuration{Zone: Rules{Rich: []string{`rule family="ipv4" source address="10.9.9.9" drop`}}}, bgp, Result{Missing, ""}},
		{"some packets dropped, some accepted, the rest rejected", Configuration{Zone: Rules{Rich: []string{
			`rule priority="-2" family="ipv4" source address="10.9.9.9" drop`, `rule family="ipv4" source address="10.9.0.0/16" accept`,
		}}}, ipip, Result{Limited, `rich rule 'rule family="ipv4" source address="10.9.0.0/16" accept'`}},
		{"port, all addresses dropped", Configuration{Zone: Rules{
			Ports: []Port{{"179", "tcp"}}, Rich: []string{`rule family="ipv6" source address="::/0" drop`},
		}}, bgp, Result{Missing, `IPv6: rich rule 'rule family="ipv6" source address="::/0" drop'`}},
		{"policy after the zone accepts", Configuration{
			Policies: []Policy{{Name: "p", Priority: 5, Rules: Rules{Target: "CONTINUE", Ports: []Port{{"179", "tcp"}}}}},
		}, bgp, Result{Open, "policy p: port 179/tcp"}},
		{"port, then a policy that drops", Configuration{
			Zone: Rules{Ports: []Port{{"179", "tcp"}}}, Policies: []Policy{{Name: "p", Priority: 5, Rules: Rules{Target: "DROP"}}},
		}, bgp, Result{Open, "port 179/tcp"}},
		{"policy before the zone drops", Configuration{
			Zone: Rules{Ports: []Port{{"179", "tcp"}}}, Policies: []Policy{{Name: "p", Priority: -5, Rules: Rules{Target: "DROP"}}},
		}, bgp, Result{Missing, "policy p's target DROP"}},
		{"policies with target CONTINUE", Configuration{
			Zone: Rules{Target: "ACCEPT"}, Policies: []Policy{{Name: "p", Priority: -5, Rules: Rules{Target: "CONTINUE"}}, {Name: "q", Priority: 5, Rules: Rules{Target: "CONTINUE"}}},
		}, bgp, Result{Open, "the zone's target ACCEPT"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, tt.configuration.Evaluate(tt.opening))
		})
	}
}

func TestReadRichRule(t *testing.T) {
	t.Parallel()
	tests := map[string]richRule{
		`rule priority="-7" family="ipv4" source NOT address="10.0.0.0/8" destination address="10.1.1.1" service name="bgp" drop`: {
			priority: -7, family: "ipv4", service: "bgp", action: "drop", limited: true, inverted: true, destination: "10.1.1.1",
		},
		`rule port port="100-200" protocol="udp" log prefix="say \"accept\" now" level="info" limit value="3/m" reject type="icmp-host-prohibited"`: {
			port: Port{"100-200", "udp"}, action: "reject",
		},
		`rule protocol value="4" audit limit value="1/s" accept limit value="2/s"`: {protocol: "4", action: "accept", limited: true},
		`rule source-port port="179" protocol="tcp" accept`:                        {other: true, action: "accept"},
		`rule forward-port port="80" protocol="tcp" to-port="8080"`:                {other: true},
		`rule family="ipv4" source address="0.0.0.0/0" accept`:                     {family: "ipv4", source: "0.0.0.0/0", action: "accept"},
		`rule source NOT address="::/0" accept`:                                    {inverted: true, limited: true, action: "accept"},
		`rule source mac="00:11:22:33:44:55" drop`:                                 {limited: true, action: "drop"},
		`rule destination ipset="vips" accept`:                                     {limited: true, action: "accept"},
		`rule priority="x" accept`:                                                 {action: "accept"},
		``:                                                                         {},
	}
	for text, want := range tests {
		want.text = text
		assert.Equal(t, want, readRichRule(text), text)
	}
}
