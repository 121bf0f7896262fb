package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

var update = flag.Bool("update", false, "write the man pages and the tables of docs/COMMANDS.md")

// TestCommandsDocument compares the tables of docs/COMMANDS.md with the commands,
// the flags that are no settings, and the exit codes.
func TestCommandsDocument(t *testing.T) {
	t.Parallel()
	const path = "../../docs/COMMANDS.md"
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	text := string(data)
	for name, table := range map[string]string{"commands": commandTable(), "flags": flagTable(), "exit codes": exitCodeTable()} {
		begin := "<!-- " + name + ": written by `make man` -->\n"
		before, rest, found := strings.Cut(text, begin)
		require.True(t, found, name)
		_, after, found := strings.Cut(rest, "<!-- /"+name+" -->")
		require.True(t, found, name)
		text = before + begin + table + "<!-- /" + name + " -->" + after
	}
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return
	}
	assert.Equal(t, text, string(data), "make man writes them")
}

func commandTable() string {
	var b strings.Builder
	b.WriteString("\n| command | what it does |\n|---|---|\n")
	root := (&program{}).rootCommand()
	root.InitDefaultCompletionCmd()
	for _, command := range root.Commands() {
		if command.IsAvailableCommand() {
			fmt.Fprintf(&b, "| %s | %s |\n", command.Name(), command.Short)
		}
	}
	return b.String()
}

// flagTable lists the flags that every command has and that are no settings.
func flagTable() string {
	var b strings.Builder
	b.WriteString("\n| flag | what it does |\n|---|---|\n")
	setting := map[string]bool{}
	for _, d := range settings.Definitions() {
		setting[d.Flag] = true
	}
	(&program{}).rootCommand().PersistentFlags().VisitAll(func(f *pflag.Flag) {
		if setting[f.Name] || f.Name == "data-dir" { // which only builds with an embedded etcd have
			return
		}
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		fmt.Fprintf(&b, "| %s | %s |\n", name, f.Usage)
	})
	return b.String()
}

func exitCodeTable() string {
	var b strings.Builder
	b.WriteString("\n| exit code | when |\n|---|---|\n")
	for code, when := range exitCodes {
		fmt.Fprintf(&b, "| %d | %s |\n", code, when)
	}
	return b.String()
}
