package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/open"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/installation"
)

// The output formats.
const (
	formatTable = "table"
	formatJSON  = "json"
	formatYAML  = "yaml"

	formatInstallation = "installation" // render only
	formatHelmValues   = "helm-values"  // render only
)

// formatsOf are the formats of each command, the default first.
var formatsOf = map[string][]string{
	"calico-bootstrap": {formatTable, formatJSON, formatYAML}, // the same as apply
	"apply":            {formatTable, formatJSON, formatYAML},
	"plan":             {formatTable, formatJSON, formatYAML},
	"render":           {formatYAML, formatJSON, formatInstallation, formatHelmValues},
	"firewall":         {formatTable, formatJSON, formatYAML, formatFirewallCmd, formatNetworkManager},
	"ranges":           {formatTable, formatJSON, formatYAML, formatSVG},
	"config":           {formatTable, formatEnv, formatJSON, formatYAML},
	"bug-report":       {formatMarkdown},
	"nat":              {formatTable, formatJSON, formatYAML},
	"version":          {formatTable, formatJSON, formatYAML},
}

// printReport prints the report: a line for each pool in a table, or an object. It
// prints the records of an embedded etcd as well, which no other client can read. The
// refusal is the error that comes with the report, if any.
func (p *program) printReport(ctx context.Context, store open.Datastore, report bootstrap.Report, refusal error) error {
	p.reported = true
	if p.output != formatTable {
		return p.printObject(report)
	}
	table := newTable(p.stdout)
	fmt.Fprintln(table, "POOL\tFAMILY\tACTION\tCIDR\tNAT\tIPIP\tVXLAN\tBLOCK\tDISABLED\tWHY")
	for _, pools := range groupsOf(report) {
		fmt.Fprintln(table, strings.Join(row(report, pools), "\t"))
	}
	var others []preflight.FindingCode // of families
	for _, finding := range report.Findings {
		if !hasRow(report, finding) && !slices.Contains(others, finding.Code) {
			others = append(others, finding.Code)
		}
	}
	if len(others) > 0 {
		fmt.Fprintf(table, "\nFindings about no single pool: %s\n", text.Join(others))
	}
	if line := p.notShown(report, refusal); line != "" {
		fmt.Fprintf(table, "\n%s\n", line)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if trial, ok := store.(recordPrinter); ok {
		return trial.printRecords(ctx, p.stdout)
	}
	return nil
}

// row returns the row of a pool, or of several pools of a range.
func row(report bootstrap.Report, pools []bootstrap.PoolReport) []string {
	var cells []string
	for _, pool := range pools {
		next := cellsOf(pool)
		if cells == nil {
			cells = next
		}
		for i := range cells {
			if cells[i] != next[i] {
				cells[i] = "various"
			}
		}
	}
	first := pools[0]
	name, cidr, why := cell(first.Name), "-", first.Reason
	switch {
	case len(pools) > 1:
		name, cidr = fmt.Sprintf("%d pools", len(pools)), "parts of "+first.NoNATTo.String()
		if of := rangeOf(report, first); first.Action != plan.Unchanged && of.NAT != "" {
			why = of.NAT
		}
	case first.Spec != nil:
		cidr = cell(first.Spec.CIDR)
	}
	cells = append([]string{name, first.Family.String(), string(first.Action), cidr}, cells...)
	return append(cells, cell(why+findingsOf(report, pools)))
}

// cellsOf returns the cells of a pool that those of a range have in common.
func cellsOf(pool bootstrap.PoolReport) []string {
	nat, ipip, vxlan, block, disabled := "-", "-", "-", "-", "-"
	if spec := pool.Spec; spec != nil {
		nat, ipip, vxlan = fmt.Sprint(spec.NATOutgoing), string(spec.IPIPMode), string(spec.VXLANMode)
		block, disabled = fmt.Sprintf("/%d", cmp.Or(spec.BlockSize, pool.Family.DefaultBlockSize())), fmt.Sprint(spec.Disabled)
	}
	for field, column := range map[string]*string{
		"natOutgoing": &nat, "ipipMode": &ipip, "vxlanMode": &vxlan, "blockSize": &block, "disabled": &disabled,
	} {
		if slices.Contains(pool.Unreadable, field) {
			*column = "-"
		}
	}
	return []string{nat, cell(ipip), cell(vxlan), block, disabled}
}

// hasRow reports whether the finding is about a pool of the report, whose row has its code.
func hasRow(report bootstrap.Report, finding preflight.Finding) bool {
	return slices.ContainsFunc(report.Pools, func(pool bootstrap.PoolReport) bool { return pool.Name == finding.Pool })
}

// findingsOf returns the codes of the findings about pools, to follow a reason. Their texts
// are log lines.
func findingsOf(report bootstrap.Report, pools []bootstrap.PoolReport) string {
	var codes []preflight.FindingCode
	for _, finding := range report.Findings {
		about := slices.ContainsFunc(pools, func(pool bootstrap.PoolReport) bool { return pool.Name == finding.Pool })
		if about && !slices.Contains(codes, finding.Code) {
			codes = append(codes, finding.Code)
		}
	}
	switch len(codes) {
	case 0:
		return ""
	case 1:
		return "; finding " + string(codes[0])
	default:
		return "; findings " + text.Join(codes)
	}
}

// recordPrinter is a datastore that other clients can't read.
type recordPrinter interface {
	printRecords(ctx context.Context, w io.Writer) error
}

// printPlan prints the plan: for each pool, every field with its value and source, or
// the fields whose stored value differs from desired.
func (p *program) printPlan(_ context.Context, _ open.Datastore, report bootstrap.Report) error {
	p.reported = true
	if p.output != formatTable {
		return p.printObject(report)
	}
	table := newTable(p.stdout)
	count := map[plan.Action]int{}
	differing := 0             // unchanged pools that differ from desired
	shown := map[string]bool{} // warnings shown in the tables of the pools
	for _, pools := range groupsOf(report) {
		pool := pools[0]
		if count[pool.Action] += len(pools); len(pools) > 1 {
			p.printRange(table, report, pools)
			continue
		}
		fmt.Fprintln(table, p.marked(pool.Action, fmt.Sprintf("%s pool %s: %s (%s)", pool.Family, cell(pool.Name), sentence(pool), cell(pool.Reason))))
		switch {
		case len(pool.Drift) > 0:
			printDrift(table, pool)
		case pool.Spec != nil:
			fmt.Fprintln(table, "  FIELD\tVALUE\tFROM")
			for _, value := range planValues(pool) {
				fmt.Fprintf(table, "  %s\t%s\t%s\n", value.Field, cell(value.Value), cell(value.Source))
			}
		}
		if nat := cmp.Or(rangeOf(report, pool).NAT, pool.NAT); pool.NAT != "" {
			fmt.Fprintf(table, "  NAT: %s\n", cell(nat))
		}
		if pool.Action == plan.Unchanged && len(pool.Drift) > 0 {
			differing++
		}
		for _, difference := range pool.Drift {
			shown[difference.String()] = true
		}
		fmt.Fprintln(table)
	}
	var remarks []string
	for _, warning := range p.warned.hidden(report.Warnings) {
		if !shown[warning] {
			remarks = append(remarks, "Warning: "+text.Clip(warning, maxWarning))
		}
	}
	for _, finding := range report.Findings {
		remarks = append(remarks, "Finding: "+cell(finding.Error()))
	}
	for _, note := range report.Notes {
		remarks = append(remarks, "Note: "+cell(note))
	}
	for _, remark := range remarks {
		fmt.Fprintln(table, remark)
	}
	if len(remarks) > 0 {
		fmt.Fprintln(table)
	}
	unchanged := fmt.Sprintf("%d unchanged", count[plan.Unchanged])
	if differing > 0 {
		unchanged += fmt.Sprintf(" (%d of them different from desired)", differing)
	}
	fmt.Fprintf(table, "Plan: %d to create, %d to update, %s, %d skipped. Nothing was written.\n",
		count[plan.WouldCreate], count[plan.WouldUpdate], unchanged, count[plan.Skipped])
	return table.Flush()
}

// actionMarks are the marks of pools in a plan on a terminal, as in the String of a
// bootstrap.Plan, and their colours.
var actionMarks = map[plan.Action]struct{ mark, colour string }{
	plan.WouldCreate: {"+", "\x1b[32m"}, plan.WouldUpdate: {"~", "\x1b[33m"},
	plan.Unchanged: {"=", "\x1b[2m"}, plan.Skipped: {"-", "\x1b[2m"},
}

// marked returns the line about a pool with the mark of its action if stdout is a terminal.
func (p *program) marked(action plan.Action, line string) string {
	if !isTerminal(p.stdout) {
		return line
	}
	line = actionMarks[action].mark + " " + line
	if takesControls(p.stdout) {
		line = actionMarks[action].colour + line + "\x1b[0m"
	}
	return line
}

// printDrift prints the fields that differ, then a line for each remedy with the
// fields that it applies to.
func printDrift(table io.Writer, pool bootstrap.PoolReport) {
	fmt.Fprintln(table, "    FIELD\tSTORED\tDESIRED\tFROM")
	var remedies []plan.Difference // the first of each remedy
	fields := map[string][]string{}
	for _, difference := range pool.Drift {
		mark, stored := "!", cell(difference.Stored)
		if difference.Updated {
			mark = "~"
		}
		if difference.Stored == nil {
			stored = "-"
		}
		fmt.Fprintf(table, "  %s %s\t%s\t%s\t%s\n", mark, difference.Field, stored, cell(difference.Desired), cell(difference.Source))
		if difference.Remedy == "" {
			continue
		}
		if fields[difference.Remedy] == nil {
			remedies = append(remedies, difference)
		}
		fields[difference.Remedy] = append(fields[difference.Remedy], difference.Field)
	}
	for _, difference := range remedies {
		fmt.Fprintf(table, "  %s: %s", strings.Join(fields[difference.Remedy], ", "), cell(difference.Remedy))
		for i, step := range difference.Steps {
			fmt.Fprintf(table, "%s\n      %d. %s", []string{":", ""}[min(i, 1)], i+1, cell(step))
		}
		fmt.Fprintln(table)
	}
}

// maxWarning is the maximum length of a warning, which is on one line, in bytes. Its command
// may have the names of many pools.
const maxWarning = 64 << 10

// maxCell is the maximum length of a cell of a table, in bytes.
const maxCell = 2000

// cell formats a value on one line, without characters that control a terminal and
// without secrets: the value may come from another client of the datastore.
func cell(value any) string {
	if value == "" {
		return "-"
	}
	return text.Clip(text.Graphic(text.Redact(fmt.Sprint(value))), maxCell)
}

func sentence(pool bootstrap.PoolReport) string {
	switch {
	case pool.Action == plan.WouldCreate:
		return "would be created"
	case pool.Action == plan.WouldUpdate:
		return "would be updated"
	default:
		return string(pool.Action)
	}
}

// planValues returns the settings of a pool, or its stored values.
func planValues(pool bootstrap.PoolReport) []plan.Value {
	if len(pool.Settings) > 0 {
		return pool.Settings
	}
	stored := origin.Datastore
	spec := pool.Spec
	blockSize, nodeSelector := fmt.Sprint(spec.BlockSize), spec.NodeSelector
	if spec.BlockSize == 0 {
		blockSize = fmt.Sprintf("%d (default)", pool.Family.DefaultBlockSize())
	}
	if nodeSelector == "" {
		nodeSelector = ippool.DefaultNodeSelector + " (default)"
	}
	values := []plan.Value{
		{Field: "name", Value: pool.Name, Source: stored},
		{Field: "cidr", Value: spec.CIDR, Source: stored},
		{Field: "vxlanMode", Value: spec.VXLANMode, Source: stored},
		{Field: "ipipMode", Value: spec.IPIPMode, Source: stored},
		{Field: "natOutgoing", Value: spec.NATOutgoing, Source: stored},
		{Field: "disabled", Value: spec.Disabled, Source: stored},
		{Field: "disableBGPExport", Value: spec.DisableBGPExport, Source: stored},
		{Field: "blockSize", Value: blockSize, Source: stored},
		{Field: "nodeSelector", Value: nodeSelector, Source: stored},
	}
	for i := range values {
		if slices.Contains(pool.Unreadable, values[i].Field) {
			values[i].Value = "unreadable"
		}
	}
	return values
}

// tableWriter aligns columns. It writes when it is flushed, and not each cell in a system call.
type tableWriter struct {
	*tabwriter.Writer
	out *bufio.Writer
}

func newTable(w io.Writer) tableWriter {
	out := bufio.NewWriter(w)
	return tableWriter{tabwriter.NewWriter(out, 0, 0, 2, ' ', 0), out}
}

// Flush writes the table.
func (t tableWriter) Flush() error { return cmp.Or(t.Writer.Flush(), t.out.Flush()) }

func (p *program) printObject(object any) error {
	var (
		data []byte
		err  error
	)
	if p.output == formatYAML {
		data, err = toYAML(object)
	} else {
		data, err = toJSON(object)
	}
	if err != nil {
		return err
	}
	_, err = p.stdout.Write(data)
	return err
}

// printPools prints the pools as manifests: YAML documents, or a list in JSON.
func (p *program) printPools(pools []*v3.IPPool, apiVersion string) error {
	if p.output == formatJSON {
		list := v3.IPPoolList{
			TypeMeta: metav1.TypeMeta{Kind: v3.KindIPPoolList, APIVersion: apiVersion},
			Items:    []v3.IPPool{}, // never null
		}
		for _, pool := range pools {
			list.Items = append(list.Items, *pool)
		}
		return p.printObject(list)
	}
	for _, pool := range pools {
		if _, err := io.WriteString(p.stdout, "---\n"); err != nil {
			return err
		}
		if err := p.printObject(pool); err != nil {
			return err
		}
	}
	return nil
}

// printInstallation prints the pools as an Installation of the Tigera operator, or as the
// values of its Helm chart. Pools that are invalid there are faults of the flag --output.
func (p *program) printInstallation(pools []*v3.IPPool) error {
	if group := p.settings.Datastore.CalicoAPIGroup; group.IsSet() {
		p.logger.Warn(fmt.Sprintf("%s has no effect: an Installation has its own API group", group.Source))
	}
	object, warnings, err := installation.Of(pools)
	for _, warning := range warnings {
		p.logger.Warn(warning)
	}
	if err != nil {
		var faults settings.Faults
		for _, fault := range errorLines(err) {
			faults.Add(settings.Given(p.output, origin.Flag("output")), "%s", fault)
		}
		return faults.Err()
	}
	var printed any = object
	if p.output == formatHelmValues {
		printed = map[string]installation.Spec{"installation": object.Spec}
	}
	data, err := toYAML(printed)
	if err != nil {
		return err
	}
	if _, err := p.stdout.Write(data); err != nil {
		return fmt.Errorf("writing the Installation: %w", err)
	}
	return nil
}
