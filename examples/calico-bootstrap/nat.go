package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// natFlags are the flags of nat only.
type natFlags struct {
	node, protocol, dataplane string
	expect, file              string
	felixFile, nodesFile      string

	poolsFile settings.Setting // the flag of all commands, which has another meaning here
	empty     []string         // flags that were set to an empty value
}

func (p *program) natCommand() *cobra.Command {
	var flags natFlags
	command := &cobra.Command{
		Use: "nat [SOURCE DESTINATION]", Short: "Show which traffic Calico masquerades, and why; change nothing",
		Long: `Show which traffic Calico masquerades, from the pools and the FelixConfigurations in
the datastore: for each pool with natOutgoing, what its addresses become, and which
destinations are exempt.

With a source and a destination, show whether that traffic is masqueraded, the
reasons, and how to change it. Both must be addresses: host names are not resolved.
Without --node, the source is on another node than the destination.

With --pools-file, nothing is contacted: the files are exports of kubectl or
calicoctl, such as of "kubectl get ippools -o yaml".

Settings of pools, such as --no-nat-to, are not used: plan shows their effect.`,
		Example: `  # What is masqueraded, and what is exempt
  calico-bootstrap nat --kubeconfig admin.conf

  # Whether the traffic of a pod is masqueraded, and why
  calico-bootstrap nat 10.244.0.7 203.0.113.7 --kubeconfig admin.conf
  calico-bootstrap nat 10.244.0.7 10.0.0.11 --node node-1 --kubeconfig admin.conf

  # In a pipeline: exit with 3 unless pods reach the corporate network with their addresses
  calico-bootstrap nat 10.244.0.7 10.20.0.5 --expect not-masqueraded
  echo "10.244.0.7 203.0.113.7 masqueraded" | calico-bootstrap nat -f -

  # From exports, without a datastore
  calico-bootstrap nat --pools-file pools.yaml --felix-file felix.yaml --nodes-file nodes.json`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0 || len(args) == 2:
				return nil
			case len(args) == 1:
				return fmt.Errorf("one address %s; must be a source and a destination", text.Quote(args[0]))
			default:
				return p.noArgs(cmd, args[2:])
			}
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			flags.empty = emptyFlags(cmd.Flags())
			return p.nat(cmd.Context(), flags, args, cmd.InOrStdin())
		},
	}
	command.Flags().SortFlags = false
	command.Flags().StringVar(&flags.node, "node", "", "node of the source (default: another node than the destination's)")
	command.Flags().StringVar(&flags.protocol, "protocol", "", "protocol, for natPortRange, which is for tcp and udp: tcp, udp, sctp, icmp or icmpv6 (default: any)")
	command.Flags().StringVar(&flags.dataplane, "dataplane", "", "dataplane of the nodes: nftables, iptables or ebpf (default: as the FelixConfigurations set it)")
	command.Flags().StringVar(&flags.expect, "expect", "", "exit with 3 unless the traffic is as expected: masqueraded or not-masqueraded; an expectation in a line of -f takes precedence")
	command.Flags().StringVarP(&flags.file, "file", "f", "", "file with a pair in each line (-: stdin): SOURCE DESTINATION [masqueraded|not-masqueraded]")
	command.Flags().StringVar(&flags.felixFile, "felix-file", "", "file with FelixConfigurations, and the ClusterInformation if any; requires --pools-file")
	command.Flags().StringVar(&flags.nodesFile, "nodes-file", "", "file with the Nodes of Calico or Kubernetes; requires --pools-file")
	noFile := cobra.ShellCompDirectiveNoFileComp
	completeFlag(command, "protocol", cobra.FixedCompletions([]string{string(nat.TCP), string(nat.UDP), string(nat.SCTP), string(nat.ICMP), string(nat.ICMPv6)}, noFile))
	completeFlag(command, "dataplane", cobra.FixedCompletions([]string{string(nat.NFTables), string(nat.IPTables), string(nat.EBPF)}, noFile))
	completeFlag(command, "expect", cobra.FixedCompletions([]string{string(expectMasqueraded), string(expectNotMasqueraded)}, noFile))
	for _, file := range []string{"file", "felix-file", "nodes-file"} {
		completeFlag(command, file, cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault))
	}
	return command
}

// natWorld is what the answers of nat are derived from.
type natWorld struct {
	cluster     nat.Cluster
	model       *nat.Model
	assumptions []string      // what is not known or invalid, and what is assumed instead
	doubts      []string      // why no verdict is as expected
	cli         datastore.CLI // for pools
	felixKnown  bool          // all FelixConfigurations are known
	datastore   datastore.Type
	empty       bool // there is no pool

	environment settings.Settings // of the commands that are advised
}

