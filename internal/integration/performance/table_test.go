package performance

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const document = "../../../docs/PERFORMANCE.md"

// names are the names of all tables, in the order of the document.
var names = []string{"machine", "start-up", "kubectl", "storm", "blocks", "pools", "before", "core", "selector", "nat", "weight", "imports"}

// A table is the result of a benchmark: Markdown between two marks of the document.
type table struct {
	name   string
	header []string
	rows   [][]string
}

// measured are the tables of this run.
var measured []table

func newTable(name string, header ...string) *table { return &table{name: name, header: header} }

// row adds a row. Durations and floats have three digits, or all digits before the decimal
// point.
func (t *table) row(cells ...any) {
	var texts []string
	for _, cell := range cells {
		switch value := cell.(type) {
		case time.Duration:
			texts = append(texts, duration(value))
		case float64:
			texts = append(texts, digits(value))
		default:
			texts = append(texts, fmt.Sprint(value))
		}
	}
	t.rows = append(t.rows, texts)
}

// publish prints the table and records it for the document.
func (t *table) publish(b *testing.B) {
	b.Helper()
	require.Contains(b, names, t.name)
	b.ReportMetric(0, "ns/op") // meaningless, as a benchmark has several measurements
	fmt.Printf("\n%s\n%s", t.name, t.markdown())
	measured = slices.DeleteFunc(measured, func(other table) bool { return other.name == t.name })
	measured = append(measured, *t)
}

func (t *table) markdown() string {
	var text strings.Builder
	line := func(cells []string) { fmt.Fprintf(&text, "| %s |\n", strings.Join(cells, " | ")) }
	line(t.header)
	fmt.Fprintf(&text, "|%s\n", strings.Repeat("---|", len(t.header)))
	for _, row := range t.rows {
		line(row)
	}
	return text.String()
}

func duration(d time.Duration) string {
	switch {
	case d < time.Microsecond:
		return fmt.Sprintf("%d ns", d)
	case d < time.Millisecond:
		return digits(float64(d)/float64(time.Microsecond)) + " µs"
	case d < time.Second:
		return digits(float64(d)/float64(time.Millisecond)) + " ms"
	default:
		return digits(d.Seconds()) + " s"
	}
}

func digits(value float64) string {
	switch {
	case value < 10:
		return fmt.Sprintf("%.2f", value)
	case value < 100:
		return fmt.Sprintf("%.1f", value)
	default:
		return fmt.Sprintf("%.0f", value)
	}
}

// parts returns the document around the text between the marks of a table.
func parts(text, name string) (before, between, after string, err error) {
	begin, end := fmt.Sprintf("<!-- %s: written by `make bench` -->\n", name), fmt.Sprintf("<!-- /%s -->\n", name)
	before, rest, found := strings.Cut(text, begin)
	between, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return "", "", "", fmt.Errorf("%s has no marks for the table %q", document, name)
	}
	return before + begin, between, end + after, nil
}

// writeTables writes the measured tables into the document.
func writeTables() error {
	content, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	text := string(content)
	for _, t := range measured {
		before, _, after, err := parts(text, t.name)
		if err != nil {
			return err
		}
		text = before + t.markdown() + after
	}
	return os.WriteFile(document, []byte(text), 0o644)
}

// TestDocumentHasEveryTable checks that the document has every table with at least one row.
func TestDocumentHasEveryTable(t *testing.T) {
	content, err := os.ReadFile(document)
	require.NoError(t, err)
	for _, name := range names {
		_, between, _, err := parts(string(content), name)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, strings.Count(between, "\n"), 3, name)
	}
}
