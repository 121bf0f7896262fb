package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// natOverview is the result of nat without a pair. Its JSON is stable: later versions may
// only add fields. Lists are never null.
type natOverview struct {
	Datastore  datastore.Type    `json:"datastore"`      // empty with --pools-file
	Node       string            `json:"node,omitempty"` // empty: nodes without a FelixConfiguration of their own
	Version    string            `json:"version"`        // of Calico, as stored
	EBPF       bool              `json:"ebpf"`           // only workloads are masqueraded
	Families   []natFamily       `json:"families"`
	Settings   []natSetting      `json:"settings"`   // those that FelixConfigurations set
	OtherNodes []natNodeSettings `json:"otherNodes"` // those with a FelixConfiguration of their own
	NotVisible []string          `json:"notVisible"`
	Findings   []natFinding      `json:"findings"`

	Assumptions []string `json:"assumptions"`
}

type natFamily struct {
	Family       ippool.Family    `json:"family"`
	Sources      []natSource      `json:"sources"`
	Exemptions   []natDestination `json:"exemptions"`
	NotExempting []natDestination `json:"notExempting"` // pools to which traffic is masqueraded
	ServiceCIDRs []netip.Prefix   `json:"serviceCIDRs"` // the backend decides
	ServiceIPs   []netip.Prefix   `json:"serviceIPs"`   // the same, of external and LoadBalancer IPs
}

type natSource struct {
	Pool        string       `json:"pool"`
	CIDR        netip.Prefix `json:"cidr"`
	Masqueraded nat.Answer   `json:"masqueraded"`
	As          string       `json:"as"`
}

type natDestination struct {
	CIDR netip.Prefix `json:"cidr"`
	Why  string       `json:"why"`
}

type natSetting struct {
	Field         string `json:"field"`
	Value         string `json:"value"`
	Configuration string `json:"configuration"`
}

type natNodeSettings struct {
	Node     string       `json:"node"`
	Settings []natSetting `json:"settings"`
}

// notVisible are what decides about NAT and is not in a datastore.
var notVisible = []string{
	"Felix's environment (FELIX_NATOUTGOINGADDRESS and such) and /etc/calico/felix.cfg on each node: they override FelixConfigurations",
	kubeProxyNotVisible,
	"rules of other programs, and of routers outside of the cluster",
	"Windows nodes: HNS decides with the pools as they were when the pod was created, and every pool is exempt",
}

const kubeProxyNotVisible = "kube-proxy, which masquerades for reasons of its own: masqueradeAll, clusterCIDR, externalTrafficPolicy"

func newSettings(of []nat.Setting) []natSetting {
	settings := []natSetting{}
	for _, s := range of {
		settings = append(settings, natSetting{s.Field, s.Value, s.Configuration})
	}
	return settings
}

func newOverview(world natWorld, o nat.Overview) natOverview {
	overview := natOverview{
		Datastore: world.datastore, Node: o.Node, Version: o.Version, EBPF: o.EBPF,
		Settings: newSettings(o.Settings), OtherNodes: []natNodeSettings{}, NotVisible: notVisible,
		Findings: newFindings(world.model.Findings()), Assumptions: world.assumed(),
	}
	if o.EBPF { // which replaces kube-proxy
		overview.NotVisible = slices.DeleteFunc(slices.Clone(notVisible), func(what string) bool { return what == kubeProxyNotVisible })
	}
	for _, f := range o.Families {
		family := natFamily{
			Family: f.Family, Sources: []natSource{}, Exemptions: []natDestination{},
			NotExempting: []natDestination{}, ServiceCIDRs: append([]netip.Prefix{}, f.ServiceCIDRs...), ServiceIPs: append([]netip.Prefix{}, f.ServiceIPs...),
		}
		for _, source := range f.Sources {
			family.Sources = append(family.Sources, natSource{source.Pool.Name, source.Pool.CIDR, source.Masqueraded, source.As.String()})
		}
		for _, exemption := range f.Exemptions {
			family.Exemptions = append(family.Exemptions, natDestination{exemption.Range, exemption.Why()})
		}
		for _, pool := range f.NotExempting {
			family.NotExempting = append(family.NotExempting, natDestination{pool.CIDR, "pool " + pool.Name + ": " + pool.Why()})
		}
		overview.Families = append(overview.Families, family)
	}
	for _, node := range o.OtherNodes {
		overview.OtherNodes = append(overview.OtherNodes, natNodeSettings{node.Node, newSettings(node.Settings)})
	}
	return overview
}

