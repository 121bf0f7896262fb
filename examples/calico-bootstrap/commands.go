package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/crash"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

const longHelp = `Create Calico's default IPPools, once for a cluster.

Every setting has a flag and an environment variable; the flag takes precedence.
Existing pools are not changed unless --on-drift=update is set. All settings are
validated before any connection is made, and nothing is written if one is invalid.

Exit codes:
`

const exampleHelp = `  # Show what would be written, and where each value comes from
  calico-bootstrap plan --kubeconfig admin.conf
  calico-bootstrap plan --etcd-endpoints https://10.0.0.1:2379 --etcd-ca-cert-file ca.pem

  # Create the pools, without NAT for traffic that leaves them
  calico-bootstrap --kubeconfig admin.conf --ipv4-pool-nat-outgoing=false

  # Show where existing pools differ from the desired ones, and update them
  calico-bootstrap plan --ipv4-pool-nat-outgoing=false
  calico-bootstrap --ipv4-pool-nat-outgoing=false --on-drift=update

  # Create all pools of a file, or of a directory of files
  calico-bootstrap --pools-file pools.yaml

  # Print the pools for kubectl or calicoctl, without a datastore
  calico-bootstrap render --ipv4-pool-nat-outgoing=false`

// run runs the program and returns its exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (code int) {
	p := &program{stdout: stdout, stderr: stderr, stop: func() {}, warned: &warningLog{}, live: newLiveLine(stderr)}
	defer func() {
		// Go's exit code for a panic is 2, which means here that nothing was written.
		if value := recover(); value != nil {
			p.live.hide()
			printError(&crashError{crash.Recovered(value)}, stderr, p.jsonLogger)
			code = exitFailed
		}
	}()
	p.flags.Datastore.Names = flagNames
	root := p.rootCommand()
	if len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd) {
		completeFlags(root)
	}
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	defer func() { p.stop() }()
	command, err := root.ExecuteContextC(ctx)
	p.live.hide()
	if err != nil && !p.running {
		err = &usageError{err, helpOf(command)}
	}
	printError(err, stderr, p.jsonLogger)
	return exitCode(err)
}

func (p *program) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "calico-bootstrap",
		Short:         "Create Calico's default IPPools",
		Long:          longHelp + exitCodeHelp(),
		Example:       exampleHelp,
		Version:       shortVersion(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          p.noArgs,
		RunE:          p.runApply,
		PersistentPreRun: func(cmd *cobra.Command, _ []string) {
			if readsSettings(cmd) {
				cmd.SetContext(p.limit(cmd.Context()))
			}
		},
	}
	root.SuggestionsMinimumDistance = 2
	root.SetUsageFunc(usage) // SetUsageTemplate and such would link text/template: 5 MB
	root.SetFlagErrorFunc(flagError)

	flags := flag.NewFlagSet("settings", flag.ContinueOnError)
	p.flags.AddFlags(flags)
	persistent := root.PersistentFlags()
	persistent.SortFlags = false
	persistent.AddGoFlagSet(flags)
	persistent.StringVar(&p.configFile, "config", "", "CalicoAPIConfig file with the connection to the datastore")
	if hasEmbedded {
		persistent.Lookup("datastore-type").Usage += "; embedded: an etcd in this program, for trials"
		persistent.StringVar(&p.dataDir, "data-dir", "", "data directory of the embedded etcd (default: a temporary directory, removed afterwards)")
	}
	persistent.Lookup("pools-file").Usage += "; for nat, the flag names exports of the pools, in place of the datastore"
	persistent.StringVarP(&p.output, "output", "o", "", "output format: table, json or yaml (default table, for render yaml); also env for config, installation and helm-values for render, firewall-cmd and networkmanager for firewall, svg for ranges; bug-report has only markdown")

	root.AddCommand(p.applyCommand(), p.planCommand(), p.renderCommand(), p.firewallCommand(), p.rangesCommand(), p.natCommand(), p.configCommand(), p.bugReportCommand(), p.versionCommand())
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	for _, command := range root.Commands() {
		switch command.Name() {
		case "completion": // cobra prints help for an unknown shell
			command.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
			command.Args = func(cmd *cobra.Command, args []string) error {
				err := unknown("shell", args)
				if err == nil {
					return nil
				}
				var shells []string
				for _, shell := range cmd.Commands() {
					shells = append(shells, shell.Name())
				}
				last := len(shells) - 1
				return fmt.Errorf("%w; must be %s or %s", err, strings.Join(shells[:last], ", "), shells[last])
			}
		case "help": // and for an unknown command
			command.Args = func(_ *cobra.Command, args []string) error {
				_, rest, _ := root.Find(args)
				return unknown("command", rest)
			}
		}
	}
	return root
}

