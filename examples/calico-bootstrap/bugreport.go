package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/open"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
)

const (
	formatMarkdown = "markdown"

	// bugReportTime limits a report, whatever the time limit of a run is.
	bugReportTime = 30 * time.Second

	maxReportedPools = 50
)

func (p *program) bugReportCommand() *cobra.Command {
	return &cobra.Command{
		Use: "bug-report", Short: "Print what an issue about this program should have, without secrets; write nothing",
		Long: `Print what an issue about this program should have, as Markdown: the version, this
host, the settings and where they come from, the datastore, the existing pools, and
the plan with its warnings and findings. Nothing is written.

What fails is a line of the report, such as an unreachable datastore, and the exit code
is 0. The report takes at most 30 seconds, and --timeout may limit it further. It fits
into an issue: it has less than 64 kB.

It has the names and addresses of the cluster and of this host: read it before you
publish it. Secrets are not shown.`,
		Example: `  # With the settings of the run that failed
  calico-bootstrap bug-report --kubeconfig admin.conf --ipv4-pool-cidr 10.244.0.0/16 > report.md`,
		Args: p.noArgs, RunE: func(cmd *cobra.Command, _ []string) error { return p.bugReport(cmd.Context()) },
	}
}

// bugReport prints the report. What can't be read is a line of it, so the only errors are
// those of the output.
func (p *program) bugReport(ctx context.Context) error {
	p.running = true
	if err := p.checkOutput(formatsOf["bug-report"]); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, bugReportTime, fmt.Errorf("%w after %s, the limit of a report", bootstrap.ErrTimedOut, bugReportTime))
	defer cancel()
	invalid := p.loadForReport(ctx)
	p.logger = slog.New(slog.DiscardHandler) // the report has the warnings
	report := []reportSection{
		{"Program and host", append([]string{thisVersion().String()}, hostLines(ctx)...)},
		{"Settings", p.settingLines(invalid)},
	}
	report = append(report, p.datastoreSections(ctx, invalid != nil)...)
	p.live.hide()
	if _, err := io.WriteString(p.stdout, markdown(report)); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// loadForReport is load within a third of the report's time: a file that can't be read, such
// as a pipe without a writer, leaves time for the other sections.
func (p *program) loadForReport(ctx context.Context) error {
	share := bugReportTime / 3
	if deadline, ok := ctx.Deadline(); ok {
		share = min(share, time.Until(deadline)/3)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, share, fmt.Errorf("%w after %s, the limit of a report for its settings", bootstrap.ErrTimedOut, share.Round(time.Millisecond)))
	defer cancel()
	return p.load(ctx, true, formatsOf["bug-report"]...)
}

// settingLines returns the faults and warnings, the settings that are set, and the defaults.
func (p *program) settingLines(invalid error) []string {
	lines := errorReport(invalid)
	for _, warning := range slices.Concat(p.warnings, p.resolved) {
		lines = append(lines, "warning: "+warning)
	}
	var defaults []string
	for _, s := range p.effective() {
		line := fmt.Sprintf("--%s %s (%s)", s.Setting, s.Value, s.Source)
		switch {
		case s.Source != origin.Default:
			lines = append(lines, line)
		case s.Value != "":
			defaults = append(defaults, line)
		}
	}
	for what, setting := range p.inline() {
		lines = append(lines, fmt.Sprintf("the %s, not shown (%s)", what, setting.Source))
	}
	return append(lines, defaults...)
}

// errorReport returns a line for each fault of an error; nil without an error.
func errorReport(err error) []string {
	if err == nil {
		return nil
	}
	var lines []string
	for _, line := range errorLines(err) {
		lines = append(lines, "error: "+line)
	}
	return lines
}

// datastoreSections returns what the datastore has, as far as it can be read.
func (p *program) datastoreSections(ctx context.Context, invalid bool) []reportSection {
	var server, pools, planned []string
	notRead := func(lines *[]string, why string) {
		if *lines == nil {
			*lines = []string{"not read: " + why}
		}
	}
	server = []string{"type: " + cmp.Or(string(p.datastore.Type), "unknown")}
	if p.connectable {
		var lines []string
		lines, pools, planned = p.readDatastore(ctx, invalid)
		server = append(server, lines...)
	} else {
		server = append(server, "not read: no connection is configured, or its settings are invalid or were not read: see Settings")
	}
	notRead(&pools, "see Datastore")
	notRead(&planned, "see Settings, Datastore and Pools")
	return []reportSection{{"Datastore", server}, {"Pools", pools}, {"Plan", planned}}
}

