package chart_test

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/golden"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/chart"
)

func sample() chart.Chart {
	line := func(of func(n float64) float64) []chart.Point {
		var points []chart.Point
		for _, n := range []float64{0, 5000, 25_000, 50_000} {
			points = append(points, chart.Point{X: n, Y: of(n)})
		}
		return points
	}
	steep, flat := func(n float64) float64 { return 28 + n/58 }, func(n float64) float64 { return 16 }
	return chart.Chart{
		Title: "Sample <& more>", X: "IPAM blocks",
		Series: []chart.Series{{Name: "etcd"}, {Name: "Kubernetes", Colour: 1}, {Name: "Kubernetes, flat", Colour: 1, Dashed: true}},
		Panels: []chart.Panel{
			{Y: "time (ms)", Lines: [][]chart.Point{line(math.Sqrt), line(steep), line(flat)}},
			{Y: "memory (MB)", Lines: [][]chart.Point{line(flat), line(flat), line(flat)}},
			{Y: "requests", Lines: [][]chart.Point{line(func(n float64) float64 { return n / 1e6 }), nil, nil}},
		},
	}
}

func TestGolden(t *testing.T) { golden.Check(t, "sample.svg", sample().SVG()) }

// TestTicks draws charts of values of all magnitudes, and reads the labels of their axes: there
// are few, they are different, and they include the largest value.
func TestTicks(t *testing.T) {
	for exponent := -3; exponent <= 6; exponent++ {
		for _, factor := range []float64{1, 1.01, 1.3, 2, 2.49, 2.5, 3, 4, 4.01, 5, 7, 8.01, 9.99} {
			most := factor * math.Pow10(exponent)
			c := chart.Chart{
				X: "x", Series: []chart.Series{{Name: "s"}},
				Panels: []chart.Panel{{Y: "y", Lines: [][]chart.Point{{{X: 0, Y: most}, {X: 10, Y: 0}}}}},
			}
			values := texts(t, c.SVG(), "dim r")
			name := fmt.Sprint(most, values)
			require.Greater(t, len(values), 2, name)
			assert.LessOrEqual(t, len(values), 5, name)
			for i, text := range values {
				value, err := strconv.ParseFloat(strings.ReplaceAll(text, ",", ""), 64)
				require.NoError(t, err)
				assert.LessOrEqual(t, len(text), len("10,000,000"), name)
				if i == len(values)-1 {
					assert.GreaterOrEqual(t, value, most*(1-1e-9), name)
					assert.Less(t, value, 2*most, name)
				}
			}
			assert.NotContains(t, c.SVG(), "NaN")
		}
	}
}

// TestNothing draws what has no values, or only zeros.
func TestNothing(t *testing.T) {
	for _, lines := range [][][]chart.Point{nil, {nil}, {{{}}}, {{{}, {X: 1}}}} {
		picture := chart.Chart{X: "x", Series: []chart.Series{{Name: "s"}}, Panels: []chart.Panel{{Y: "y", Lines: lines}}}.SVG()
		assert.Equal(t, []string{"0", "1"}, texts(t, picture, "dim r"))
		assert.NotContains(t, picture, "NaN")
		assert.NotContains(t, picture, "Inf")
	}
}

// texts returns the texts of a class.
func texts(t *testing.T, picture, class string) []string {
	t.Helper()
	var found []string
	for decoder := xml.NewDecoder(strings.NewReader(picture)); ; {
		token, err := decoder.Token()
		if err == io.EOF {
			return found
		}
		require.NoError(t, err)
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "text" && start.Attr[0].Value == class {
			var text string
			require.NoError(t, decoder.DecodeElement(&text, &start))
			found = append(found, text)
		}
	}
}
