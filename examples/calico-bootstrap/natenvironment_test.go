package main

import (
	"net/netip"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// The advised command is one that the program takes in its environment, without a warning.
func TestAdviceInEnvironment(t *testing.T) {
	t.Parallel()
	const alone = "calico-bootstrap --no-default-pools --no-nat-to 198.18.0.7/32"
	for variables, want := range map[string]string{
		"":                                     alone,
		"ETCD_ENDPOINTS=http://127.0.0.1:2379": alone,
		"NO_DEFAULT_POOLS=true":                alone,
		"CALICO_IPPOOLS_FILE=/nowhere":         alone,
		"CALICO_IPV4POOL_CIDR=10.244.0.0/16":   "env -u CALICO_IPV4POOL_CIDR " + alone,
		"CALICO_IPV4POOL_CIDR=10.244.0.0/16 CALICO_IPV6POOL_CIDR=none": "env -u CALICO_IPV4POOL_CIDR -u CALICO_IPV6POOL_CIDR " + alone,
		"CALICO_IPV6POOL_CIDR=fd00:10:244::/64":                        "env -u CALICO_IPV6POOL_CIDR " + alone,
		"CALICO_IPV4POOL_NAME=a":                                       "env -u CALICO_IPV4POOL_NAME " + alone,
		"CALICO_IPV4POOL_VXLAN=Always":                                 "env -u CALICO_IPV4POOL_VXLAN " + alone,
		"CALICO_IPV6POOL_NAT_OUTGOING=true":                            "env -u CALICO_IPV6POOL_NAT_OUTGOING " + alone,
		"CALICO_IPPOOLS_STRICT=true CALICO_IPV4POOL_BLOCK_SIZE=25":     "env -u CALICO_IPV4POOL_BLOCK_SIZE " + alone,
		"CALICO_IPPOOLS_NO_NAT_TO=172.16.0.0/12":                       "calico-bootstrap --no-default-pools --no-nat-to 172.16.0.0/12,198.18.0.7/32",
		"CALICO_IPPOOLS_NO_NAT_TO=172.16.0.1/12,,10.9.0.0/16,":         "calico-bootstrap --no-default-pools --no-nat-to 172.16.0.0/12,10.9.0.0/16,198.18.0.7/32",
		"CALICO_IPPOOLS_NO_NAT_TO=198.18.0.0/16":                       "", // overlaps
		"CALICO_IPV4POOL_CIDR=198.18.0.0/15":                           "", // the settings exclude each other
		"CALICO_IPV4POOL_CIDR=10.244.0.0/16 NO_DEFAULT_POOLS=true":     "",
		"CALICO_IPV4POOL_CIDR=invalid":                                 "",
	} {
		world := adviceWorld(calicoctl)
		for _, variable := range strings.Fields(variables) {
			name, value, _ := strings.Cut(variable, "=")
			for _, d := range settings.Definitions() {
				if d.Env == name {
					*d.Of(&world.environment) = settings.Given(value, origin.Env(name))
				}
			}
		}
		verdict, err := world.model.Explain(netip.MustParseAddr("10.244.0.7"), netip.MustParseAddr("198.18.0.7"), nat.Options{})
		require.NoError(t, err)
		found := ""
		for _, advice := range world.advice(verdict, nat.Options{}) {
			for _, command := range advice.Commands {
				if strings.Contains(command, "--no-nat-to") {
					found = command
				}
			}
		}
		assert.Equal(t, want, found, variables)
	}
}

// A pool of --no-nat-to gives out no addresses: natOutgoing would masquerade nothing there.
func TestAdviceForSourceInNoNATPool(t *testing.T) {
	t.Parallel()
	world := adviceWorld(calicoctl, func(c *nat.Cluster) {
		pool := &v3.IPPool{}
		pool.Name, pool.Labels = "no-nat-to-172-20-0-0-16", map[string]string{plan.NoNATLabel: "true"}
		pool.Spec.CIDR, pool.Spec.Disabled = "172.20.0.0/16", true
		c.Pools = append(c.Pools, pool)
	})
	for source, want := range map[string]string{
		"172.20.0.5": "no setting does: pool no-nat-to-172-20-0-0-16 exempts destinations, and gives out no addresses: check the address",
		"10.16.0.5":  "set natOutgoing of pool corporate, if a pod has the address: the pool is disabled, and gives out no new ones",
	} {
		verdict, err := world.model.Explain(netip.MustParseAddr(source), netip.MustParseAddr("203.0.113.7"), nat.Options{})
		require.NoError(t, err)
		advice := world.advice(verdict, nat.Options{})
		require.NotEmpty(t, advice)
		assert.Contains(t, advice[0].Text, want)
		assert.Equal(t, strings.HasPrefix(want, "no setting"), len(advice[0].Commands) == 0)
	}
}