// exitCodeHelp lists the exit codes, indented and wrapped.
func exitCodeHelp() string {
	var b strings.Builder
	for code, when := range exitCodes {
		fmt.Fprintf(&b, "\n    %d", code)
		column := 5
		for _, word := range strings.Fields(when) {
			if column+1+len(word) > 80 {
				b.WriteString("\n     ")
				column = 5
			}
			b.WriteString(" " + word)
			column += 1 + len(word)
		}
	}
	return b.String()
}

// unknown returns an error if there are arguments.
func unknown(what string, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("unknown %s %s", what, text.Quote(args[0]))
}

// flagError returns an error of the command line without the text after the = of an
// argument, which may be a password, as in -etcd-password=hunter2. It shows an invalid
// value unless it may be a secret: only flags that are not settings validate values here.
func flagError(command *cobra.Command, err error) error {
	var (
		unknown *pflag.NotExistError
		syntax  *pflag.InvalidSyntaxError
		value   *pflag.InvalidValueError
	)
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		letters, _, _ := strings.Cut(unknown.GetSpecifiedShortnames(), "=")
		return fmt.Errorf("unknown shorthand flag: %q in -%s", rune(unknown.GetSpecifiedName()[0]), text.Shown(letters))
	case errors.As(err, &unknown):
		if near := suggestedFlag(command.Flags(), unknown.GetSpecifiedName()); near != "" {
			return fmt.Errorf("unknown flag: --%s (did you mean --%s?)", unknown.GetSpecifiedName(), near)
		}
		return fmt.Errorf("unknown flag: --%s", text.Shown(unknown.GetSpecifiedName()))
	case errors.As(err, &syntax):
		argument, _, _ := strings.Cut(syntax.GetSpecifiedFlag(), "=")
		return fmt.Errorf("bad flag syntax: %s", text.Shown(argument))
	case errors.As(err, &value):
		return errors.New(text.Without(fmt.Sprintf("invalid argument %s for \"--%s\" flag: %v", text.Quote(value.GetValue()), value.GetFlag().Name, value.Unwrap()), hiddenPart(value.GetValue())))
	default:
		return err
	}
}

// hiddenPart returns the value if it must not be shown.
func hiddenPart(value string) string {
	if text.Secret(value) == "" {
		return ""
	}
	return value
}

func (p *program) applyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "apply", Short: "Create the default pools (the default command)",
		Long: `Create the default pool of each family that has no pool, and the pools of
--pools-file that do not exist, and print them. With --pools-file, a default pool is
created only if its CIDR is set. A second run finds the pools and writes nothing.

Existing pools are not changed, unless --on-drift=update is set. Where they differ
from a value that is set, --on-drift=report, the default, logs a warning, and
--on-drift=fail returns an error and writes nothing.`,
		Example: `  # Create the pools, without NAT for traffic that leaves the IPv4 pool
  calico-bootstrap apply --kubeconfig admin.conf --ipv4-pool-nat-outgoing=false

  # Only an IPv4 pool, in etcd
  calico-bootstrap apply --etcd-endpoints https://10.0.0.1:2379 --ipv6-pool-cidr none

  # Update natOutgoing of a pool that exists
  calico-bootstrap apply --kubeconfig admin.conf --ipv4-pool-nat-outgoing=false --on-drift=update

  # Refuse misspelt variables, and pools that overlap something
  calico-bootstrap apply --kubeconfig admin.conf --strict --preflight=strict`,
		Args: p.noArgs, RunE: p.runApply,
	}
}

