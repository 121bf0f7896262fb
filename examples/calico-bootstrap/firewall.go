package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/firewall"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/examples/internal/firewalld"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// The output formats of firewall only.
const (
	formatFirewallCmd    = "firewall-cmd"
	formatNetworkManager = "networkmanager"
)

// firewallFlags are the flags of firewall only.
type firewallFlags struct {
	role          string
	apiServerPort string
	noBGP         bool
	typha         bool
	wireGuard     bool
	registry      bool

	local bool
	from  string

	check      bool
	zone       string
	interfaces []string
}

func (p *program) firewallCommand() *cobra.Command {
	var flags firewallFlags
	command := &cobra.Command{
		Use: "firewall", Short: "Show what a host's firewall must allow, or check that firewalld does; change nothing",
		Long: `Show what a host's firewall must allow. This follows from the pools (those in the
datastore and those that apply would create) and from the services on the host.

With --check, check whether the running firewalld allows it, now and after a
reload; exit with 3 if an opening is missing. Nothing is changed. With -o
firewall-cmd, print the commands that allow it; with --check, only those for
missing openings.`,
		Example: `  # What a node needs, and what the control plane needs
  calico-bootstrap firewall --kubeconfig admin.conf
  calico-bootstrap firewall --kubeconfig admin.conf --role control-plane

  # Before the datastore exists
  calico-bootstrap firewall --local --ipv4-pool-ipip Always

  # Check this host's firewalld, and print the commands for missing openings
  calico-bootstrap firewall --kubeconfig admin.conf --check
  calico-bootstrap firewall --kubeconfig admin.conf --check -o firewall-cmd

  # On a host that can't reach the datastore
  calico-bootstrap firewall --kubeconfig admin.conf -o json > openings.json
  calico-bootstrap firewall --from openings.json --check`,
		Args: p.noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.firewall(cmd.Context(), flags, cmd.InOrStdin()) },
	}
	command.Flags().SortFlags = false
	command.Flags().StringVar(&flags.role, "role", "", "role of the host: node, or control-plane, where the datastore listens as well (default: node)")
	command.Flags().StringVar(&flags.apiServerPort, "api-server-port", "", "port of the API server on the control plane (default: that of its URL, or 6443 in a pod)")
	command.Flags().BoolVar(&flags.noBGP, "no-bgp", false, "BGP is disabled in the cluster")
	command.Flags().BoolVar(&flags.typha, "typha", false, "Typha runs on the host")
	command.Flags().BoolVar(&flags.wireGuard, "wireguard", false, "the cluster encrypts with WireGuard")
	command.Flags().BoolVar(&flags.registry, "registry", false, "an image registry runs on the host")
	command.Flags().BoolVar(&flags.local, "local", false, "use only the pools in the settings; don't contact the datastore")
	command.Flags().StringVar(&flags.from, "from", "", "use the openings in this file, the output of firewall -o json (-: stdin); don't contact the datastore")
	command.Flags().BoolVar(&flags.check, "check", false, "check firewalld, and exit with 3 if an opening is missing")
	command.Flags().StringVar(&flags.zone, "zone", "", "firewalld zone (default: that of the interface)")
	command.Flags().StringSliceVar(&flags.interfaces, "interface", nil, "interface whose zone is checked (default: that of the default route)")
	completeFlag(command, "role", cobra.FixedCompletions([]string{string(roleNode), string(roleControlPlane)}, cobra.ShellCompDirectiveNoFileComp))
	completeFlag(command, "from", cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault))
	return command
}

// firewallReport is the result of firewall, and the input of --from. Its JSON is
// stable: later versions may only add fields.
type firewallReport struct {
	Role                hostRole           `json:"role"`
	Datastore           datastore.Type     `json:"datastore"`
	Pools               []firewall.Pool    `json:"pools"`
	Openings            []firewall.Opening `json:"openings"`
	UnmanagedInterfaces []string           `json:"unmanagedInterfaces"` // that NetworkManager must not manage
	Warnings            []string           `json:"warnings"`
	Check               *firewalld.Check   `json:"check,omitempty"`
}

func (p *program) firewall(ctx context.Context, flags firewallFlags, stdin io.Reader) error {
	role, flagFaults := flags.validate(p.output)
	p.local = flags.local
	contacts := !flags.local && flags.from == "" && p.output != formatNetworkManager
	err := errors.Join(p.load(ctx, contacts, formatsOf["firewall"]...), flagFaults)
	if err != nil {
		return err
	}
	p.warn()
	report, err := p.firewallReport(ctx, flags, role, stdin)
	if err != nil {
		return err
	}
	if flags.check {
		if err := report.check(ctx, flags); err != nil {
			return err
		}
	}
	if err := p.printFirewall(report, flags.zone); err != nil {
		return fmt.Errorf("writing the openings: %w", err)
	}
	if report.Check != nil && report.Check.Missing > 0 {
		return errPending
	}
	return nil
}

