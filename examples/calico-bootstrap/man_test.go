package main

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

var update = flag.Bool("update", false, "update the man page")

const manPage = "man/calico-bootstrap.1"

// TestManPage fails if the man page differs from the commands, the settings and
// README.md's exit codes. `make man` updates it.
func TestManPage(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	text := manText(t, string(readme))
	if *update {
		require.NoError(t, os.WriteFile(manPage, []byte(text), 0o644))
	}
	current, err := os.ReadFile(manPage)
	require.NoError(t, err)
	assert.Equal(t, string(current), text, "run make man to update it")
}

// TestManPageIsRead checks that mandoc and man read the page without warnings.
func TestManPageIsRead(t *testing.T) {
	t.Parallel()
	t.Run("mandoc", func(t *testing.T) {
		t.Parallel()
		// The page has no date, so that it changes only with the program.
		out := read(t, []int{0, 2}, "mandoc", "-Tlint", "-Wwarning", manPage)
		for line := range strings.Lines(out) {
			assert.Contains(t, line, "missing date")
		}
	})
	t.Run("man", func(t *testing.T) {
		t.Parallel()
		out := read(t, []int{0}, "man", "--warnings", "-l", manPage)
		for _, section := range []string{"NAME", "SYNOPSIS", "COMMANDS", "OPTIONS", "ENVIRONMENT", "FILES", "EXIT STATUS", "EXAMPLES"} {
			assert.Contains(t, out, "\n"+section+"\n")
		}
		assert.Contains(t, out, "--on-drift")
		assert.NotContains(t, out, "warning: ")
	})
}

// read returns the output of the reader.
func read(t *testing.T, codes []int, reader string, arguments ...string) string {
	t.Helper()
	if _, err := exec.LookPath(reader); err != nil {
		t.Skip(reader + " is not installed")
	}
	command := exec.CommandContext(t.Context(), reader, arguments...)
	command.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MANWIDTH=80", "MANPAGER=cat", "MAN_KEEP_FORMATTING=")
	out, err := command.CombinedOutput()
	require.NotNil(t, command.ProcessState, "%v", err)
	assert.Contains(t, codes, command.ProcessState.ExitCode(), "%s", out)
	return string(out)
}

func manText(t *testing.T, readme string) string {
	root := (&program{}).rootCommand()
	root.InitDefaultCompletionCmd()
	var b bytes.Buffer
	b.WriteString(".\\\" Written by make man.\n.TH CALICO-BOOTSTRAP 1 \"\" calico-bootstrap\n.nh\n.ad l\n")
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", root.Name(), roff(strings.ToLower(root.Short[:1])+root.Short[1:]))
	b.WriteString(".SH SYNOPSIS\n.B calico\\-bootstrap\n[\\fIcommand\\fR] [\\fIflags\\fR]\n.SH DESCRIPTION\n")
	about, _, found := strings.Cut(root.Long, "\n\nExit codes: ") // which have their own section
	require.True(t, found)
	writeText(&b, about)

	b.WriteString(".SH COMMANDS\n")
	for _, command := range root.Commands() {
		if !command.IsAvailableCommand() {
			continue
		}
		fmt.Fprintf(&b, ".SS %s\n", roff(command.Name()))
		if command.Name() == "completion" { // cobra's text describes its subcommands
			writeText(&b, command.Short+": bash, zsh, fish or powershell.\nWith --help after the shell, print how to install the script.")
			continue
		}
		writeText(&b, strings.TrimSuffix(cmp.Or(command.Long, command.Short), ".")+".")
		command.Flags().VisitAll(func(f *pflag.Flag) { writeFlag(&b, f) })
	}

	b.WriteString(".SH OPTIONS\nThe flags of every command.\nA flag takes precedence over its variable.\nThe case of modes, words and booleans is ignored.\n")
	known := map[string]bool{}
	for _, d := range settings.Definitions() {
		known[d.Flag] = true
		writeSetting(&b, root.PersistentFlags().Lookup(d.Flag), d)
	}
	root.PersistentFlags().VisitAll(func(f *pflag.Flag) {
		if !known[f.Name] && f.Name != "data-dir" { // only in builds with the embedded etcd
			writeFlag(&b, f)
		}
	})

	b.WriteString(".SH ENVIRONMENT\nAn empty variable is unset.\n")
	for _, d := range settings.Definitions() {
		item(&b, bold(d.Env), "as "+"--"+d.Flag+".")
		if d.Prefixed {
			fmt.Fprintf(&b, "%s takes precedence over it.\n", bold("CALICO_"+d.Env))
		}
	}
	item(&b, bold("HTTPS_PROXY")+", "+bold("HTTP_PROXY")+", "+bold("NO_PROXY"), "proxies for the Kubernetes API.")
	item(&b, bold("KUBERNETES_SERVICE_HOST")+", "+bold("KUBERNETES_SERVICE_PORT"), "the address of the Kubernetes API in a pod, if nothing else is set.")
	item(&b, bold("SSL_CERT_FILE"), "the CA certificates to use instead of the system's.")

	b.WriteString(".SH FILES\n")
	item(&b, italic("~/.kube/config"), "the kubeconfig, if nothing else is set and the file exists.")
	item(&b, italic("/var/run/secrets/kubernetes.io/serviceaccount/"), "token and CA certificate of a pod, if nothing else is set.")
	item(&b, italic("/etc/calico/calicoctl.cfg"), "a common path of the CalicoAPIConfig file, for --config; it is not read by default.")
	item(&b, italic("/etc/NetworkManager/conf.d/calico.conf"), "the file for the output of firewall -o networkmanager; the program doesn't write it.")

	b.WriteString(".SH EXIT STATUS\n")
	codes := regexp.MustCompile(`(?m)^\| ([0-9]) \| (.*) \|$`).FindAllStringSubmatch(readme, -1)
	require.Len(t, codes, 5)
	for _, code := range codes {
		item(&b, bold(code[1]), code[2]+".")
	}

	b.WriteString(".SH EXAMPLES\n")
	for _, command := range append([]*cobra.Command{root}, root.Commands()...) {
		if command.Example != "" && command != root {
			b.WriteString(".PP\n")
		}
		writeExamples(&b, command.Example)
	}
	b.WriteString(".SH SEE ALSO\n.BR kubectl (1),\n.BR firewall\\-cmd (1)\n.PP\nhttps://github.com/calico\\-bootstrap/calico\\-bootstrap\n")
	return b.String()
}

