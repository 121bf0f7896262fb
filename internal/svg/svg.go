// Package svg draws pictures with texts, rectangles and lines, legible on light and dark
// backgrounds. They have no scripts and no references.
package svg

import (
	"fmt"
	"html"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// style has the classes of all pictures. h is a heading, b is bold, dim is less important, r
// and c are aligned to the right and to the centre; bg is the background, and line a line
// that is not data.
const style = `:root{--bg:#ffffff;--fg:#1f2328;--dim:#59636e;--line:#d1d9e0}
@media(prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--dim:#9198a1;--line:#3d444d}}
text{font:12px system-ui,-apple-system,"Segoe UI",sans-serif;fill:var(--fg)}.h{font-size:16px;font-weight:600}.b{font-weight:600}.dim{fill:var(--dim)}.r{text-anchor:end}.c{text-anchor:middle}.bg{fill:var(--bg)}.line{fill:none;stroke:var(--line)}
`

// A Drawing is the content of a picture. The zero value is empty. It is not safe for
// concurrent use. Lengths are in pixels, and y grows downwards. A class is a list of CSS
// classes, separated by spaces.
type Drawing struct{ content strings.Builder }

// Text draws a line of text, with its baseline at y.
func (d *Drawing) Text(class string, x, y float64, line string) {
	fmt.Fprintf(&d.content, "<text class=%q x=%q y=%q>%s</text>\n", class, number(x), number(y), escaped(line))
}

// Rect draws a rectangle, with a tooltip unless that is empty.
func (d *Drawing) Rect(class string, x, y, width, height float64, tooltip string) {
	fmt.Fprintf(&d.content, "<rect class=%q x=%q y=%q width=%q height=%q", class, number(x), number(y), number(width), number(height))
	if tooltip == "" {
		fmt.Fprintln(&d.content, "/>")
		return
	}
	fmt.Fprintf(&d.content, "><title>%s</title></rect>\n", escaped(tooltip))
}

// Line draws a line through points.
func (d *Drawing) Line(class string, points ...[2]float64) {
	var texts []string
	for _, point := range points {
		texts = append(texts, number(point[0])+","+number(point[1]))
	}
	fmt.Fprintf(&d.content, "<polyline class=%q points=%q/>\n", class, strings.Join(texts, " "))
}

// Picture returns the SVG text of the drawing, with the background. The rules are CSS for the
// classes of this picture.
func (d *Drawing) Picture(width, height float64, title, rules string) string {
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]s %[2]s" width="%[1]s" height="%[2]s" role="img"><title>%[3]s</title><style>%[4]s</style>
<rect class="bg" width="%[1]s" height="%[2]s"/>
%[5]s</svg>
`, number(width), number(height), escaped(title), style+rules, d.content.String())
}

// number formats a length.
func number(f float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", f), "0"), ".")
}

// escaped returns the text for XML, without characters that it can't have.
func escaped(line string) string {
	return html.EscapeString(strings.ToValidUTF8(text.Graphic(text.Redact(line)), "�"))
}