func (p *program) planCommand() *cobra.Command {
	var exitCode bool
	command := &cobra.Command{
		Use: "plan", Short: "Show what apply would do, and the source of each value; write nothing",
		Long: `Show what apply would do with the same settings: each pool with the source of each
value, what differs from a pool that exists, the effect on NAT, and the findings of
the preflight. Nothing is written.`,
		Example: `  # What would be created, and where existing pools differ
  calico-bootstrap plan --kubeconfig admin.conf --ipv4-pool-nat-outgoing=false

  # What --on-drift=update would change
  calico-bootstrap plan --kubeconfig admin.conf --ipv4-pool-nat-outgoing=false --on-drift=update

  # In a pipeline: exit with 3 if there is something to create or to update
  calico-bootstrap plan --kubeconfig admin.conf --exit-code`,
		Args: p.noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			pending, err := p.plan(cmd.Context())
			if err == nil && exitCode && pending {
				return errPending
			}
			return err
		},
	}
	command.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 3 if changes are pending")
	return command
}

func (p *program) renderCommand() *cobra.Command {
	command := &cobra.Command{
		Use: "render", Short: "Print the pools for kubectl, calicoctl or the Tigera operator, without a datastore",
		Long: `Print the pools as manifests for kubectl or calicoctl, without a datastore. With
-o installation, print the part of the Tigera operator's Installation that lists
the pools; "kubectl patch installation default --type merge --patch-file FILE"
merges it into the cluster's Installation. With -o helm-values, print the same as
values of its Helm chart, tigera-operator.

With --from-v1, convert the pools of a manifest of calicoctl 1 (apiVersion: v1,
kind: ipPool). Fields that are renamed or lost are warnings.`,
		Args: p.noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p.stdin = cmd.InOrStdin()
			return p.render(cmd.Context())
		},
	}
	command.Flags().StringVar(&p.fromV1, "from-v1", "", "convert the ipPools of calicoctl 1 in this file (-: stdin)")
	completeFlag(command, "from-v1", cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault))
	return command
}

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: p.noArgs,
		RunE: func(*cobra.Command, []string) error {
			p.running = true
			if err := p.checkOutput(formatsOf["version"]); err != nil {
				return err
			}
			if p.output != formatTable {
				return p.printObject(thisVersion())
			}
			_, err := fmt.Fprintln(p.stdout, thisVersion())
			return err
		},
	}
}

func (p *program) runApply(cmd *cobra.Command, _ []string) error { return p.apply(cmd.Context()) }

// noArgs is cobra.NoArgs with a hint: an extra argument is often the value of a
// boolean flag. It may also be a part of a password, so the error omits it if a
// secret flag is set.
func (p *program) noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	for _, definition := range settings.Definitions() {
		if definition.Secret && definition.Of(&p.flags).Source != (origin.Origin{}) {
			return errors.New("unexpected argument after the flags")
		}
	}
	if near := cmd.Root().SuggestionsFor(args[0]); len(near) > 0 && cmd == cmd.Root() {
		return fmt.Errorf("unknown command %s (did you mean %s?)", text.Quote(args[0]), strings.Join(near, " or "))
	}
	switch strings.ToLower(args[0]) {
	case "true", "false", "yes", "no", "on", "off", "1", "0":
		example := "no-default-pools=false"
		cmd.Flags().Visit(func(flag *pflag.Flag) { // the argument may follow any of them
			if flag.NoOptDefVal != "" {
				example = flag.Name + "=" + args[0]
			}
		})
		return fmt.Errorf("unexpected argument %q; join the value of a boolean flag to it with =, as in --%s", args[0], example)
	}
	return fmt.Errorf("unexpected argument %s", text.Quote(args[0]))
}