func writeSetting(b *bytes.Buffer, f *pflag.Flag, d settings.Definition) {
	usage := d.Usage
	if d.Words() == nil || d.Bool {
		usage += "; " + d.Accepted
	} else {
		usage += "; one of " + d.Accepted
	}
	usage += "."
	if d.Default != "" {
		usage += " Default: " + d.Default + "."
	}
	item(b, flagName(f), usage+" Variable: "+d.Env+".")
}

func writeFlag(b *bytes.Buffer, f *pflag.Flag) {
	item(b, flagName(f), f.Usage+".")
}

// flagName returns the flag as a user types it.
func flagName(f *pflag.Flag) string {
	name := bold("--" + f.Name)
	if f.Shorthand != "" {
		name = bold("-"+f.Shorthand) + ", " + name
	}
	if f.NoOptDefVal == "" {
		return name + " " + italic(strings.TrimSuffix(f.Value.Type(), "Slice"))
	}
	return name
}

// item writes a paragraph with a tag.
func item(b *bytes.Buffer, tag, text string) { fmt.Fprintf(b, ".TP\n%s\n%s\n", tag, roff(text)) }

// writeText writes paragraphs, and indented paragraphs without filling.
func writeText(b *bytes.Buffer, text string) {
	for i, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if i > 0 {
			b.WriteString(".PP\n")
		}
		if strings.HasPrefix(paragraph, "\t") {
			writeLines(b, paragraph)
			continue
		}
		for line := range strings.Lines(paragraph) {
			b.WriteString(roff(strings.TrimSpace(line)) + "\n")
		}
	}
}

// writeExamples writes comments as text and commands without filling.
func writeExamples(b *bytes.Buffer, examples string) {
	for i, example := range strings.Split(strings.TrimSpace(examples), "\n\n") {
		if comment, commands, found := strings.Cut(strings.TrimSpace(example), "\n"); found {
			if i > 0 {
				b.WriteString(".PP\n")
			}
			fmt.Fprintf(b, "%s:\n.PP\n", roff(strings.TrimPrefix(comment, "# ")))
			writeLines(b, commands)
		}
	}
}

func writeLines(b *bytes.Buffer, lines string) {
	b.WriteString(".RS 4\n.nf\n")
	for line := range strings.Lines(lines) {
		b.WriteString(roff(strings.TrimSpace(line)) + "\n")
	}
	b.WriteString(".fi\n.RE\n")
}

func bold(text string) string   { return `\fB` + roff(text) + `\fR` }
func italic(text string) string { return `\fI` + roff(text) + `\fR` }

var roffEscapes = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, `"`, `\(dq`, "~", `\(ti`, "^", `\(ha`, "`", `\(ga`)

// roff escapes the text.
func roff(text string) string {
	text = roffEscapes.Replace(text)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	return text
}
