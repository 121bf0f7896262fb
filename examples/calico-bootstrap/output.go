package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"text/tabwriter"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/open"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
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

	formatInstallation = "installation" // only of render
)

// formatsOf are those of each command, the default one first.
var formatsOf = map[string][]string{
	"calico-bootstrap": {formatTable, formatJSON, formatYAML}, // which is apply
	"apply":            {formatTable, formatJSON, formatYAML},
	"plan":             {formatTable, formatJSON, formatYAML},
	"render":           {formatYAML, formatJSON, formatInstallation},
	"firewall":         {formatTable, formatJSON, formatYAML, formatFirewallCmd, formatNetworkManager},
	"config":           {formatTable, formatEnv, formatJSON, formatYAML},
}

// printReport writes what was done: a line a pool, or all of it for a machine.
// Of an embedded etcd it shows the records too, since nobody else can look.
func (p *program) printReport(ctx context.Context, store open.Datastore, report bootstrap.Report) error {
	if p.output != formatTable {
		return p.printObject(report)
	}
	table := newTable(p.stdout)
	fmt.Fprintln(table, "POOL\tFAMILY\tACTION\tCIDR\tNAT\tIPIP\tVXLAN\tBLOCK\tWHY")
	for _, pool := range report.Pools {
		cidr, nat, ipip, vxlan, block := "-", "-", "-", "-", "-"
		if spec := pool.Spec; spec != nil {
			cidr, nat = spec.CIDR, fmt.Sprint(spec.NATOutgoing)
			ipip, vxlan = string(spec.IPIPMode), string(spec.VXLANMode)
			if spec.BlockSize != 0 {
				block = fmt.Sprintf("/%d", spec.BlockSize)
			}
		}
		fmt.Fprintln(table, strings.Join([]string{
			cell(pool.Name), pool.Family.String(), string(pool.Action), cell(cidr), nat, cell(ipip), cell(vxlan), block, cell(pool.Reason),
		}, "\t"))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if trial, ok := store.(recordPrinter); ok {
		return trial.printRecords(ctx, p.stdout)
	}
	return nil
}

// recordPrinter is a datastore that nobody else can look into.
type recordPrinter interface {
	printRecords(ctx context.Context, w io.Writer) error
}

// printPlan writes what would be done: pool by pool, every field and where its
// value comes from, or how what is stored differs from what was asked for.
func (p *program) printPlan(_ context.Context, _ open.Datastore, report bootstrap.Report) error {
	if p.output != formatTable {
		return p.printObject(report)
	}
	table := newTable(p.stdout)
	count := map[plan.Action]int{}
	differing := 0             // unchanged, and not as asked for
	shown := map[string]bool{} // in the tables of the pools
	for _, pool := range report.Pools {
		count[pool.Action]++
		fmt.Fprintf(table, "%s pool %s: %s (%s)\n", pool.Family, cell(pool.Name), sentence(pool), cell(pool.Reason))
		switch {
		case len(pool.Drift) > 0:
			printDrift(table, pool)
		case pool.Spec != nil:
			fmt.Fprintln(table, "  FIELD\tVALUE\tFROM")
			for _, value := range planValues(pool) {
				fmt.Fprintf(table, "  %s\t%s\t%s\n", value.Field, cell(value.Value), cell(value.Source))
			}
		}
		if pool.Action == plan.Unchanged && len(pool.Drift) > 0 {
			differing++
		}
		for _, difference := range pool.Drift {
			shown[difference.String()] = true
		}
		fmt.Fprintln(table)
	}
	for _, warning := range report.Warnings {
		if !shown[warning] {
			fmt.Fprintf(table, "Warning: %s\n", cell(warning))
		}
	}
	for _, finding := range report.Findings {
		fmt.Fprintf(table, "Finding: %s\n", cell(finding.Error()))
	}
	for _, note := range report.Notes {
		fmt.Fprintf(table, "Note: %s\n", cell(note))
	}
	unchanged := fmt.Sprintf("%d unchanged", count[plan.Unchanged])
	if differing > 0 {
		unchanged += fmt.Sprintf(" (%d of them different from desired)", differing)
	}
	fmt.Fprintf(table, "Plan: %d to create, %d to update, %s, %d skipped. Nothing was written.\n",
		count[plan.WouldCreate], count[plan.WouldUpdate], unchanged, count[plan.Skipped])
	return table.Flush()
}

// printDrift writes the fields that differ, and below them what would change
// each: fields with the same remedy share the line.
func printDrift(table io.Writer, pool bootstrap.PoolReport) {
	fmt.Fprintln(table, "    FIELD\tSTORED\tDESIRED\tFROM")
	var remedies []string
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
			remedies = append(remedies, difference.Remedy)
		}
		fields[difference.Remedy] = append(fields[difference.Remedy], difference.Field)
	}
	for _, remedy := range remedies {
		line := itemStart().ReplaceAllString(cell(remedy), "\n      $1")
		fmt.Fprintf(table, "  %s: %s\n", strings.Join(fields[remedy], ", "), line)
	}
}

// itemStart is where a list in a text goes on: each item gets a line.
var itemStart = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(` (\d\. )`) })

// cell is a value on one line and without what plays tricks on a terminal: it
// may be what somebody else stored.
func cell(value any) string {
	if value == "" {
		return "-"
	}
	return text.Graphic(fmt.Sprint(value))
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

// planValues are the settings behind a pool, or what is stored.
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
	return []plan.Value{
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
}

func newTable(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, 2, ' ', 0) }

func (p *program) printObject(object any) error {
	var (
		data []byte
		err  error
	)
	if p.output == formatYAML {
		data, err = toYAML(object)
	} else {
		data, err = json.MarshalIndent(object, "", "  ")
		data = append(data, '\n')
	}
	if err != nil {
		return err
	}
	_, err = p.stdout.Write(data)
	return err
}

// toYAML writes an object as its JSON says. The YAML library reads that as YAML,
// which wants some characters escaped that JSON may hold as they are.
func toYAML(object any) ([]byte, error) {
	data, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	var escaped bytes.Buffer
	for _, r := range string(data) {
		if r >= 0x7f && r <= 0x9f || r == 0xfffe || r == 0xffff {
			fmt.Fprintf(&escaped, `\u%04x`, r)
		} else {
			escaped.WriteRune(r)
		}
	}
	return yaml.JSONToYAML(escaped.Bytes())
}

// printPools writes the pools as manifests: YAML documents, or one list.
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

// printInstallation writes the pools for the Tigera operator. What it can't have
// is a fault of the settings, which ask for it.
func (p *program) printInstallation(pools []*v3.IPPool) error {
	if group := p.settings.Datastore.CalicoAPIGroup; group.IsSet() {
		p.logger.Warn(fmt.Sprintf("%s has no effect: an Installation has an API group of its own", group.Source))
	}
	object, warnings, err := installation.Of(pools)
	for _, warning := range warnings {
		p.logger.Warn(warning)
	}
	if err != nil {
		var faults settings.Faults
		for _, fault := range strings.Split(err.Error(), "\n") {
			faults.Add(settings.Given(p.output, origin.Flag("output")), "%s", fault)
		}
		return faults.Err()
	}
	data, err := toYAML(object)
	if err != nil {
		return err
	}
	if _, err := p.stdout.Write(data); err != nil {
		return fmt.Errorf("writing the Installation: %w", err)
	}
	return nil
}
