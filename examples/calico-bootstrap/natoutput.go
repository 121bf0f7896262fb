package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// natVerdict is the result of nat for a pair. Its JSON is stable: later versions may only
// add fields.
type natVerdict struct {
	Source      string      `json:"source"`
	Destination string      `json:"destination"`
	Masqueraded nat.Answer  `json:"masqueraded"`
	As          string      `json:"as"` // what the source becomes; empty if it is not masqueraded
	Reasons     []natReason `json:"reasons"`

	Expected expectation `json:"expected,omitempty"`
	Met      *bool       `json:"met,omitempty"` // whether the verdict is as expected

	// Those of a single pair.
	Advice      []natAdvice  `json:"advice,omitempty"`
	Assumptions []string     `json:"assumptions,omitempty"`
	Findings    []natFinding `json:"findings,omitempty"` // that end Felix: then the verdict does not apply
}

type natReason struct {
	Code nat.Code `json:"code"`
	Text string   `json:"text"`
}

type natFinding struct {
	Code      nat.FindingCode `json:"code"`
	EndsFelix bool            `json:"endsFelix"`
	Text      string          `json:"text"`
}

func newVerdict(v nat.Verdict) natVerdict {
	shown := natVerdict{
		Source: v.Source.String(), Destination: v.Destination.String(),
		Masqueraded: v.Masqueraded, As: v.As.String(), Reasons: []natReason{},
	}
	for _, reason := range v.Reasons {
		shown.Reasons = append(shown.Reasons, natReason{reason.Code, reason.Text()})
	}
	return shown
}

func newFindings(model *nat.Model) []natFinding {
	findings := []natFinding{}
	for _, finding := range model.Findings() {
		findings = append(findings, natFinding{finding.Code, finding.EndsFelix, finding.Text()})
	}
	return findings
}

// fatal returns the findings that end Felix.
func fatal(findings []natFinding) []natFinding {
	return slices.DeleteFunc(findings, func(f natFinding) bool { return !f.EndsFelix })
}

// sentence returns the verdict on one line.
func (v natVerdict) sentence() string {
	var s string
	switch v.Masqueraded {
	case nat.Yes:
		s = fmt.Sprintf("yes: %s to %s is masqueraded as %s", v.Source, v.Destination, v.As)
	case nat.No:
		s = fmt.Sprintf("no: %s to %s is not masqueraded", v.Source, v.Destination)
	default:
		s = fmt.Sprintf("depends: %s to %s may be masqueraded", v.Source, v.Destination)
	}
	if v.Met != nil && !*v.Met {
		s += fmt.Sprintf(" (expected: %s)", v.Expected)
	}
	return s
}

// printVerdicts prints one verdict with its reasons, or a line for each of many.
func (p *program) printVerdicts(world natWorld, verdicts []natVerdict, many bool) error {
	p.reported = true
	if p.output != formatTable {
		if many {
			return p.printObject(verdicts)
		}
		return p.printObject(verdicts[0])
	}
	if many {
		for _, assumption := range world.assumptions {
			p.logger.Warn(assumption)
		}
		for _, finding := range fatal(newFindings(world.model)) {
			p.logger.Warn(string(finding.Code) + ": " + finding.Text)
		}
		for _, v := range verdicts {
			line := v.sentence()
			if v.Masqueraded != nat.Yes && len(v.Reasons) > 0 {
				line += ": " + v.Reasons[len(v.Reasons)-1].Text
			}
			if _, err := fmt.Fprintln(p.stdout, cell(line)); err != nil {
				return err
			}
		}
		return nil
	}
	v := verdicts[0]
	table := newTable(p.stdout)
	fmt.Fprintln(table, cell(v.sentence()))
	for _, reason := range v.Reasons {
		fmt.Fprintf(table, "  - %s\n", cell(reason.Text))
	}
	printNATFindings(table, v.Findings)
	for i, advice := range v.Advice {
		if i == 0 || v.Advice[i-1].When != advice.When {
			fmt.Fprintf(table, "\n%s:\n", capital(advice.When))
		}
		fmt.Fprintf(table, "  - %s\n", cell(advice.Text))
		for _, command := range advice.Commands {
			if command != "" {
				fmt.Fprintf(table, "      %s\n", cell(command))
			}
		}
	}
	printSection(table, "Assumed", v.Assumptions)
	return table.Flush()
}

func printNATFindings(w io.Writer, findings []natFinding) {
	var texts []string
	for _, finding := range findings {
		texts = append(texts, string(finding.Code)+": "+finding.Text)
	}
	printSection(w, "Findings", texts)
}

// printSection prints a list with its title, if it has any entry.
func printSection(w io.Writer, title string, texts []string) {
	if len(texts) > 0 {
		fmt.Fprintf(w, "\n%s:\n", title)
	}
	for _, one := range texts {
		fmt.Fprintf(w, "  - %s\n", cell(one))
	}
}

func capital(sentence string) string { return string(sentence[0]-'a'+'A') + sentence[1:] }
