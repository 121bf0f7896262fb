package performance

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image/color"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// folder has the pictures, relative to the document.
const folder = "performance"

// pictures are the names of all pictures. The tables of the same names have their figures.
var pictures = []string{"storm", "blocks", "pools"}

// runKinds are the two kinds of runs that are compared.
var runKinds = [...]string{"creates pools", "pools exist"}

// A picture has a line chart of each quantity of a benchmark, side by side. Each chart has a line
// for each datastore and kind of run.
type picture struct {
	name, x    string
	quantities []string
	lines      [][2 * len(runKinds)]plotter.XYs // of each quantity
}

// colours are those of the datastores, of Okabe and Ito: people with colour blindness can
// distinguish them.
var colours = [...]color.RGBA{{R: 0, G: 114, B: 178, A: 255}, {R: 213, G: 94, B: 0, A: 255}}

// drawn are the pictures of this run, by their names.
var drawn = map[string][]byte{}

func newPicture(name, x string, quantities ...string) *picture {
	return &picture{name, x, quantities, make([][2 * len(runKinds)]plotter.XYs, len(quantities))}
}

// add adds the values of the quantities for runs of a kind.
func (p *picture) add(s *site, kind, x int, values ...float64) {
	line := kind
	if s.config != nil {
		line += len(runKinds)
	}
	for i, value := range values {
		p.lines[i][line] = append(p.lines[i][line], plotter.XY{X: float64(x), Y: value})
	}
}

// publish draws the picture for the document.
func (p *picture) publish(b *testing.B) {
	b.Helper()
	require.Contains(b, pictures, p.name)
	canvas := vgsvg.New(24*vg.Centimeter, 8*vg.Centimeter)
	tiles := draw.Tiles{Rows: 1, Cols: len(p.quantities), PadX: vg.Millimeter, PadRight: 3 * vg.Millimeter}
	for i, quantity := range p.quantities {
		chart := plot.New()
		chart.Title.Text, chart.X.Label.Text = quantity, p.x
		chart.Legend.Top, chart.Legend.Left = true, true
		most := 0.0
		for line, points := range p.lines[i] {
			l, marks, err := plotter.NewLinePoints(points)
			require.NoError(b, err)
			store, kind := line/len(runKinds), line%len(runKinds)
			l.Color, l.Dashes, marks.Color = colours[store], plotutil.Dashes(kind), colours[store]
			chart.Add(l, marks)
			if i == 0 {
				chart.Legend.Add([]string{"etcd", "Kubernetes"}[store]+", "+runKinds[kind], l, marks)
			}
			for _, point := range points {
				most = max(most, point.Y)
			}
		}
		chart.Y.Min, chart.Y.Max = 0, 1.4*most // with space for the legend
		chart.X.Tick.Marker, chart.Y.Tick.Marker = plot.TickerFunc(ticks), plot.TickerFunc(ticks)
		chart.Draw(tiles.At(draw.New(canvas), i, 0))
	}
	var text bytes.Buffer
	_, err := canvas.WriteTo(&text)
	require.NoError(b, err)
	drawn[p.name] = text.Bytes()
}

// ticks returns the default ticks, without zeros at the end of their labels.
func ticks(least, most float64) []plot.Tick {
	all := plot.DefaultTicks{}.Ticks(least, most)
	for i := range all {
		if !all[i].IsMinor() {
			all[i].Label = fmt.Sprintf("%.6g", all[i].Value)
		}
	}
	return all
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func pictureFile(name string) string {
	return filepath.Join(filepath.Dir(document), folder, name+".svg")
}

// writePictures writes the pictures of this run beside the document.
func writePictures() error {
	if err := os.MkdirAll(filepath.Dir(pictureFile("")), 0o755); err != nil {
		return err
	}
	for name, text := range drawn {
		if err := os.WriteFile(pictureFile(name), text, 0o644); err != nil {
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
		require.NoError(t, wellFormed(text), name)
		// A mark is a circle of 2.5 points: two arcs.
		const panels, arcs, legend = 3, 2, 2 * len(runKinds)
		assert.Equal(t, arcs*(panels*(strings.Count(rows, "\n")-2)+legend), bytes.Count(text, []byte("A2.5,2.5")), name)
		for _, undefined := range []string{"NaN", "Inf", "<script", "<image"} {
			assert.NotContains(t, string(text), undefined, name)
		}
	}
}

func wellFormed(text []byte) error {
	for decoder := xml.NewDecoder(bytes.NewReader(text)); ; {
		switch _, err := decoder.Token(); err {
		case nil:
		case io.EOF:
			return nil
		default:
			return fmt.Errorf("not well-formed: %w", err)
		}
	}
}
