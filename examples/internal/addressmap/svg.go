package addressmap

import (
	"cmp"
	"fmt"
	"html"
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// lane is a horizontal part of a bar. Each kind has its lane, so that ranges that overlap
// are visible below each other.
type lane int

const (
	laneFree lane = iota
	laneNetworks
	laneServices
	lanePods
	lanePools
	laneNoNAT
)

// lanes have the label and the class of each lane.
var lanes = [...]struct{ label, class string }{
	{"free", "free"}, {"networks", "net"}, {"Services", "svc"}, {"pods", "pod"}, {"pools", "pool"}, {"no NAT", "nonat"},
}

// Dimensions, in pixels.
const (
	picture     = 1200.0
	margin      = 20.0
	barX        = 100.0
	gapWidth    = 12.0
	unusedWidth = 110.0
	laneHeight  = 18.0
	lineHeight  = 19.0
	leastWidth  = 2.5 // of a range, so that it is visible
	digitWidth  = 6.5
)

// The number of lines in a picture.
const (
	maxLines = 60 // of the ranges of a family
	maxNotes = 8
)

// style has the colours, for light and dark. They are those of Okabe and Ito, which people
// with colour blindness can distinguish.
const style = `:root{--bg:#ffffff;--fg:#1f2328;--dim:#59636e;--line:#d1d9e0;--free:#e6f4ea;--net:#7a8793;--svc:#e69f00;--pod:#009e73;--pool:#0072b2;--nonat:#cc79a7;--bad:#c1121f}
@media(prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--dim:#9198a1;--line:#3d444d;--free:#17301f;--net:#8b98a5;--svc:#e69f00;--pod:#2bbd92;--pool:#56b4e9;--nonat:#d893b8;--bad:#ff7b72}}
text{font:12px system-ui,-apple-system,"Segoe UI",sans-serif;fill:var(--fg)}.h{font-size:16px;font-weight:600}.b{font-weight:600}.dim{fill:var(--dim)}.m{font-family:ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace}.n{font-size:10px;paint-order:stroke;stroke:var(--bg);stroke-width:2.5px;stroke-linejoin:round}.r{text-anchor:end}.c{text-anchor:middle}.bg{fill:var(--bg)}.seg{fill:none;stroke:var(--line)}
.free{fill:var(--free);stroke:var(--line)}.net{fill:var(--net)}.svc{fill:var(--svc)}.pod{fill:var(--pod)}.pool{fill:var(--pool)}.nonat{fill:var(--nonat)}.part{fill-opacity:.45}.planned{fill-opacity:.25;stroke:var(--pool);stroke-dasharray:3 2}.disabled{fill-opacity:.3}.bad{stroke:var(--bad);stroke-width:2}.badtext{fill:var(--bad);font-weight:600}`

// SVG draws the map: for each family, a bar that shows the private ranges to scale, and the
// list of all ranges. It has no scripts and no references, and is legible on light and dark
// backgrounds. A family with many rows is truncated; those with overlaps are listed first.
// The notes are below.
func (m Map) SVG(title string, notes []string) string {
	d := &drawing{y: margin}
	d.text("h", margin, d.down(24), title)
	for _, family := range []struct {
		label string
		bits  int
	}{{"IPv4", 32}, {"IPv6", 128}} {
		rows := slices.DeleteFunc(slices.Clone(m.Rows), func(row Row) bool { return row.First.BitLen() != family.bits })
		d.family(family.label, family.bits, rows)
	}
	d.down(10)
	for _, note := range notes[:min(len(notes), maxNotes)] {
		d.text("dim", margin, d.down(lineHeight), "Note: "+text.Clip(note, 190))
	}
	if more := len(notes) - maxNotes; more > 0 {
		d.text("dim", margin, d.down(lineHeight), fmt.Sprintf("and %d more notes", more))
	}
	height := d.y + margin
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]g %[2]g" width="%[1]g" height="%[2]g" role="img"><title>%[3]s</title><style>%[4]s</style>
<rect class="bg" width="%[1]g" height="%[2]g"/>
%[5]s</svg>
`, picture, height, escaped(title), style, d.String())
}

// drawing is the content of a picture, which grows downwards.
type drawing struct {
	strings.Builder
	y float64
}

// down moves down, and returns the new position.
func (d *drawing) down(by float64) float64 {
	d.y += by
	return d.y
}

func (d *drawing) text(class string, x, y float64, line string) {
	fmt.Fprintf(d, "<text class=%q x=%q y=%q>%s</text>\n", class, number(x), number(y), escaped(line))
}

// rect draws a rectangle with a tooltip.
func (d *drawing) rect(class string, x, y, width, height float64, tooltip string) {
	fmt.Fprintf(d, "<rect class=%q x=%q y=%q width=%q height=%q", class, number(x), number(y), number(width), number(height))
	if tooltip == "" {
		fmt.Fprintln(d, "/>")
		return
	}
	fmt.Fprintf(d, "><title>%s</title></rect>\n", escaped(tooltip))
}

// number formats a coordinate.
func number(f float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", f), "0"), ".")
}

// escaped returns the text for XML, without characters that it can't have.
func escaped(line string) string {
	return html.EscapeString(strings.ToValidUTF8(text.Graphic(text.Redact(line)), "�"))
}

// family draws the bar and the list of a family.
func (d *drawing) family(label string, bits int, rows []Row) {
	listed := listedRows(rows)
	d.text("h", margin, d.down(30), label)
	var used []lane
	for l := range lanes {
		if l == int(laneFree) || slices.ContainsFunc(rows, func(row Row) bool { return kinds[row.Kind.order()].lane == lane(l) }) {
			used = append(used, lane(l))
		}
	}
	segments := segmentsOf(rows, bits, barX, picture-margin-barX)
	top := d.down(24)
	for _, s := range segments {
		name := s.prefix.String()
		if s.enlarged {
			name += ", enlarged"
		}
		d.text("dim", s.x, top-5, name)
	}
	for i, l := range used {
		y := top + float64(i)*laneHeight
		d.text("dim r", barX-8, y+laneHeight-5, lanes[l].label)
		for _, s := range segments {
			d.lane(s, l, y, rows, listed)
		}
	}
	d.down(float64(len(used))*laneHeight + 8)
	for _, s := range segments {
		d.rect("seg", s.x, top, s.width, float64(len(used))*laneHeight, "")
	}
	d.list(rows, listed)
}

// listedRows returns the numbers of the rows that are listed, from 1: the positions of
// others have none. Private ranges are listed without a number.
func listedRows(rows []Row) map[int]int {
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(importance(rows[b]), importance(rows[a])) })
	order = order[:min(len(order), maxLines)]
	slices.Sort(order)
	listed, n := map[int]int{}, 0
	for _, i := range order {
		listed[i] = 0
		if rows[i].Kind != Private {
			n++
			listed[i] = n
		}
	}
	return listed
}

func importance(row Row) int {
	switch {
	case row.Kind == Private:
		return 2
	case row.OverlapCount > 0:
		return 1
	default:
		return 0
	}
}

// lane draws the ranges of one lane in a segment, each with its number where there is
// space.
func (d *drawing) lane(s segment, l lane, y float64, rows []Row, listed map[int]int) {
	occupied := s.x // up to here
	for i, row := range rows {
		x, width, ok := s.span(row.First, row.Last)
		if kinds[row.Kind.order()].lane != l || row.Kind == Private || !ok || row.Kind == Free && row.Count > 1 {
			continue
		}
		if drawn := max(width, leastWidth); drawn > width {
			x, width = min(x, s.x+s.width-drawn), drawn
		}
		d.use(row, x, y+2, width, laneHeight-4)
		digits := fmt.Sprint(listed[i])
		space := digitWidth*float64(len(digits)) + 2
		baseline := y + laneHeight - 5.5
		switch {
		case listed[i] == 0:
		case width > space+2 && x >= occupied:
			d.text("n c", x+width/2, baseline, digits)
		case x+width >= occupied && x+width+space <= s.x+s.width && !overlapsNext(s, l, rows[i+1:], x+width+space):
			d.text("n", x+width+2, baseline, digits)
			width += space
		case x-space >= occupied:
			d.text("n r", x-2, baseline, digits)
		}
		occupied = max(occupied, x+width)
	}
}

// overlapsNext reports whether the next range of the lane begins before x.
func overlapsNext(s segment, l lane, rows []Row, x float64) bool {
	for _, row := range rows {
		if kinds[row.Kind.order()].lane == l && row.Kind != Private {
			next, _, ok := s.span(row.First, row.Last)
			return ok && next < x
		}
	}
	return false
}

// use draws one range or group. The part of a pool that blocks have is solid.
func (d *drawing) use(row Row, x, y, width, height float64) {
	class := lanes[kinds[row.Kind.order()].lane].class
	tooltip := fmt.Sprintf("%s: %s %s", row.Range(), row.Called(), row.Name())
	bad := ""
	if row.OverlapCount > 0 {
		bad = " bad"
		tooltip += "; overlaps " + row.OverlapText()
	}
	switch {
	case row.State == Planned, row.State == Disabled:
		class += " " + string(row.State)
	case row.Count > 1: // there is space between its ranges
		class += " part"
	case row.Blocks != nil:
		d.rect(class+" part"+bad, x, y, width, height, tooltip)
		d.rect(class, x, y, width*row.Blocks.Percent/100, height, "")
		return
	}
	d.rect(class+bad, x, y, width, height, tooltip)
}

// list draws a line for each listed row, and one for its overlaps.
func (d *drawing) list(rows []Row, listed map[int]int) {
	columns := struct{ kind, name, blocks float64 }{340, 480, 960}
	if len(rows) > 0 && rows[0].First.Is6() {
		columns.kind, columns.name, columns.blocks = 640, 780, 1070
	}
	for i, row := range rows {
		n, shown := listed[i]
		if !shown {
			continue
		}
		y := d.down(lineHeight)
		indent := 10 * float64(min(row.Depth, 4))
		if row.Kind == Private {
			d.text("b m", 44, y, row.Range())
			d.text("dim", columns.kind, y, row.Called())
			d.text("dim", columns.name, y, row.Name())
			continue
		}
		class := lanes[kinds[row.Kind.order()].lane].class
		d.text("n r dim", 38, y, fmt.Sprint(n))
		d.rect(strings.TrimSpace(class+" "+string(row.State)), 44+indent, y-9, 10, 10, "")
		d.text("m", 60+indent, y, row.Range())
		d.text("", columns.kind, y, row.Called())
		d.text("", columns.name, y, text.Clip(row.Name(), int(columns.blocks-columns.name)/6))
		if row.Blocks != nil {
			d.text("", columns.blocks, y, row.BlocksText())
		}
		if row.OverlapCount > 0 {
			d.text("badtext", 60+indent, d.down(lineHeight), text.Clip("! overlaps "+row.OverlapText(), 150))
		}
	}
	if more := len(rows) - len(listed); more > 0 {
		d.text("dim", 44, d.down(lineHeight), fmt.Sprintf("and %d more rows", more))
	}
}
