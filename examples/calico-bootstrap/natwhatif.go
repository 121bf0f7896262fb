package main

import (
	"net/netip"
	"slices"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// natChange is a change of a cluster. It replaces what it changes, and does not modify it.
type natChange func(*nat.Cluster)

// whatIf returns the verdict after the changes. It is zero if the question has no answer.
func (a *adviser) whatIf(changes ...natChange) nat.Verdict {
	cluster := a.cluster
	for _, change := range changes {
		change(&cluster)
	}
	verdict, _ := nat.New(cluster).Explain(a.verdict.Source, a.verdict.Destination, a.options)
	return verdict
}

func setNATOutgoing(name string, value bool) natChange {
	return func(c *nat.Cluster) {
		c.Pools = slices.Clone(c.Pools)
		for i, pool := range c.Pools {
			if pool != nil && pool.Name == name {
				changed := *pool
				changed.Spec.NATOutgoing = value
				c.Pools[i] = &changed
			}
		}
	}
}

func deletePool(name string) natChange {
	return func(c *nat.Cluster) {
		c.Pools = slices.DeleteFunc(slices.Clone(c.Pools), func(pool *v3.IPPool) bool { return pool != nil && pool.Name == name })
	}
}

// exemptAddress adds a disabled pool over the address.
func exemptAddress(addr netip.Addr) natChange {
	return func(c *nat.Cluster) {
		pool := &v3.IPPool{}
		pool.Name, pool.Spec.Disabled, pool.Spec.CIDR = "exempt", true, netip.PrefixFrom(addr, addr.BitLen()).String()
		c.Pools = append(slices.Clone(c.Pools), pool)
	}
}

// setFelix changes the FelixConfiguration of that name, which need not exist.
func setFelix(name string, set func(*nat.FelixSpec)) natChange {
	return func(c *nat.Cluster) {
		c.FelixConfigurations = slices.Clone(c.FelixConfigurations)
		i := slices.IndexFunc(c.FelixConfigurations, func(felix nat.FelixConfiguration) bool { return felix.Name == name })
		if i < 0 {
			i = len(c.FelixConfigurations)
			c.FelixConfigurations = append(c.FelixConfigurations, nat.FelixConfiguration{Name: name})
		}
		set(&c.FelixConfigurations[i].Spec)
	}
}

func setExclusions(name, value string) natChange {
	return setFelix(name, func(spec *nat.FelixSpec) { spec.NATOutgoingExclusions = value })
}

// verdicts returns the verdict; if the nodes differ, that of a node for each outcome.
func (a *adviser) verdicts() []nat.Verdict {
	if a.verdict.Decisive().Code != nat.NodesDiffer {
		return []nat.Verdict{a.verdict}
	}
	var (
		verdicts []nat.Verdict
		named    []string
	)
	ask := func(node string) {
		options := a.options
		options.Node = node
		if verdict, err := a.model.Explain(a.verdict.Source, a.verdict.Destination, options); err == nil {
			verdicts = append(verdicts, verdict)
		}
	}
	for _, outcome := range a.verdict.Decisive().Outcomes {
		named = append(named, outcome.Nodes...)
		for _, node := range outcome.Nodes[:min(len(outcome.Nodes), maxAdvisedNodes)] {
			ask(node)
		}
	}
	others := []string{"a node without a FelixConfiguration"} // exists as far as the nodes are unknown
	for _, node := range a.cluster.Nodes {
		others = append(others, node.Name)
	}
	own := a.nodeOf(a.verdict.Destination)
	for _, node := range others {
		if before := len(verdicts); node != own && !slices.Contains(named, node) {
			if ask(node); len(verdicts) > before {
				break
			}
		}
	}
	return verdicts
}

// maxAdvisedNodes is the maximum number of nodes of an outcome that have their own advice.
const maxAdvisedNodes = 4
