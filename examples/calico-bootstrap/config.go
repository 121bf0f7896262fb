package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// formatEnv is a file to source.
const formatEnv = "env"

// hidden stands for a value that must not be shown.
const hidden = "***"

func (p *program) configCommand() *cobra.Command {
	return &cobra.Command{
		Use: "config", Short: "Print every setting with its value and where that comes from; contact nothing",
		Long: `Print every setting with its value and where that comes from. Nothing is
contacted. With -o env it is a file to source, of the settings that somebody gave.
What is wrong with the settings is told as well, and makes the exit code 2.`,
		Args: p.noArgs, RunE: func(*cobra.Command, []string) error { return p.config() },
	}
}

// effective is a setting as it counts.
type effective struct {
	Setting  string        `json:"setting"`  // the flag, without dashes
	Variable string        `json:"variable"` // that gives the same
	Value    string        `json:"value"`    // empty: none
	Source   origin.Origin `json:"source"`

	secret bool
}

// config prints the settings even where they are wrong: that is when somebody
// wants to see them.
func (p *program) config() error {
	err := p.load(true, formatsOf["config"]...)
	for _, warning := range append(p.warnings, p.resolved...) {
		p.logger.Warn(warning)
	}
	return errors.Join(p.printConfig(), err)
}

func (p *program) printConfig() error {
	all := p.effective()
	switch p.output {
	case formatTable:
		table := newTable(p.stdout)
		fmt.Fprintln(table, "SETTING\tVARIABLE\tVALUE\tFROM")
		for _, s := range all {
			fmt.Fprintf(table, "--%s\t%s\t%s\t%s\n", s.Setting, s.Variable, cell(s.Value), cell(s.Source))
		}
		return table.Flush()
	case formatEnv:
		return p.printEnv(all)
	case formatJSON, formatYAML:
		return p.printObject(all)
	default:
		return nil // another format, which is a fault already
	}
}

func (p *program) effective() []effective {
	var all []effective
	for _, d := range settings.Definitions() {
		given := *d.Of(&p.given)
		setting := effective{Setting: d.Flag, Variable: d.Env, Value: d.Default, Source: origin.Default}
		if given.IsSet() {
			setting.Value, setting.Source = given.Value, given.Source
			if d.Hides(given.Value) {
				setting.Value, setting.secret = hidden, true
			}
			if d.Prefixed {
				setting.Variable = "CALICO_" + d.Env // the name that wins, whoever gave it
			}
		}
		all = append(all, setting)
	}
	return all
}

// printEnv writes what was given as a file for a POSIX shell, and the rest as
// comments.
func (p *program) printEnv(all []effective) error {
	var text strings.Builder
	for _, s := range all {
		switch {
		case s.secret:
			fmt.Fprintf(&text, "# %s is secret and not shown (%s)\n", s.Variable, cell(s.Source))
		case s.Source != origin.Default:
			fmt.Fprintf(&text, "export %s=%s # %s\n", s.Variable, quoteForShell(s.Value), cell(s.Source))
		case s.Value != "":
			fmt.Fprintf(&text, "# %s: %s (default)\n", s.Variable, s.Value)
		}
	}
	for _, inline := range []struct {
		what    string
		setting settings.Setting
	}{
		{"etcd CA certificates", p.given.Datastore.EtcdCACert},
		{"etcd client certificate", p.given.Datastore.EtcdCert},
		{"etcd client key", p.given.Datastore.EtcdKey},
		{"kubeconfig", p.given.Datastore.KubeconfigInline},
	} {
		if inline.setting.IsSet() {
			fmt.Fprintf(&text, "# the %s in %s: no variable holds such a text\n", inline.what, cell(inline.setting.Source))
		}
	}
	_, err := p.stdout.Write([]byte(text.String()))
	return err
}

// quoteForShell quotes a text so that a POSIX shell takes it as it is.
func quoteForShell(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
