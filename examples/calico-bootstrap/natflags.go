package main

import (
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

const natName = "nat"

// isPoolSetting reports whether a flag decides which pools are written, and how: nat, which
// shows the effect of stored ones, does not use it.
func isPoolSetting(flag string) bool {
	return hasPrefix(flag, []string{"ipv4-pool-", "ipv6-"}) ||
		slices.Contains([]string{"no-default-pools", "cluster-cidr", "networking-backend", "no-nat-to", "on-drift", "preflight", "allow"}, flag)
}

// poolSettings returns an error for each flag that nat does not use. Variables are ignored:
// they are for all commands.
func poolSettings(given *settings.Settings) error {
	var faults settings.Faults
	for _, d := range settings.Definitions() {
		if setting := *d.Of(given); setting.Source.Kind() == origin.KindFlag && isPoolSetting(d.Flag) {
			faults.Add(setting, "not used by nat, which shows the effect of stored pools; plan shows that of settings")
		}
	}
	return faults.Err()
}

// emptyFlags returns the flags that are set to an empty value, as by an unset variable of a
// shell: they must not count as left out.
func emptyFlags(flags *pflag.FlagSet) []string {
	var empty []string
	flags.Visit(func(f *pflag.Flag) {
		own := slices.Contains([]string{"node", "protocol", "dataplane", "expect", "file", "felix-file", "nodes-file"}, f.Name)
		if own && f.Value.String() == "" {
			empty = append(empty, f.Name)
		}
	})
	return empty
}

// helpOf returns the command whose help explains an invalid command line.
func helpOf(command *cobra.Command) string {
	if command.Name() == natName {
		return command.CommandPath()
	}
	return command.Root().Name()
}
