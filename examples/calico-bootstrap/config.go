package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/spf13/cobra"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// formatEnv is the output format of a file to source in a shell.
const formatEnv = "env"

// flagNames is settings.FlagNames, and names the flag of the program itself.
func flagNames(id origin.Setting) string {
	if id == origin.SettingConfigFile {
		return "--config"
	}
	return settings.FlagNames(id)
}

func (p *program) configCommand() *cobra.Command {
	return &cobra.Command{
		Use: "config", Short: "Print every setting with its value and source; make no connections",
		Long: `Print every setting with its value and source. No connection is made. With -o env,
print a shell file that exports the settings that are set. Invalid settings are
reported as well; the exit code is then 2.`,
		Args: p.noArgs, RunE: func(cmd *cobra.Command, _ []string) error { return p.config(cmd.Context()) },
	}
}

// effective is the effective value of a setting.
type effective struct {
	Setting  string        `json:"setting"`  // the flag, without dashes
	Variable string        `json:"variable"` // the variable that gives the value, or the equivalent one
	Value    string        `json:"value"`    // empty: no value
	Source   origin.Origin `json:"source"`

	export   string // the variable of -o env, which takes precedence over the others of the setting
	exported string // its value, which the variable may spell in another way than the flag
	secret   bool
}

// config prints the settings even if they are invalid, to help find the fault.
func (p *program) config(ctx context.Context) error {
	p.optional = true // a new machine has none
	err := p.load(ctx, true, formatsOf["config"]...)
	p.warn()
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
		return nil // load has reported the invalid format
	}
}

func (p *program) effective() []effective {
	var all []effective
	for _, d := range settings.Definitions() {
		given := *d.Of(&p.given)
		setting := effective{Setting: d.Flag, Variable: d.Env, Value: d.Default, Source: origin.Default, export: d.Env}
		if given.IsSet() {
			setting.Value, setting.Source = given.Value, given.Source
			if d.Hides(given.Value) {
				setting.Value, setting.secret = text.Hidden, true
			}
			if given.Source.Kind() == origin.KindEnv {
				setting.Variable = given.Source.Name()
			}
			names := d.Variables()
			setting.export = names[len(names)-1]
		}
		setting.exported = setting.Value
		if d.ID == origin.SettingBackend && setting.Source.Kind() != origin.KindEnv {
			setting.exported = strings.ToLower(setting.Value) // as calico-node, the variable has no other case
		}
		all = append(all, setting)
	}
	return all
}

// printEnv writes a file for a POSIX shell with the settings that are set, and the
// defaults as comments.
func (p *program) printEnv(all []effective) error {
	var file strings.Builder
	for _, s := range all {
		switch {
		case s.secret:
			fmt.Fprintf(&file, "# %s is secret and not shown (%s)\n", s.export, cell(s.Source))
		case s.Source != origin.Default:
			fmt.Fprintf(&file, "export %s=%s # %s\n", s.export, text.ShellQuote(s.exported), cell(s.Source))
		case s.Value != "":
			fmt.Fprintf(&file, "# %s: %s (default)\n", s.export, s.Value)
		}
	}
	for what, setting := range p.inline() {
		fmt.Fprintf(&file, "# not exported, because no variable sets it: the %s in %s\n", what, cell(setting.Source))
	}
	_, err := p.stdout.Write([]byte(file.String()))
	return err
}

// inline yields the certificates, keys and kubeconfigs that a config file contains.
func (p *program) inline() iter.Seq2[string, settings.Setting] {
	return func(yield func(string, settings.Setting) bool) {
		for _, inline := range []struct {
			what    string
			setting settings.Setting
		}{
			{"etcd CA certificates", p.given.Datastore.EtcdCACert},
			{"etcd client certificate", p.given.Datastore.EtcdCert},
			{"etcd client key", p.given.Datastore.EtcdKey},
			{"kubeconfig", p.given.Datastore.KubeconfigInline},
		} {
			if inline.setting.IsSet() && !yield(inline.what, inline.setting) {
				return
			}
		}
	}
}
