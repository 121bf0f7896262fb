package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestManPages fails when the man pages differ from what the commands generate.
// `make man` writes them.
func TestManPages(t *testing.T) {
	t.Parallel()
	dir := "man"
	if !*update {
		dir = t.TempDir()
	}
	root := (&program{}).rootCommand()
	root.DisableAutoGenTag = true
	completion, _, err := root.Find([]string{"completion"})
	require.NoError(t, err)
	root.RemoveCommand(completion)                                  // a page for each shell, all alike
	date := time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC) // of all pages, so that they are reproducible
	prepareFlags(root)
	require.NoError(t, doc.GenManTree(root, &doc.GenManHeader{Section: "1", Date: &date, Source: "calico-bootstrap"}, dir))
	for name, page := range contents(t, dir) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(valueInPage.ReplaceAllString(page, `$1=\fI$2\fP$3`)), 0o644))
	}
	assert.Equal(t, contents(t, dir), contents(t, "man"), "make man writes them")
}

// valueInPage matches a flag with its value, which cobra quotes if it is a string.
var valueInPage = regexp.MustCompile(`(?m)^(\\fB--.*\\fP\[?|\\fB-.*, \\fB--.*\\fP\[?)="?([a-zA-Z|]+)"?(\]?)$`)

// prepareFlags moves the defaults of the flags to their descriptions: cobra prints them in
// the place of the value, which gets its name or its type.
func prepareFlags(command *cobra.Command) {
	command.InitDefaultHelpFlag()
	for _, flags := range []*pflag.FlagSet{command.LocalNonPersistentFlags(), command.PersistentFlags()} {
		flags.VisitAll(func(flag *pflag.Flag) {
			value, usage := pflag.UnquoteUsage(flag)
			if value == "" {
				value = "true|false"
			}
			if !slices.Contains([]string{"", "false", "[]"}, flag.DefValue) {
				usage += " (default " + flag.DefValue + ")"
			}
			flag.Usage, flag.DefValue = usage, value
		})
	}
	for _, sub := range command.Commands() {
		prepareFlags(sub)
	}
}

// TestManPagesHaveDefaults checks that a default is in the description of its flag, and
// that the flag has the name of a value.
func TestManPagesHaveDefaults(t *testing.T) {
	t.Parallel()
	for name, page := range contents(t, "man") {
		flags := regexp.MustCompile(`(?m)^\\fB-.*\\fP.*$`).FindAllString(page, -1)
		require.NotEmpty(t, flags, name)
		for _, flag := range flags {
			assert.Regexp(t, `\\fP(=\\fI\w+\\fP|\[=\\fItrue\|false\\fP\])$`, flag, name)
		}
		if name != "calico-bootstrap-version.1" {
			assert.Contains(t, page, "\n\\fB--timeout\\fP=\\fI")
		}
	}
	plan := contents(t, "man")["calico-bootstrap-plan.1"]
	for _, want := range []string{"(default 60s)", "(default all())", "(default no limit)", "(default true)"} {
		assert.Contains(t, plan, want)
	}
	assert.NotContains(t, plan, "(default )")
}

// contents maps the names of the files in a directory to their contents.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	files := map[string]string{}
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		require.NoError(t, err)
		files[entry.Name()] = string(data)
	}
	return files
}

// TestManPagesRender renders the pages with man.
func TestManPagesRender(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("man"); err != nil {
		t.Skip("man is not installed")
	}
	pages, err := filepath.Glob("man/*.1")
	require.NoError(t, err)
	require.NotEmpty(t, pages)
	for _, page := range pages {
		command := exec.CommandContext(t.Context(), "man", "--warnings", "-l", page)
		command.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MANWIDTH=80", "MANPAGER=cat", "MAN_KEEP_FORMATTING=")
		out, err := command.CombinedOutput()
		require.NoError(t, err, "%s", out)
		assert.Contains(t, string(out), "--on-drift")
		assert.NotContains(t, string(out), "warning: ")
	}
}
