package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// completeFlags registers completions for the values of flags: words of an
// enumeration, files, or nothing.
func completeFlags(root *cobra.Command) {
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	for _, d := range settings.Definitions() {
		switch {
		case d.File:
			completeFlag(root, d.Flag, cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault))
		case d.Words != nil:
			completeFlag(root, d.Flag, cobra.FixedCompletions(d.Words, cobra.ShellCompDirectiveNoFileComp))
		}
	}
	completeFlag(root, "allow", findingCodes)
	completeFlag(root, "config", cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault))
	if hasEmbedded {
		completeFlag(root, "data-dir", cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs))
	}
	completeFlag(root, "output", func(command *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return formatsOf[command.Name()], cobra.ShellCompDirectiveNoFileComp
	})
}

// completeFlag registers the completion of a flag, which the command must have.
func completeFlag(command *cobra.Command, flag string, values cobra.CompletionFunc) {
	if err := command.RegisterFlagCompletionFunc(flag, values); err != nil {
		panic(err) // the flag doesn't exist, or is registered twice
	}
}

// findingCodes completes the last code of a comma-separated list.
func findingCodes(_ *cobra.Command, _ []string, given string) ([]string, cobra.ShellCompDirective) {
	before := given[:strings.LastIndexByte(given, ',')+1]
	var codes []string
	for _, code := range preflight.FindingCodes() {
		codes = append(codes, before+string(code))
	}
	return codes, cobra.ShellCompDirectiveNoFileComp
}
