package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/await"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// maxReport is the limit of a report in bytes: one with 20,000 pools has less.
const maxReport = 8 << 20

// readFirewallReport reads the output of firewall -o json, until ctx ends.
func readFirewallReport(ctx context.Context, file string, stdin io.Reader) (firewallReport, error) {
	type read struct {
		data []byte
		err  error
	}
	from, ok := await.Result(ctx, func() (r read) {
		r.data, r.err = readInput(file, stdin, maxReport)
		return r
	})
	if !ok {
		return firewallReport{}, ended(ctx, "reading the file of flag --from")
	}
	if from.err != nil {
		return firewallReport{}, fromFault(file, text.Unreadable(from.err, wantReport))
	}
	var report firewallReport
	decoder := json.NewDecoder(bytes.NewReader(from.data))
	if err := decoder.Decode(&report); err != nil {
		return firewallReport{}, fromFault(file, text.Undecodable(err, wantReport))
	}
	if _, err := decoder.Token(); err != io.EOF { // don't ignore a second report
		return firewallReport{}, fromFault(file, "more than one report, or trailing data; must be "+wantReport)
	}
	if report.Openings == nil || report.Role == "" {
		return firewallReport{}, fromFault(file, "it has no openings; must be "+wantReport)
	}
	for i, opening := range report.Openings {
		report.Openings[i].Name = text.Shown(opening.Name)
		if err := opening.Validate(); err != nil {
			return firewallReport{}, fromFault(file, fmt.Sprintf("%v; must be %s", err, wantReport))
		}
	}
	report.Check = nil
	return report, nil
}

const wantReport = "the output of calico-bootstrap firewall -o json"

func fromFault(file, problem string) error {
	var faults settings.Faults
	faults.Add(settings.Given(file, origin.Flag("from")), "%s", problem)
	return faults.Err()
}