// printOverview prints what is masqueraded on a node.
func (p *program) printOverview(world natWorld, node string) error {
	o, err := world.model.Overview(node)
	var invalid *nat.InputError
	if errors.As(err, &invalid) {
		var faults settings.Faults
		faults.Add(settings.Given(node, origin.Flag("node")), "%s", invalid.Reason)
		return faults.Err()
	}
	p.reported = true
	overview := newOverview(world, o)
	if p.output != formatTable {
		return p.printObject(overview)
	}
	table := newTable(p.stdout)
	if world.empty {
		fmt.Fprintln(table, noPools)
	}
	ends, surprises := []string{}, []string{}
	for _, finding := range overview.Findings {
		if finding.EndsFelix {
			ends = append(ends, finding.String())
		} else {
			surprises = append(surprises, finding.String())
		}
	}
	for _, finding := range ends {
		fmt.Fprintf(table, "! %s\n", cell(finding))
	}
	if world.empty || len(ends) > 0 {
		fmt.Fprintln(table)
	}
	for i, family := range overview.Families {
		if i > 0 {
			fmt.Fprintln(table)
		}
		printFamily(table, family, node == "", o.EBPF)
	}
	var set []string
	for _, setting := range o.Settings {
		set = append(set, setting.String())
	}
	if o.EBPF {
		set = append(set, "the dataplane is eBPF: only workloads are masqueraded")
	}
	printSection(table, "Settings", set)
	var others []string
	for i, other := range o.OtherNodes {
		if i == maxRows {
			others = append(others, fmt.Sprintf("%d more; -o json has all", len(o.OtherNodes)-i))
			break
		}
		others = append(others, other.String())
	}
	printSection(table, "Nodes with a configuration of their own (--node shows each)", others)
	printSection(table, "Not visible from here", overview.NotVisible)
	printSection(table, "Findings", surprises)
	printSection(table, "Assumed", world.assumptions)
	return table.Flush()
}

// maxRows is the maximum number of rows of a kind that a table of the overview has.
const maxRows = 50

func printFamily(table io.Writer, family natFamily, anyNode, ebpf bool) {
	if len(family.Sources) == 0 {
		fmt.Fprintf(table, "%s: no pool has natOutgoing: Calico masquerades nothing\n", family.Family)
		return
	}
	fmt.Fprintf(table, "%s SOURCE POOL\tRANGE\tMASQUERADED AS\n", family.Family)
	for i, source := range family.Sources {
		if i == maxRows {
			fmt.Fprintf(table, "%d more\t\t-o json has all\n", len(family.Sources)-i)
			break
		}
		as := source.As
		switch source.Masqueraded {
		case nat.No:
			as = "not masqueraded: eBPF masquerades workloads only"
		case nat.Depends:
			as += ", where it leaves by a matching interface"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", cell(source.Pool), source.CIDR, cell(as))
	}
	fmt.Fprintln(table, "\nEXCEPT TO\tWHY")
	if anyNode {
		fmt.Fprintln(table, "its own node\tthe traffic does not leave the node")
	}
	printDestinations(table, family.Exemptions)
	if len(family.NotExempting) > 0 {
		fmt.Fprintln(table, "\nALSO MASQUERADED TO\tWHY NOT EXEMPT")
		printDestinations(table, family.NotExempting)
	}
	var services []natDestination
	kubeProxy := ", and kube-proxy may masquerade as well"
	if ebpf {
		kubeProxy = ""
	}
	for _, cidr := range family.ServiceCIDRs {
		services = append(services, natDestination{cidr, "Service CIDR: the address of the backend decides" + kubeProxy})
	}
	for _, cidr := range family.ServiceIPs {
		services = append(services, natDestination{cidr, "external or LoadBalancer IPs of Services: as for a Service CIDR"})
	}
	if len(services) > 0 {
		fmt.Fprintln(table, "\nDEPENDS TO\tWHY")
		printDestinations(table, services)
	}
}

func printDestinations(table io.Writer, destinations []natDestination) {
	for i, destination := range destinations {
		if i == maxRows {
			fmt.Fprintf(table, "%d more\t-o json has all\n", len(destinations)-i)
			break
		}
		fmt.Fprintf(table, "%s\t%s\n", destination.CIDR, cell(destination.Why))
	}
}