// noPools is what a cluster without pools says first.
const noPools = "no pools: is this the right datastore or file?"

// doubtFindings adds the findings that end Felix on a node.
func (w *natWorld) doubtFindings(node string) {
	for _, finding := range w.ending(node) {
		doubt := fmt.Sprintf("a verdict does not hold on a node whose Felix ends: %s", finding.Code)
		if finding.Assumed {
			doubt += "; set --dataplane iptables if the nodes are not in nftables mode"
		}
		w.doubts = append(w.doubts, doubt)
	}
}

// ending returns the findings that end Felix on a node.
func (w *natWorld) ending(node string) []nat.Finding {
	return slices.DeleteFunc(w.model.Findings(), func(f nat.Finding) bool { return !f.EndsFelix || node != "" && !f.Nodes.Has(node) })
}

// nat prints the overview, or verdicts.
func (p *program) nat(ctx context.Context, flags natFlags, args []string, stdin io.Reader) error {
	flags.poolsFile, p.flags.PoolsFile = p.flags.PoolsFile, settings.Setting{}
	question, flagErr := flags.validate(args)
	flagErr = errors.Join(poolSettings(&p.flags), flagErr)
	offline := flags.offline()
	if err := errors.Join(p.load(ctx, !offline, formatsOf["nat"]...), flagErr); err != nil {
		return err
	}
	p.warn()
	if flags.file != "" {
		pairs, err := readPairs(ctx, flags.file, stdin)
		if err != nil {
			return err
		}
		question.pairs = pairs
	}
	var (
		world natWorld
		err   error
	)
	if offline {
		world, err = readExports(ctx, flags)
	} else {
		world, err = p.readNAT(ctx)
	}
	if err != nil {
		return err
	}
	world.cluster.Dataplane, world.environment = question.dataplane, p.environment
	world.take(p.services)
	world.model = nat.New(world.cluster)
	for _, problem := range world.model.Problems() {
		world.assumptions = append(world.assumptions, problem.Error())
		if strings.HasPrefix(problem.Object, "IPPool ") {
			world.doubts = append(world.doubts, problem.Object+" is invalid, and ignored")
		}
	}
	world.doubtFindings(question.options.Node)
	if world.cluster.Pools == nil && len(world.doubts) == 0 {
		world.doubts, world.empty = append(world.doubts, noPools), true
	}
	if len(question.pairs) == 0 && flags.file == "" {
		return written("the overview", p.printOverview(world, question.options.Node))
	}
	return p.answer(world, question, flags.file != "")
}

// take adds the Service CIDRs of the settings.
func (w *natWorld) take(services []facts.Located) {
	for _, located := range services {
		w.cluster.ServiceCIDRs = append(w.cluster.ServiceCIDRs, located.Prefix.String())
	}
	if len(w.cluster.ServiceCIDRs) == 0 && w.datastore != datastore.Kubernetes {
		w.assumptions = append(w.assumptions, "the Service CIDRs are unknown: "+facts.ServicesUnknown+"; set --service-cidr")
	}
}

// readNAT reads the pools and what decides about their NAT.
func (p *program) readNAT(ctx context.Context) (natWorld, error) {
	store, err := p.open(ctx)
	if err != nil {
		return natWorld{}, err
	}
	defer store.Close()
	p.waitFor(p.datastore.String(), "")
	defer p.live.hide()
	snapshot, err := store.Snapshot(ctx)
	if err != nil {
		return natWorld{}, p.inTime(ctx, err)
	}
	world := natWorld{cli: snapshot.CLI, datastore: store.Type()}
	for _, record := range snapshot.Pools {
		world.cluster.Pools = append(world.cluster.Pools, record.Pool())
	}
	for _, unreadable := range snapshot.Unreadable {
		world.assumptions = append(world.assumptions, fmt.Sprintf("IPPool %s is ignored: %s", text.Graphic(unreadable.Name), text.Cause(unreadable.Err)))
		world.doubts = append(world.doubts, fmt.Sprintf("IPPool %s can't be read, and is ignored", text.Graphic(unreadable.Name)))
	}
	reader, ok := store.(facts.NATReader)
	if !ok {
		return natWorld{}, fmt.Errorf("the datastore %s has no FelixConfigurations", store.Type())
	}
	read, err := reader.NAT(ctx)
	if err != nil {
		return natWorld{}, p.inTime(ctx, err)
	}
	world.felixKnown = read.FelixKnown
	world.cluster.FelixConfigurations, world.cluster.Nodes, world.cluster.Version = read.FelixConfigurations, read.Nodes, read.Version
	for _, located := range read.ServiceCIDRs {
		world.cluster.ServiceCIDRs = append(world.cluster.ServiceCIDRs, located.Prefix.String())
	}
	for _, located := range read.ServiceIPs {
		world.cluster.ServiceIPs = append(world.cluster.ServiceIPs, located.Prefix.String())
	}
	world.assumptions = append(world.assumptions, read.Problems...)
	return world, nil
}

