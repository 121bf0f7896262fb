package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/calico-bootstrap/calico-bootstrap/internal/spelling"
)

// flagGroups are the headings of the flags in --help, with the prefixes of the flags
// below them. A flag without one of these prefixes is in the last group.
var flagGroups = []struct {
	title    string
	prefixes []string
}{
	{"IPv4 Pool", []string{"ipv4-pool-"}},
	{"IPv6 Pool", []string{"ipv6-"}},
	{"etcd", []string{"etcd-", "data-dir"}},
	{"Kubernetes", []string{"k8s-", "kubeconfig", "calico-api-group"}},
	{"Global", nil},
}

// groupedFlags returns the usages of the flags of every command, by group.
func groupedFlags(flags *pflag.FlagSet) string {
	groups := make([]*pflag.FlagSet, len(flagGroups))
	for i := range groups {
		groups[i] = pflag.NewFlagSet("", pflag.ContinueOnError)
	}
	flags.VisitAll(func(f *pflag.Flag) {
		for i, group := range flagGroups {
			if group.prefixes == nil || hasPrefix(f.Name, group.prefixes) {
				groups[i].AddFlag(f)
				break
			}
		}
	})
	var b strings.Builder
	for i, group := range groups {
		if group.HasAvailableFlags() {
			fmt.Fprintf(&b, "\n%s Flags:\n%s", flagGroups[i].title, group.FlagUsages())
		}
	}
	return b.String()
}

func hasPrefix(name string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// usage writes the usage of a command as cobra does, but the flags of every command by
// group, and only if the command reads settings.
func usage(command *cobra.Command) error {
	var b strings.Builder
	b.WriteString("Usage:\n")
	if command.Runnable() {
		fmt.Fprintf(&b, "  %s\n", command.UseLine())
	}
	if command.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "  %s [command]\n", command.CommandPath())
	}
	if command.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", command.Example)
	}
	if command.HasAvailableSubCommands() {
		b.WriteString("\nCommands:\n")
		for _, sub := range command.Commands() {
			if sub.IsAvailableCommand() || sub.Name() == "help" {
				fmt.Fprintf(&b, "  %-*s %s\n", sub.NamePadding(), sub.Name(), sub.Short)
			}
		}
	}
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	common := command.Root().PersistentFlags()
	command.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if common.Lookup(f.Name) == nil {
			own.AddFlag(f)
		}
	})
	if own.HasAvailableFlags() {
		fmt.Fprintf(&b, "\nFlags:\n%s", own.FlagUsages())
	}
	if readsSettings(command) {
		used := pflag.NewFlagSet("", pflag.ContinueOnError)
		used.SortFlags = false
		common.VisitAll(func(f *pflag.Flag) {
			if command.Name() != natName || !isPoolSetting(f.Name) {
				used.AddFlag(f)
			}
		})
		b.WriteString(groupedFlags(used))
	}
	if command.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\nUse \"%s [command] --help\" for more information about a command.\n", command.CommandPath())
	}
	_, err := io.WriteString(command.OutOrStderr(), b.String())
	return err
}

// readsSettings reports whether a command reads settings, and so uses the flags of every
// command.
func readsSettings(command *cobra.Command) bool {
	for ; command != nil; command = command.Parent() {
		switch command.Name() {
		case "completion", "version", "help":
			return false
		}
	}
	return true
}

// suggestedFlag returns the flag that is spelled like an unknown one, or an empty string.
func suggestedFlag(flags *pflag.FlagSet, unknown string) string {
	best, least := "", 3
	flags.VisitAll(func(f *pflag.Flag) {
		if away := spelling.Distance(unknown, f.Name, least); away < least {
			best, least = f.Name, away
		}
	})
	return best
}
