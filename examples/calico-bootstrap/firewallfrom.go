package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// readFirewallReport reads the output of firewall -o json.
func readFirewallReport(file string, stdin io.Reader) (firewallReport, error) {
	in := stdin
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return firewallReport{}, fromFault(file, text.Unreadable(err, wantReport))
		}
		defer opened.Close()
		in = opened
	}
	var report firewallReport
	decoder := json.NewDecoder(in)
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
