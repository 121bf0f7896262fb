package addressmap

import (
	"bytes"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// maxCell is the maximum length of a cell of the table, in bytes.
const maxCell = 400

// Table returns the map as a table for persons: a line for each row, indented by its depth.
// Overlaps begin with an exclamation mark.
func (m Map) Table() string {
	var b bytes.Buffer
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "RANGE\tUSE\tNAME OR SOURCE\tBLOCKS\tOVERLAPS")
	for _, row := range m.Rows {
		overlaps := row.OverlapText()
		if overlaps != "" {
			overlaps = "! " + overlaps
		}
		fmt.Fprintf(table, "%s%s\t%s\t%s\t%s\t%s\n",
			strings.Repeat("  ", row.Depth), row.Range(), row.Called(), shown(row.Name()), shown(row.BlocksText()), shown(overlaps))
	}
	table.Flush() // a Buffer has no errors
	return b.String()
}

// shown formats a text that may come from another client of the datastore.
func shown(value string) string {
	if value == "" {
		return "-"
	}
	return text.Clip(text.Graphic(text.Redact(value)), maxCell)
}
