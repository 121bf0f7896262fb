package main

import (
	"fmt"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// The limits of a report, in bytes, without the fences, each of which is at most as long as a
// line. GitHub accepts 65,536 characters in an issue.
const (
	maxReportLine    = 1000
	maxReportSection = 10_000
)

// reportSection is a part of a report. Its lines may have any content.
type reportSection struct {
	title string
	lines []string
}

const reportHead = "This report has names and addresses of the cluster and of this host: read it before you publish it. " +
	"Passwords, tokens, keys, the contents of certificates, and credentials in URLs are left out, and so are labels and annotations; " +
	"`***` replaces what looks like a secret.\n"

// markdown formats a report. Each section is a code block, in which Markdown has no meaning,
// and whose fence is longer than any in it. Every line is without control characters and
// what looks like a secret. Lines and sections that are too long are truncated.
func markdown(report []reportSection) string {
	var b strings.Builder
	b.WriteString(reportHead)
	for _, section := range report {
		body := sectionBody(section.lines)
		fence := "```"
		for strings.Contains(body, fence) {
			fence += "`"
		}
		fmt.Fprintf(&b, "\n### %s\n\n%stext\n%s%s\n", section.title, fence, body, fence)
	}
	return b.String()
}

func sectionBody(lines []string) string {
	var b strings.Builder
	for i, line := range lines {
		line = text.Clip(text.OneLine(text.Clip(line, 16*maxReportLine)), maxReportLine) + "\n"
		if b.Len()+len(line) > maxReportSection {
			fmt.Fprintf(&b, "… and %d more lines\n", len(lines)-i)
			break
		}
		b.WriteString(line)
	}
	return b.String()
}
