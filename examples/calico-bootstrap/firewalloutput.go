package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/firewall"
	"github.com/calico-bootstrap/calico-bootstrap/examples/internal/firewalld"
)

func (p *program) printFirewall(report firewallReport, zone string) error {
	switch p.output {
	case formatTable:
		return p.printFirewallTable(report)
	case formatJSON, formatYAML:
		return p.printObject(report)
	}
	for _, warning := range report.Warnings { // the other formats have no warnings
		p.logger.Warn(warning)
	}
	var text string
	switch {
	case p.output == formatNetworkManager:
		text = firewall.NetworkManagerConf()
	case report.Check != nil:
		text = lines(commandsFor(*report.Check))
	default:
		text = lines(firewall.FirewallCmd(report.Openings, zone))
	}
	_, err := io.WriteString(p.stdout, text)
	return err
}

func lines(all []string) string {
	var text strings.Builder
	for _, line := range all {
		text.WriteString(line + "\n")
	}
	return text.String()
}

// commandsFor returns the commands that add the missing openings.
func commandsFor(check firewalld.Check) []string {
	var permanent, now []string
	for _, zone := range check.Zones {
		for _, opening := range zone.Openings {
			if opening.Permanent == firewalld.Missing {
				permanent = append(permanent, firewall.FirewallCmdPermanent(opening.Opening, zone.Zone))
			}
			if opening.Runtime == firewalld.Missing {
				now = append(now, firewall.FirewallCmdRuntime(opening.Opening, zone.Zone))
			}
		}
	}
	return append(permanent, now...)
}

func (p *program) printFirewallTable(report firewallReport) error {
	table := newTable(p.stdout)
	if report.Check == nil {
		fmt.Fprintln(table, "OPENING\tFOR\tOVER\tWHY")
		for _, opening := range report.Openings {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", opening, cell(opening.Name), over(opening), cell(opening.Reason))
		}
	} else {
		printFirewallCheck(table, *report.Check)
	}
	warnings := p.warned.hidden(report.Warnings)
	if len(warnings) > 0 {
		fmt.Fprintln(table)
	}
	for _, warning := range warnings {
		fmt.Fprintf(table, "Warning: %s\n", cell(warning))
	}
	return table.Flush()
}

func over(opening firewall.Opening) string {
	var families []string
	for _, family := range opening.Families {
		families = append(families, family.String())
	}
	return strings.Join(families, ", ")
}

func printFirewallCheck(table io.Writer, check firewalld.Check) {
	for _, zone := range check.Zones {
		fmt.Fprintf(table, "Zone %s (%s), target %s, firewalld %s\n", cell(zone.Zone), cell(zone.Because), cell(zone.Target), cell(check.Version))
		fmt.Fprintln(table, "  OPENING\tFOR\tNOW\tAFTER A RELOAD\tWHY")
		for _, opening := range zone.Openings {
			fmt.Fprintf(table, "  %s\t%s\t%s\t%s\t%s\n", opening, cell(opening.Name),
				stateCell(opening.Runtime, opening.RuntimeBy), stateCell(opening.Permanent, opening.PermanentBy), cell(opening.Reason))
		}
		fmt.Fprintln(table)
	}
	fmt.Fprintln(table, conclusion(check))
}

func stateCell(state firewalld.State, by string) string {
	if by == "" {
		return string(state)
	}
	return fmt.Sprintf("%s (%s)", state, cell(by))
}

// conclusion summarizes the check and how to add missing openings.
func conclusion(check firewalld.Check) string {
	now, gone := 0, 0
	for _, zone := range check.Zones {
		for _, opening := range zone.Openings {
			switch {
			case opening.Runtime == firewalld.Missing:
				now++
			case opening.Permanent == firewalld.Missing:
				gone++
			}
		}
	}
	switch {
	case now == 0 && gone == 0:
		return "Nothing is missing."
	case now == 0:
		return fmt.Sprintf("%d open now, but missing after a reload. -o firewall-cmd prints the commands to add them permanently. Nothing was changed.", gone)
	case gone == 0:
		return fmt.Sprintf("%d missing. -o firewall-cmd prints the commands to add them. Nothing was changed.", now)
	default:
		return fmt.Sprintf("%d missing, %d open now, but missing after a reload. -o firewall-cmd prints the commands to add them. Nothing was changed.", now, gone)
	}
}
