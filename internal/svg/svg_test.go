package svg_test

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/svg"
)

func TestPicture(t *testing.T) {
	var d svg.Drawing
	d.Text("b", 1, 2.125, "text")
	d.Rect("a", 100, 0, 10.5, 20, "")
	d.Rect("a b", 0.004, 0, 1, 1, "tooltip")
	d.Line("line", [2]float64{0, 1}, [2]float64{20, 3.999})
	picture := d.Picture(100, 50.5, "title", ".a{fill:red}")
	for _, element := range []string{
		`viewBox="0 0 100 50.5" width="100" height="50.5"`, "<title>title</title>", ".a{fill:red}</style>",
		"<text class=\"b\" x=\"1\" y=\"2.12\">text</text>\n",
		"<rect class=\"a\" x=\"100\" y=\"0\" width=\"10.5\" height=\"20\"/>\n",
		"<rect class=\"a b\" x=\"0\" y=\"0\" width=\"1\" height=\"1\"><title>tooltip</title></rect>\n",
		"<polyline class=\"line\" points=\"0,1 20,4\"/>\n",
	} {
		assert.Contains(t, picture, element)
	}
}

// FuzzPicture checks that the picture is XML with the same elements, whatever the texts are.
func FuzzPicture(f *testing.F) {
	for _, text := range []string{"plain", `</text><script>alert("1")</script>`, "a&b'\"", "\x00\xff\u202e\ufffe", "]]>", "\r\n\t"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var d svg.Drawing
		d.Text("b", 1, 2, text)
		d.Rect("a", 1, 2, 3, 4, "tooltip "+text)
		var names []string
		for decoder := xml.NewDecoder(strings.NewReader(d.Picture(1, 1, text, ""))); ; {
			token, err := decoder.Token()
			if err == io.EOF {
				break
			}
			require.NoError(t, err)
			if start, ok := token.(xml.StartElement); ok {
				names = append(names, start.Name.Local)
			}
		}
		assert.Equal(t, []string{"svg", "title", "style", "rect", "text", "rect", "title"}, names)
	})
}
