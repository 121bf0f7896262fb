package addressmap_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/examples/internal/addressmap"
	"github.com/calico-bootstrap/calico-bootstrap/internal/golden"
)

// TestGolden compares the JSON, the table and the picture of the sample with the golden files.
func TestGolden(t *testing.T) {
	t.Parallel()
	uses, notes := addressmap.UsesOf(sample())
	arranged := addressmap.New(uses)
	data, err := json.MarshalIndent(map[string]any{"ranges": arranged.Rows, "notes": notes}, "", "  ")
	require.NoError(t, err)
	golden.Check(t, "sample.json", string(data)+"\n")
	golden.Check(t, "sample.txt", arranged.Table())
	golden.Check(t, "sample.svg", arranged.SVG("Address ranges", notes))
}

// TestDocumentedTable compares the table of docs/COMMANDS.md with lines of the sample.
func TestDocumentedTable(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../../../docs/COMMANDS.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(document), "golden_test.go runs the code that prints this -->\n```\n")
	require.True(t, found)
	block, _, _ := strings.Cut(rest, "```")
	normal := func(line string) string { return regexp.MustCompile(`(\S) {2,}`).ReplaceAllString(line, "$1  ") }
	uses, _ := addressmap.UsesOf(sample())
	printed := map[string]bool{}
	for line := range strings.Lines(addressmap.New(uses).Table()) {
		printed[normal(line)] = true
	}
	for line := range strings.Lines(block) {
		assert.True(t, printed[normal(line)], line)
	}
}

// assertWellFormed checks that the picture is XML without scripts and references.
func assertWellFormed(t *testing.T, svg string) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if element, ok := token.(xml.StartElement); ok {
			assert.Contains(t, []string{"svg", "title", "style", "rect", "text"}, element.Name.Local)
			for _, attribute := range element.Attr {
				assert.NotRegexp(t, regexp.MustCompile(`^on|href`), attribute.Name.Local)
			}
		}
	}
	assert.NotContains(t, svg, "url(")
	assert.NotContains(t, svg, "@import")
	assert.Contains(t, svg, "prefers-color-scheme:dark")
}
