package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/firewall"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/examples/internal/firewalld"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// The output formats that only firewall has.
const (
	formatFirewallCmd    = "firewall-cmd"
	formatNetworkManager = "networkmanager"
)

// firewallFlags are those that only firewall has.
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
		Long: `Show what a host's firewall must allow, as it follows from the pools (those in
the datastore and those that apply would create) and from what runs on the host.

With --check, ask the running firewalld whether it lets that in, now and after a
reload; exit with 3 if something is missing. Nothing is changed. With -o
firewall-cmd, print the commands that open it; with --check, only those that
still have to be run.`,
		Example: `  # What a node needs, and what the control plane needs
  calico-bootstrap firewall --kubeconfig admin.conf
  calico-bootstrap firewall --kubeconfig admin.conf --role control-plane

  # Before there is a datastore
  calico-bootstrap firewall --local --ipv4-pool-ipip Always

  # Does this host's firewalld let it in? What is to be run, if not?
  calico-bootstrap firewall --kubeconfig admin.conf --check
  calico-bootstrap firewall --kubeconfig admin.conf --check -o firewall-cmd

  # On a host that can't reach the datastore yet
  calico-bootstrap firewall --kubeconfig admin.conf -o json > openings.json
  calico-bootstrap firewall --from openings.json --check`,
		Args: p.noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.firewall(cmd.Context(), flags, cmd.InOrStdin()) },
	}
	command.Flags().SortFlags = false
	command.Flags().StringVar(&flags.role, "role", "", "what the host is: node or control-plane, where the datastore listens too (default: node)")
	command.Flags().StringVar(&flags.apiServerPort, "api-server-port", "", "port of the API server on the control plane (default: that of its URL, or 6443 in a pod)")
	command.Flags().BoolVar(&flags.noBGP, "no-bgp", false, "BGP is turned off in the cluster")
	command.Flags().BoolVar(&flags.typha, "typha", false, "Typha runs on the host")
	command.Flags().BoolVar(&flags.wireGuard, "wireguard", false, "the cluster encrypts with WireGuard")
	command.Flags().BoolVar(&flags.registry, "registry", false, "a registry of images runs on the host")
	command.Flags().BoolVar(&flags.local, "local", false, "take the pools from the settings alone; contact no datastore")
	command.Flags().StringVar(&flags.from, "from", "", "take the openings from this file, which firewall -o json printed (-: stdin); contact no datastore")
	command.Flags().BoolVar(&flags.check, "check", false, "ask firewalld, and exit with 3 if something is missing")
	command.Flags().StringVar(&flags.zone, "zone", "", "firewalld's zone that is meant (default: that of the interface)")
	command.Flags().StringSliceVar(&flags.interfaces, "interface", nil, "interface whose zone is checked (default: that of the default route)")
	completeFlag(command, "role", cobra.FixedCompletions([]string{string(roleNode), string(roleControlPlane)}, cobra.ShellCompDirectiveNoFileComp))
	completeFlag(command, "from", cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault))
	return command
}

// firewallReport is what firewall found. Its JSON is a promise: fields are only
// ever added. It is also what --from reads.
type firewallReport struct {
	Role                hostRole           `json:"role"`
	Datastore           datastore.Type     `json:"datastore"`
	Pools               []firewall.Pool    `json:"pools"`
	Openings            []firewall.Opening `json:"openings"`
	UnmanagedInterfaces []string           `json:"unmanagedInterfaces"` // that NetworkManager has to leave alone
	Warnings            []string           `json:"warnings"`
	Check               *firewalld.Check   `json:"check,omitempty"`
}

func (p *program) firewall(ctx context.Context, flags firewallFlags, stdin io.Reader) error {
	role, flagFaults := flags.validate(p.output)
	contacts := !flags.local && flags.from == "" && p.output != formatNetworkManager
	err := errors.Join(p.load(contacts, formatsOf["firewall"]...), flagFaults)
	if err != nil {
		return err
	}
	p.warn()
	if p.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, p.timeout, fmt.Errorf("%w after %s", bootstrap.ErrTimedOut, p.timeout))
		defer cancel()
	}
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

// zoneName is what firewalld takes for the name of a zone.
var zoneName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_/-]+$`) })

// judge tells all that is wrong with the flags.
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
		faults.Add(given("from", f.from), "contradicts %s: the openings of the file stay as they are", strings.Join(others, ", "))
	}
	if f.zone != "" && !zoneName().MatchString(f.zone) {
		faults.Add(given("zone", f.zone), "not a zone name; must be letters, digits, -, _ and /")
	}
	if f.zone != "" && len(f.interfaces) > 0 {
		faults.Add(given("interface", strings.Join(f.interfaces, ",")), "contradicts flag --zone %q; set a zone, or interfaces to find their zones", f.zone)
	}
	if len(f.interfaces) > 0 && f.zone == "" && !f.check {
		faults.Add(given("interface", strings.Join(f.interfaces, ",")), "only firewalld knows its zone; set --check or --zone as well")
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

// deriving are the flags that were given and say what openings there are.
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

// firewallReport derives the openings, or reads them.
func (p *program) firewallReport(ctx context.Context, flags firewallFlags, role hostRole, stdin io.Reader) (firewallReport, error) {
	if flags.from != "" {
		return readFirewallReport(flags.from, stdin)
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
	report.Warnings = append(append(warnings, p.resolved...), report.Warnings...)
	return report, nil
}

// listensOn is what the datastore listens on.
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
	case p.datastore.Kubernetes.REST == nil: // nobody looked for one
		server = given.K8sAPIEndpoint.Value
	case !strings.HasPrefix(p.datastore.Kubernetes.REST.BearerTokenFile, podSecrets): // else it is the Service's
		server = p.datastore.Kubernetes.REST.Host
	}
	return []firewall.Opening{firewall.APIServer(server)}
}

// podSecrets is where a pod finds its token.
const podSecrets = "/var/run/secrets/kubernetes.io/"

// check asks firewalld.
func (r *firewallReport) check(ctx context.Context, flags firewallFlags) error {
	firewall, err := firewalld.Connect(ctx)
	if err != nil {
		return err
	}
	defer firewall.Close()
	var ranges []netip.Prefix
	for _, pool := range r.Pools {
		if prefix, err := ippool.ParseCIDR(pool.CIDR); err == nil { // else it is not known yet
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