// zoneName matches the names of zones that firewalld accepts.
var zoneName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_/-]+$`) })

// validate returns the role, and all faults of the flags.
func (f firewallFlags) validate(output string) (hostRole, error) {
	var faults settings.Faults
	given := func(flag, value string) settings.Setting { return settings.Given(value, origin.Flag(flag)) }
	role, err := parseRole(f.role)
	if err != nil {
		faults.Add(given("role", f.role), "%s", err)
	}
	if f.local && f.from != "" {
		faults.Add(given("from", f.from), "contradicts flag --local; set only one of the two")
	}
	if others := f.deriving(); f.from != "" && len(others) > 0 {
		faults.Add(given("from", f.from), "contradicts %s: the openings in the file are used unchanged", strings.Join(others, ", "))
	}
	switch {
	case f.zone == "":
	case !zoneName().MatchString(f.zone):
		faults.Add(given("zone", f.zone), "not a zone name; must be letters, digits, -, _ and /")
	case len(f.interfaces) == 0 && !f.check && output != formatFirewallCmd:
		faults.Add(given("zone", f.zone), "used only with --check or -o %s; set one of them as well", formatFirewallCmd)
	}
	if f.zone != "" && len(f.interfaces) > 0 {
		faults.Add(given("interface", strings.Join(f.interfaces, ",")), "contradicts flag --zone %s; set a zone, or interfaces to find their zones", text.Quote(f.zone))
	}
	if len(f.interfaces) > 0 && f.zone == "" && !f.check {
		faults.Add(given("interface", strings.Join(f.interfaces, ",")), "its zone is read from firewalld; set --check or --zone as well")
	}
	if port, err := strconv.ParseUint(f.apiServerPort, 10, 16); f.apiServerPort != "" && (err != nil || port == 0) {
		faults.Add(given("api-server-port", f.apiServerPort), "not a port; must be 1 to 65535")
	}
	if f.apiServerPort != "" && role == roleNode {
		faults.Add(given("api-server-port", f.apiServerPort), "no API server listens on a node; set --role control-plane as well")
	}
	if f.check && output == formatNetworkManager {
		faults.Add(given("output", output), "not used with firewalld; remove --check")
	}
	return role, faults.Err()
}

// deriving returns the given flags that affect the openings.
func (f firewallFlags) deriving() []string {
	var names []string
	for _, flag := range []struct {
		name  string
		given bool
	}{
		{"--role", f.role != ""}, {"--api-server-port", f.apiServerPort != ""},
		{"--no-bgp", f.noBGP}, {"--typha", f.typha}, {"--wireguard", f.wireGuard}, {"--registry", f.registry},
	} {
		if flag.given {
			names = append(names, flag.name)
		}
	}
	return names
}

// firewallReport computes the openings, or reads them from a file.
func (p *program) firewallReport(ctx context.Context, flags firewallFlags, role hostRole, stdin io.Reader) (firewallReport, error) {
	if flags.from != "" {
		return readFirewallReport(ctx, flags.from, stdin)
	}
	report := firewallReport{
		Role: role, Datastore: p.datastore.Type, Pools: []firewall.Pool{},
		UnmanagedInterfaces: firewall.UnmanagedInterfaces(), Warnings: []string{},
	}
	if p.output == formatNetworkManager {
		return report, nil
	}
	pools, warnings, err := p.firewallPools(ctx, flags.local)
	if err != nil {
		return firewallReport{}, err
	}
	config := firewall.Config{
		Pools: pools, NoBGP: flags.noBGP, Typha: flags.typha, WireGuard: flags.wireGuard, Registry: flags.registry,
	}
	if role == roleControlPlane {
		config.Datastore = p.listensOn(flags)
	}
	report.Pools = append(report.Pools, pools...)
	report.Openings, report.Warnings = firewall.Openings(config)
	report.Warnings = append([]string{}, slices.Concat(p.warnings, warnings, p.resolved, report.Warnings)...) // never null
	return report, nil
}

// listensOn returns the openings for the ports that the datastore listens on.
func (p *program) listensOn(flags firewallFlags) []firewall.Opening {
	given := p.settings.Datastore
	server := ""
	switch {
	case p.datastore.Type != datastore.Kubernetes && given.EtcdEndpoints.IsSet():
		return firewall.Etcd(strings.Split(given.EtcdEndpoints.Value, ","))
	case p.datastore.Type != datastore.Kubernetes:
		return firewall.Etcd(nil)
	case flags.apiServerPort != "":
		server = ":" + flags.apiServerPort
	case p.datastore.Kubernetes.REST == nil: // with --local
		server = given.K8sAPIEndpoint.Value
	case !strings.HasPrefix(p.datastore.Kubernetes.REST.BearerTokenFile, podSecrets): // in a pod, the host is that of the Service
		server = p.datastore.Kubernetes.REST.Host
	}
	return []firewall.Opening{firewall.APIServer(server)}
}

// podSecrets is the directory of a pod's token.
const podSecrets = "/var/run/secrets/kubernetes.io/"

// check compares the openings with firewalld's configuration.
func (r *firewallReport) check(ctx context.Context, flags firewallFlags) error {
	firewall, err := firewalld.Connect(ctx)
	if err != nil {
		return err
	}
	defer firewall.Close()
	var ranges []netip.Prefix
	for _, pool := range r.Pools {
		if prefix, err := ippool.ParseCIDR(pool.CIDR); err == nil { // otherwise it is chosen at apply
			ranges = append(ranges, prefix)
		}
	}
	check, err := firewall.Check(ctx, r.Openings, ranges, flags.zone, flags.interfaces)
	if err != nil {
		return err
	}
	r.Check = &check
	r.Warnings = append(r.Warnings, check.Warnings...)
	return nil
}