// inTime returns the error of the time limit if that is the cause.
func (p *program) inTime(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return fmt.Errorf("%w: %w", ended(ctx, "reading the datastore"), err)
}

// expectation is what a pair is expected to be.
type expectation string

const (
	expectMasqueraded    expectation = "masqueraded"
	expectNotMasqueraded expectation = "not-masqueraded"
)

// met reports whether the answer is as expected. One that depends never is.
func (e expectation) met(answer nat.Answer) bool {
	switch e {
	case expectMasqueraded:
		return answer == nat.Yes
	case expectNotMasqueraded:
		return answer == nat.No
	default:
		return true
	}
}

// natPair is a question, and where it was asked.
type natPair struct {
	source, destination netip.Addr
	from, to            settings.Setting // as given
	expect              expectation
}

// natQuestion is what the flags and arguments ask.
type natQuestion struct {
	pairs     []natPair
	options   nat.Options
	dataplane nat.Dataplane
	node      settings.Setting
	expect    expectation // of pairs without one
}

// answer prints the verdicts.
func (p *program) answer(world natWorld, question natQuestion, many bool) error {
	var (
		verdicts []natVerdict
		faults   settings.Faults
		differs  bool
		doubted  bool // there are expectations, and no verdict can be as expected
	)
	for _, pair := range question.pairs {
		verdict, err := world.model.Explain(pair.source, pair.destination, question.options)
		if err == nil {
			err = checkProtocol(question.options.Protocol, pair.source)
		}
		if err != nil {
			var invalid *nat.InputError
			given := pair.to
			if errors.As(err, &invalid) && invalid.Field != "destination" {
				given = settings.Given(invalid.Value, origin.Flag(invalid.Field))
			}
			faults.Add(given, "%s", reasonOf(err))
			if given != pair.to {
				break // the same for all pairs
			}
			continue
		}
		shown := newVerdict(verdict)
		if pair.expect == "" {
			pair.expect = question.expect
		}
		if pair.expect != "" {
			met := pair.expect.met(verdict.Masqueraded) && len(world.doubts) == 0
			doubted = doubted || len(world.doubts) > 0
			shown.Expected, shown.Met = pair.expect, &met
			differs = differs || !met
		}
		shown.Findings = newFindings(world.ending(question.options.Node))
		if !many {
			shown.Advice = world.advice(verdict, question.options)
			shown.Assumptions = world.assumed()
		}
		verdicts = append(verdicts, shown)
	}
	if err := faults.Err(); err != nil {
		return err
	}
	if err := p.printVerdicts(world, verdicts, many); err != nil {
		return written("the verdicts", err)
	}
	switch {
	case doubted:
		return &unmetError{world.doubts}
	case differs:
		return errPending
	default:
		return nil
	}
}

// assumed returns what is not known, first that there is no pool; never nil.
func (w *natWorld) assumed() []string {
	if w.empty {
		return append([]string{noPools}, w.assumptions...)
	}
	return append([]string{}, w.assumptions...)
}

// unmetError says why no verdict can be as expected.
type unmetError struct{ doubts []string }

func (e *unmetError) Error() string        { return "--expect is not met: " + strings.Join(e.doubts, "; ") }
func (e *unmetError) Is(target error) bool { return target == errPending }

// checkProtocol returns an error if no packet of the address's family has the protocol.
func checkProtocol(protocol nat.Protocol, addr netip.Addr) error {
	if protocol == nat.ICMPv6 && addr.Is4() || protocol == nat.ICMP && addr.Is6() {
		return &nat.InputError{Field: "protocol", Value: string(protocol), Reason: fmt.Sprintf("must be a protocol of %s, as %s is", familyOf(addr), addr)}
	}
	return nil
}

func reasonOf(err error) string {
	var invalid *nat.InputError
	if errors.As(err, &invalid) {
		return invalid.Reason
	}
	return err.Error()
}
