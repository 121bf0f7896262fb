// Package chart draws line charts as SVG: several quantities side by side, over one variable.
package chart

import (
	"math"
	"strconv"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/internal/svg"
)

// A Chart has one panel for each quantity. Both axes of a panel are linear and begin at zero.
type Chart struct {
	Title  string   // for readers who can't see the picture
	X      string   // the variable, and its unit
	Series []Series // in the order of the legend
	Panels []Panel  // from left to right
}

// A Series is a kind of line, which each panel has once.
type Series struct {
	Name   string // in the legend
	Colour int    // 0 or 1
	Dashed bool
}

// A Panel shows one quantity.
type Panel struct {
	Y     string    // the quantity, and its unit
	Lines [][]Point // for each series its points, by growing X
}

// A Point is a measured value. Neither coordinate may be negative.
type Point struct{ X, Y float64 }

// Lengths, in pixels.
const (
	width       = 960.0
	height      = 290.0
	margin      = 12.0
	legendWidth = 230.0 // of one series
	top         = 70.0  // of the plots
	bottom      = 240.0
	labels      = 52.0 // the space for those of the y axis
	half        = 2.5  // half the size of a mark
)

// rules have two colours of Okabe and Ito, which people with colour blindness can
// distinguish.
const rules = `:root{--c0:#0072b2;--c1:#d55e00}
@media(prefers-color-scheme:dark){:root{--c0:#56b4e9;--c1:#e69f00}}
polyline{stroke-width:1.2}.c0,.c1{fill:none;stroke-width:2}.c0{stroke:var(--c0)}.c1{stroke:var(--c1)}.dash{stroke-dasharray:5 4}rect.c0{fill:var(--c0)}rect.c1{fill:var(--c1)}`

// SVG returns the picture.
func (c Chart) SVG() string {
	var d svg.Drawing
	for i, series := range c.Series {
		x := margin + labels + float64(i)*legendWidth
		series.draw(&d, [][2]float64{{x, 20}, {x + 30, 20}})
		d.Text("", x+38, 24, series.Name)
	}
	share := (width - margin) / float64(len(c.Panels))
	for i, panel := range c.Panels {
		left := margin + float64(i)*share + labels
		c.panel(&d, panel, left, left+share-labels-margin)
	}
	return d.Picture(width, height, c.Title, rules)
}

// class returns the CSS class of the colour.
func (s Series) class() string { return "c" + strconv.Itoa(s.Colour) }

// draw draws a line with a mark at each point.
func (s Series) draw(d *svg.Drawing, points [][2]float64) {
	class := s.class()
	if s.Dashed {
		class += " dash"
	}
	d.Line(class, points...)
	for _, p := range points {
		d.Rect(s.class(), p[0]-half, p[1]-half, 2*half, 2*half, "")
	}
}

// panel draws one quantity between two positions.
func (c Chart) panel(d *svg.Drawing, panel Panel, left, right float64) {
	var most Point
	for _, line := range panel.Lines {
		for _, p := range line {
			most = Point{max(most.X, p.X), max(most.Y, p.Y)}
		}
	}
	stepX, stepY := step(most.X), step(most.Y)
	ends := Point{max(most.X, stepX), math.Ceil(most.Y/stepY) * stepY}
	ends.Y = max(ends.Y, stepY)
	x := func(value float64) float64 { return left + value/ends.X*(right-left) }
	y := func(value float64) float64 { return bottom - value/ends.Y*(bottom-top) }

	d.Text("b", left, top-14, panel.Y)
	for _, value := range ticks(ends.Y, stepY) {
		d.Line("line", [2]float64{left, y(value)}, [2]float64{right, y(value)})
		d.Text("dim r", left-6, y(value)+4, label(value))
	}
	for _, value := range ticks(ends.X, stepX) {
		d.Line("line", [2]float64{x(value), bottom}, [2]float64{x(value), bottom + 5})
		d.Text("dim c", x(value), bottom+19, label(value))
	}
	d.Text("dim c", (left+right)/2, bottom+38, c.X)
	for i, line := range panel.Lines {
		var points [][2]float64
		for _, p := range line {
			points = append(points, [2]float64{x(p.X), y(p.Y)})
		}
		c.Series[i].draw(d, points)
	}
}

// step returns the distance of ticks up to a value: 1, 2, 2.5 or 5 times a power of ten, so
// that there are at most four of them after zero.
func step(most float64) float64 {
	if most <= 0 {
		return 1
	}
	power := math.Pow10(int(math.Floor(math.Log10(most / 4))))
	for _, factor := range []float64{1, 2, 2.5, 5} {
		if factor*power >= most/4*(1-1e-9) {
			return factor * power
		}
	}
	return 10 * power
}

// ticks returns the multiples of a step from zero to the end.
func ticks(end, step float64) []float64 {
	var all []float64
	for i := 0.0; i*step <= end*(1+1e-9); i++ {
		all = append(all, i*step)
	}
	return all
}

// label formats a value, with separators between thousands.
func label(value float64) string {
	whole, fraction, _ := strings.Cut(strconv.FormatFloat(value, 'f', -1, 64), ".")
	if len(fraction) > 6 { // as in 0.30000000000000004
		whole, fraction, _ = strings.Cut(strconv.FormatFloat(value, 'g', 6, 64), ".")
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction != "" {
		return whole + "." + fraction
	}
	return whole
}
