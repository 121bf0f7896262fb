package performance

import (
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/chart"
)

// folder has the pictures, relative to the document.
const folder = "performance"

// pictures are the names of all pictures. The tables of the same names have their figures.
var pictures = []string{"storm", "blocks", "pools"}

// runKinds are the two kinds of runs that are compared.
var runKinds = [...]string{"creates pools", "pools exist"}

// A picture is the chart of a benchmark. It has a line for each datastore and kind of run.
type picture struct {
	name string
	chart.Chart
}

// drawn are the pictures of this run, by their names.
var drawn = map[string]string{}

func newPicture(name, title, x string, quantities ...string) *picture {
	p := &picture{name, chart.Chart{Title: title, X: x}}
	for colour, datastore := range []string{"etcd", "Kubernetes"} {
		for kind, name := range runKinds {
			p.Series = append(p.Series, chart.Series{Name: datastore + ", " + name, Colour: colour, Dashed: kind == 1})
		}
	}
	for _, quantity := range quantities {
		p.Panels = append(p.Panels, chart.Panel{Y: quantity, Lines: make([][]chart.Point, len(p.Series))})
	}
	return p
}

// add adds the values of the quantities for runs of a kind.
func (p *picture) add(s *site, kind, x int, values ...float64) {
	line := kind
	if s.config != nil {
		line += len(runKinds)
	}
	for i, value := range values {
		lines := p.Panels[i].Lines
		lines[line] = append(lines[line], chart.Point{X: float64(x), Y: value})
	}
}

// publish records the picture for the document.
func (p *picture) publish(b *testing.B) {
	b.Helper()
	require.Contains(b, pictures, p.name)
	drawn[p.name] = p.SVG()
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func pictureFile(name string) string {
	return filepath.Join(filepath.Dir(document), folder, name+".svg")
}

// writePictures writes the pictures of this run beside the document.
func writePictures() error {
	for name, text := range drawn {
		if err := os.WriteFile(pictureFile(name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// TestDocumentHasEveryPicture checks that the document has every picture, with a text for
// readers who can't see it; that the folder has no others; and that each is well-formed XML
// without scripts, with a mark for every row of its table.
func TestDocumentHasEveryPicture(t *testing.T) {
	content, err := os.ReadFile(document)
	require.NoError(t, err)
	files, err := filepath.Glob(pictureFile("*"))
	require.NoError(t, err)
	assert.Len(t, files, len(pictures))
	for _, name := range pictures {
		alt := regexp.MustCompile(`!\[([^\]]+)\]\(` + folder + "/" + name + `\.svg\)`).FindSubmatch(content)
		if assert.NotNil(t, alt, name) {
			assert.Greater(t, len(alt[1]), 60, name)
		}
		_, rows, _, err := parts(string(content), name)
		require.NoError(t, err)
		text, err := os.ReadFile(pictureFile(name))
		require.NoError(t, err)
		elements, err := elementsOf(string(text))
		require.NoError(t, err, name)
		assert.Zero(t, elements["script"], name)
		assert.Zero(t, elements["image"], name)
		const panels, legend, background = 3, 2 * 4, 1
		assert.Equal(t, panels*(strings.Count(rows, "\n")-2)+legend+background, elements["rect"], name)
		for _, undefined := range []string{"NaN", "Inf"} {
			assert.NotContains(t, string(text), undefined, name)
		}
	}
}

// elementsOf counts the elements of an XML document.
func elementsOf(text string) (map[string]int, error) {
	counts := map[string]int{}
	for decoder := xml.NewDecoder(strings.NewReader(text)); ; {
		token, err := decoder.Token()
		if err == io.EOF {
			return counts, nil
		}
		if err != nil {
			return nil, fmt.Errorf("not well-formed: %w", err)
		}
		if start, ok := token.(xml.StartElement); ok {
			counts[start.Name.Local]++
		}
	}
}
