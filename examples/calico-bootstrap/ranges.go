package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/open"
	"github.com/calico-bootstrap/calico-bootstrap/examples/internal/addressmap"
)

// formatSVG is an output format of ranges only.
const formatSVG = "svg"

func (p *program) rangesCommand() *cobra.Command {
	return &cobra.Command{
		Use: "ranges", Short: "Show every known address range, free ranges and overlaps; write nothing",
		Long: `Show every address range that is known, sorted by address and nested by
containment: existing and planned pools with their IPAM blocks, Service and pod
CIDRs, the podCIDRs and addresses of nodes, and this host's interfaces and routes.
The free parts of the private ranges are listed, and overlaps are marked.

With -o svg, draw a picture for a change request.

What can't be read is a note. If the pools can't be read or the desired pools are
refused, the rest is shown, and the exit code is that of plan.`,
		Example: `  # Choose a free range for a new pool
  calico-bootstrap ranges --kubeconfig admin.conf

  # Check a range before the pool exists, and draw it
  calico-bootstrap ranges --kubeconfig admin.conf --ipv4-pool-cidr 10.244.0.0/16 -o svg > ranges.svg`,
		Args: p.noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.ranges(cmd.Context()) },
	}
}

// rangesReport is the result of ranges. Its JSON is stable: later versions only add fields.
type rangesReport struct {
	Datastore datastore.Type   `json:"datastore"`
	Ranges    []addressmap.Row `json:"ranges"`   // sorted by family and address; never null
	Warnings  []string         `json:"warnings"` // about settings; never null
	Notes     []string         `json:"notes"`    // about what could not be read; never null
}

// ranges reads everything and prints it, even if an error prevents plan.
func (p *program) ranges(ctx context.Context) error {
	return p.withDatastore(ctx, "ranges", func(store open.Datastore, b *bootstrap.Bootstrap) error {
		inventory, err := b.Inventory(ctx, p.settings)
		if inventory.Datastore == "" {
			return err
		}
		p.live.hide()
		uses, notes := addressmap.UsesOf(inventory)
		report := rangesReport{
			Datastore: inventory.Datastore, Ranges: addressmap.New(uses).Rows,
			Warnings: append(append([]string{}, p.warnings...), inventory.Warnings...),
			Notes:    append(append([]string{}, inventory.Notes...), notes...),
		}
		p.reported = true
		if printErr := p.printRanges(report); printErr != nil && err == nil {
			return fmt.Errorf("writing the ranges: %w", printErr)
		}
		return err
	})
}

func (p *program) printRanges(report rangesReport) error {
	arranged := addressmap.Map{Rows: report.Ranges}
	switch p.output {
	case formatTable:
	case formatSVG:
		_, err := io.WriteString(p.stdout, arranged.SVG("Address ranges", report.Notes))
		return err
	default:
		return p.printObject(report)
	}
	var remarks []string
	for _, warning := range p.warned.hidden(report.Warnings) {
		remarks = append(remarks, "Warning: "+cell(warning))
	}
	for _, note := range report.Notes {
		remarks = append(remarks, "Note: "+cell(note))
	}
	output := arranged.Table()
	if len(remarks) > 0 {
		output += "\n" + strings.Join(remarks, "\n") + "\n"
	}
	_, err := io.WriteString(p.stdout, output)
	return err
}
