package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// readFirewallReport reads the output of firewall -o json.
func readFirewallReport(file string, stdin io.Reader) (firewallReport, error) {
	in := stdin
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return firewallReport{}, fromFault(file, err)
		}
		defer opened.Close()
		in = opened
	}
	var report firewallReport
	decoder := json.NewDecoder(in)
	if err := decoder.Decode(&report); err != nil {
		return firewallReport{}, fromFault(file, err)
	}
	if _, err := decoder.Token(); err != io.EOF { // don't ignore a second report
		return firewallReport{}, fromFault(file, errors.New("more than one report, or trailing data"))
	}
	if report.Openings == nil || report.Role == "" {
		return firewallReport{}, fromFault(file, errors.New("it has no openings"))
	}
	for _, opening := range report.Openings {
		if err := opening.Validate(); err != nil {
			return firewallReport{}, fromFault(file, err)
		}
	}
	report.Check = nil
	return report, nil
}

func fromFault(file string, err error) error {
	var faults settings.Faults
	faults.Add(settings.Given(file, origin.Flag("from")), "%s; must be the output of calico-bootstrap firewall -o json", err)
	return faults.Err()
}