// readDatastore reads the datastore. Sections that are nil could not be read.
func (p *program) readDatastore(ctx context.Context, invalid bool) (server, pools, planned []string) {
	if !p.embedded {
		server = append(server, "place: "+p.datastore.String())
	}
	store, err := p.open(ctx)
	if err != nil {
		return append(server, errorReport(err)...), nil, nil
	}
	defer store.Close()

	p.waitFor("the pools", "")
	snapshot, err := store.Snapshot(ctx)
	if isFinal(err) {
		return append(server, errorReport(err)...), nil, nil
	}
	if reader, ok := store.(facts.VersionReader); ok {
		p.waitFor("the versions", "")
		server = append(server, versionLines(reader.Versions(ctx))...)
	}
	if err != nil {
		return server, errorReport(err), nil
	}
	if !invalid {
		planned = p.planLines(ctx, store)
	}
	return server, poolLines(snapshot), planned
}

// isFinal reports whether every other request would fail as well.
func isFinal(err error) bool {
	return errors.Is(err, datastore.ErrUnreachable) || errors.Is(err, datastore.ErrTLS) || errors.Is(err, datastore.ErrUnauthorized)
}

func versionLines(v facts.Versions) []string {
	var lines []string
	add := func(what, value string) {
		if value != "" {
			lines = append(lines, what+": "+value)
		}
	}
	add("server", v.Server)
	if v.Members > 0 {
		add("members", fmt.Sprint(v.Members))
	}
	add("Calico", v.Calico)
	add("API group of the pools", v.Group)
	add("served", strings.Join(v.Served, ", "))
	for _, problem := range v.Problems {
		add("problem", problem)
	}
	return lines
}

// poolLines returns the number of pools, and the first ones as they are stored, without
// their metadata.
func poolLines(snapshot datastore.Snapshot) []string {
	lines := []string{fmt.Sprintf("pools: %d", len(snapshot.Pools))}
	if count := len(snapshot.Unreadable); count > 0 {
		lines = append(lines, fmt.Sprintf("records that can't be decoded: %d", count))
	}
	for _, unreadable := range snapshot.Unreadable[:min(len(snapshot.Unreadable), maxReportedPools)] {
		lines = append(lines, fmt.Sprintf("%s: can't be decoded: %v", unreadable.Name, unreadable.Err))
	}
	for _, record := range snapshot.Pools[:min(len(snapshot.Pools), maxReportedPools)] {
		var stored struct {
			Spec json.RawMessage `json:"spec"`
		}
		var spec bytes.Buffer
		if err := json.Unmarshal(record.Raw(), &stored); err != nil || json.Compact(&spec, stored.Spec) != nil {
			spec.WriteString("no spec")
		}
		lines = append(lines, record.Pool().Name+": "+spec.String())
	}
	if more := max(len(snapshot.Pools), len(snapshot.Unreadable)) - maxReportedPools; more > 0 {
		lines = append(lines, fmt.Sprintf("only the first %d are shown", maxReportedPools))
	}
	return lines
}

// planLines returns what plan shows, without the settings of the pools.
func (p *program) planLines(ctx context.Context, store open.Datastore) []string {
	planned, err := bootstrap.New(store, p.options()...).Plan(ctx, p.settings)
	lines := errorReport(err)
	if planned == nil {
		return lines
	}
	for _, warning := range planned.Report.Warnings {
		if !slices.Contains(p.resolved, warning) {
			lines = append(lines, "warning: "+warning)
		}
	}
	for _, finding := range planned.Report.Findings {
		lines = append(lines, "finding: "+finding.Error())
	}
	for _, note := range planned.Report.Notes {
		lines = append(lines, "note: "+note)
	}
	return append(lines, plannedPools(planned.Report.Pools)...)
}

// plannedPools returns the first pools of each action, and the numbers of all.
func plannedPools(pools []bootstrap.PoolReport) []string {
	var lines []string
	count := map[plan.Action]int{}
	for _, pool := range pools {
		count[pool.Action]++
		if count[pool.Action] <= maxReportedPools {
			lines = append(lines, fmt.Sprintf("%s %s: %s (%s)", pool.Family, pool.Name, pool.Action, pool.Reason))
		}
	}
	if len(lines) < len(pools) {
		lines = append(lines, fmt.Sprintf("only the first %d of an action are shown", maxReportedPools))
	}
	return append(lines, fmt.Sprintf("%d to create, %d to update, %d unchanged, %d skipped",
		count[plan.WouldCreate], count[plan.WouldUpdate], count[plan.Unchanged], count[plan.Skipped]))
}
