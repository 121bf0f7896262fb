package main

import (
	"fmt"
	"io"
	"strings"

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

	Findings []natFinding `json:"findings,omitempty"` // that end Felix: then the verdict does not hold

	// Those of a single pair.
	Advice      []natAdvice `json:"advice,omitempty"`
	Assumptions []string    `json:"assumptions,omitempty"`

	why []string // the decisive reasons
}

type natReason struct {
	Code nat.Code `json:"code"`
	Text string   `json:"text"`
}

type natFinding struct {
	Code      nat.FindingCode `json:"code"`
	EndsFelix bool            `json:"endsFelix"`
	Text      string          `json:"text"`
	Remedy    string          `json:"remedy,omitempty"` // of those that end Felix
}

// String returns the finding on one line.
func (f natFinding) String() string {
	s := string(f.Code) + ": " + f.Text
	if f.Remedy != "" {
		s += "; " + f.Remedy
	}
	return s
}

func newVerdict(v nat.Verdict) natVerdict {
	shown := natVerdict{
		Source: v.Source.String(), Destination: v.Destination.String(),
		Masqueraded: v.Masqueraded, As: v.As.String(), Reasons: []natReason{},
	}
	for _, reason := range v.Reasons {
		shown.Reasons = append(shown.Reasons, natReason{reason.Code, reason.Text()})
		if v.Masqueraded == nat.No && reason.Blocks() {
			shown.why = append(shown.why, reason.Text())
		}
	}
	if v.Masqueraded == nat.Depends {
		shown.why = []string{v.Decisive().Text()}
	}
	return shown
}

func newFindings(of []nat.Finding) []natFinding {
	findings := []natFinding{}
	for _, finding := range of {
		findings = append(findings, natFinding{finding.Code, finding.EndsFelix, finding.Text(), finding.Remedy()})
	}
	return findings
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
	if !v.Expected.met(v.Masqueraded) {
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
		if len(verdicts) > 0 {
			for _, finding := range verdicts[0].Findings { // the same for all
				p.logger.Warn(finding.String())
			}
		}
		for _, assumption := range world.assumed() {
			p.logger.Warn(assumption)
		}
		for _, v := range verdicts {
			line := v.sentence()
			if len(v.why) > 0 {
				line += ": " + strings.Join(v.why, "; ")
			}
			if _, err := fmt.Fprintln(p.stdout, cell(line)); err != nil {
				return err
			}
		}
		return nil
	}
	v := verdicts[0]
	table := newTable(p.stdout)
	if world.empty {
		fmt.Fprintln(table, noPools)
	}
	fmt.Fprintln(table, cell(v.sentence()))
	for _, finding := range v.Findings {
		fmt.Fprintf(table, "  ! %s\n", cell(finding))
	}
	for _, reason := range v.Reasons {
		if reason.Code == nat.Masqueraded && reason.Text == "masqueraded as "+v.As {
			continue // as the first line says
		}
		fmt.Fprintf(table, "  - %s\n", cell(reason.Text))
	}
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
	printSection(table, "Assumed", world.assumptions)
	return table.Flush()
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
