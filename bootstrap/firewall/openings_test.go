package firewall_test

import (
	"fmt"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/firewall"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

func pool(name string, family ippool.Family, ipip v3.IPIPMode, vxlan v3.VXLANMode) firewall.Pool {
	return firewall.Pool{Name: name, Family: family, IPIPMode: ipip, VXLANMode: vxlan}
}

func TestOpenings(t *testing.T) {
	t.Parallel()
	var (
		bare    = pool("bare", 4, "Never", "Never")
		unset   = pool("unset", 4, "", "")
		ipip    = pool("ipip", 4, "Always", "Never")
		across  = pool("across", 4, "CrossSubnet", "")
		vxlan   = pool("vxlan", 4, "Never", "Always")
		vxlan6  = pool("vxlan6", 6, "Never", "CrossSubnet")
		bare6   = pool("bare6", 6, "", "")
		newWord = pool("newer", 4, "Sometimes", "")
	)
	tests := []struct {
		name     string
		config   firewall.Config
		want     []string // families and opening
		warnings []string
	}{
		{"no pools", firewall.Config{}, []string{"[IPv4] 179/tcp"}, nil},
		{"no pools and no BGP", firewall.Config{NoBGP: true}, []string{}, nil},
		{"no encapsulation", firewall.Config{Pools: []firewall.Pool{bare}}, []string{"[IPv4] 179/tcp"}, nil},
		{"no modes", firewall.Config{Pools: []firewall.Pool{unset}}, []string{"[IPv4] 179/tcp"}, nil},
		{"dual stack", firewall.Config{Pools: []firewall.Pool{bare6, bare}}, []string{"[IPv4 IPv6] 179/tcp"}, nil},
		{"IPv6 alone", firewall.Config{Pools: []firewall.Pool{bare6}}, []string{"[IPv6] 179/tcp"}, nil},
		{"IPIP", firewall.Config{Pools: []firewall.Pool{ipip, bare6}}, []string{"[IPv4 IPv6] 179/tcp", "[IPv4] protocol 4"}, nil},
		{"IPIP across subnets", firewall.Config{Pools: []firewall.Pool{across}}, []string{"[IPv4] 179/tcp", "[IPv4] protocol 4"}, nil},
		{"a mode that a newer Calico may have", firewall.Config{Pools: []firewall.Pool{newWord}}, []string{"[IPv4] 179/tcp", "[IPv4] protocol 4"}, nil},
		{"VXLAN", firewall.Config{Pools: []firewall.Pool{vxlan, vxlan6}}, []string{"[IPv4 IPv6] 179/tcp", "[IPv4 IPv6] 4789/udp"},
			[]string{"every pool has vxlanMode on, and needs no BGP: where the cluster has it turned off, 179/tcp can stay closed"}},
		{"VXLAN of one family", firewall.Config{Pools: []firewall.Pool{bare, vxlan6}}, []string{"[IPv4 IPv6] 179/tcp", "[IPv6] 4789/udp"}, nil},
		{"VXLAN without BGP", firewall.Config{Pools: []firewall.Pool{vxlan}, NoBGP: true}, []string{"[IPv4] 4789/udp"}, nil},
		{"IPIP and more, without BGP", firewall.Config{Pools: []firewall.Pool{vxlan, ipip, bare, bare6, across, unset}, NoBGP: true},
			[]string{"[IPv4] protocol 4", "[IPv4] 4789/udp"},
			[]string{"without BGP the nodes learn no routes to the addresses of ipip, bare, bare6 and 2 more pools: only pools with vxlanMode on do without it"}},
		{"both encapsulations", firewall.Config{Pools: []firewall.Pool{ipip, vxlan}}, []string{"[IPv4] 179/tcp", "[IPv4] protocol 4", "[IPv4] 4789/udp"}, nil},
		{"all that is asked for", firewall.Config{
			Pools: []firewall.Pool{bare}, Datastore: firewall.Etcd(nil), Typha: true, WireGuard: true, Registry: true,
		}, []string{"[IPv4] 179/tcp", "[IPv4] 2379/tcp", "[IPv4] 5473/tcp", "[IPv4] 51820/udp", "[IPv6] 51821/udp", "[IPv4] 5000/tcp"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			openings, warnings := firewall.Openings(tt.config)
			got := []string{}
			for _, opening := range openings {
				got = append(got, fmt.Sprint(opening.Families, " ", opening))
				assert.NoError(t, opening.Validate())
				assert.NotEmpty(t, opening.Name)
				assert.NotEmpty(t, opening.Reason)
			}
			assert.Equal(t, tt.want, got)
			assert.Equal(t, tt.warnings, warnings)
		})
	}
}

func TestReasonsNameThePools(t *testing.T) {
	t.Parallel()
	openings, _ := firewall.Openings(firewall.Config{Pools: []firewall.Pool{
		pool("a", 4, "Always", ""), pool("b", 4, "", "Always"), pool("c", 4, "CrossSubnet", ""), pool("d", 4, "Always", ""),
	}})
	assert.Equal(t, "traffic between nodes is encapsulated: ipipMode is on in a, c, d", openings[1].Reason)
	assert.Equal(t, "traffic between nodes is encapsulated: vxlanMode is on in b", openings[2].Reason)
}

func TestDatastore(t *testing.T) {
	t.Parallel()
	ports := func(openings ...firewall.Opening) []string {
		var all []string
		for _, opening := range openings {
			all = append(all, opening.Name+" "+opening.Port)
		}
		return all
	}
	for endpoints, want := range map[string][]string{
		"":                         {"etcd 2379/tcp"},
		"https://10.0.0.1:2379":    {"etcd 2379/tcp"},
		"https://10.0.0.1":         {"etcd 2379/tcp"},
		"etcd.example.com:4001":    {"etcd 4001/tcp"},
		"[fd00::1]:2379":           {"etcd 2379/tcp"},
		"https://[fd00::1]:12379/": {"etcd 12379/tcp"},
		"fd00::1":                  {"etcd 2379/tcp"},
		"http://x:$(reboot)":       {"etcd 2379/tcp"},
		"http://x:70000":           {"etcd 2379/tcp"},
		"http://x:0":               {"etcd 2379/tcp"},
		"http://x:04001":           {"etcd 4001/tcp"},
	} {
		var all []string
		if endpoints != "" {
			all = []string{endpoints}
		}
		assert.Equal(t, want, ports(firewall.Etcd(all)...), endpoints)
	}
	assert.Equal(t, []string{"etcd 2379/tcp", "etcd 4001/tcp"},
		ports(firewall.Etcd([]string{"https://a:2379", "https://b:4001", " https://c:2379"})...))

	for server, want := range map[string]string{
		"":                        "Kubernetes API 6443/tcp",
		"https://10.0.0.1:6443":   "Kubernetes API 6443/tcp",
		"https://api.example.com": "Kubernetes API 443/tcp",
		"https://a:8443/prefix:1": "Kubernetes API 8443/tcp",
		"10.0.0.1:16443":          "Kubernetes API 16443/tcp",
		":9443":                   "Kubernetes API 9443/tcp",
	} {
		assert.Equal(t, []string{want}, ports(firewall.APIServer(server)), server)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	both := []ippool.Family{4, 6}
	for want, opening := range map[string]firewall.Opening{
		"":                                       {Name: "x", Port: "179/tcp", Families: both},
		`opening "x": set a port or a protocol`:  {Name: "x", Families: both},
		`opening "xy": set a port or a protocol`: {Name: "xy", Port: "179/tcp", Protocol: "4", Families: both},
		`opening "x": port "179" is invalid; must be one such as 179/tcp`:           {Name: "x", Port: "179", Families: both},
		`opening "x": port "1/tcp; reboot" is invalid; must be one such as 179/tcp`: {Name: "x", Port: "1/tcp; reboot", Families: both},
		`opening "x": port "0/tcp" is invalid; must be one such as 179/tcp`:         {Name: "x", Port: "0/tcp", Families: both},
		`opening "x": port "65536/tcp" is invalid; must be one such as 179/tcp`:     {Name: "x", Port: "65536/tcp", Families: both},
		`opening "x": protocol "256" is not a number; must be 0 to 255`:             {Name: "x", Protocol: "256", Families: both},
		`opening "x": protocol "04" is not a number; must be 0 to 255`:              {Name: "x", Protocol: "04", Families: both},
		`opening "x": protocol "ipip" is not a number; must be 0 to 255`:            {Name: "x", Protocol: "ipip", Families: both},
		`opening "x": families must be 4, 6 or both`:                                {Name: "x", Protocol: "4"},
		`opening "x": families [5]: must be 4, 6 or both`:                           {Name: "x", Protocol: "4", Families: []ippool.Family{5}},
	} {
		err := opening.Validate()
		if want == "" {
			assert.NoError(t, err)
			continue
		}
		assert.EqualError(t, err, want)
	}
}

func TestPoolOf(t *testing.T) {
	t.Parallel()
	assert.Equal(t, firewall.Pool{Name: "a", Family: 4, CIDR: "10.0.0.0/16", IPIPMode: "Never", VXLANMode: "CrossSubnet"},
		firewall.PoolOf("a", ippool.IPv4, v3.IPPoolSpec{CIDR: "10.0.0.0/16", VXLANMode: "CrossSubnet"}))
	assert.Equal(t, firewall.Pool{Name: "b", Family: 6, IPIPMode: "Never", VXLANMode: "Never"},
		firewall.PoolOf("b", ippool.IPv6, v3.IPPoolSpec{}))
}
