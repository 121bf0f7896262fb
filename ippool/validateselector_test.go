package ippool_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

func TestValidateSelector(t *testing.T) {
	t.Parallel()
	// padded returns a selector of that many characters. All but ten of them have
	// two bytes.
	padded := func(length int) string {
		text := "zone == '" + strings.Repeat("é", length-10) + "'"
		require.Equal(t, length, utf8.RuneCountInString(text))
		return text
	}
	const (
		global  = `must not contain "global("`
		length  = "1024 characters"
		notUTF8 = "not valid UTF-8"
	)
	for _, test := range []struct {
		name, text string
		want       []fault // without the path
	}{
		{"empty", "", nil},
		{"spaces", " \t ", nil},
		{"all", "all()", nil},
		{"canonical or not", "( has(rack)&&zone in{'a',\"b\"} )", nil},
		{"label named global", "global == 'x'", nil},
		{"longest", padded(1024), nil},
		{"longest of one byte each", "has(a)" + strings.Repeat(" ", 1018), nil},

		{"syntax", "rack = r1", []fault{{invalid, "", "column 6"}}},
		{"truncated", "has(rack) &&", []fault{{invalid, "", "column 13"}}},
		{"line break", "has(rack)\n", []fault{{invalid, "", "column 10"}}},
		{"global()", "global()", []fault{{invalid, "", "column 1: global()"}}},
		{"global() after a term", "has(a) || global( )", []fault{{invalid, "", "column 11: global()"}}},
		{"quoted global(", "team == 'global('", []fault{{invalid, "", global}}},
		{"quoted global()", `team == "it is global()"`, []fault{{invalid, "", global}}},
		{"not UTF-8", "team == '\xff'", []fault{{invalid, "", notUTF8}}},
		{"too long by a character", padded(1025), []fault{{tooLong, "", length}}},
		{"too long by a space", "has(a)" + strings.Repeat(" ", 1019), []fault{{tooLong, "", length}}},

		{"three faults", "team == 'global(\xff" + strings.Repeat("x", 1024) + "'", []fault{
			{invalid, "", global}, {invalid, "", notUTF8}, {tooLong, "", length},
		}},
		{"invalid and too long", strings.Repeat("(", 10) + strings.Repeat(" ", 1015), []fault{
			{invalid, "", "column 1026"}, {tooLong, "", length},
		}},
		{"invalid and not UTF-8", "has(\xff)", []fault{{invalid, "", "column 5"}, {invalid, "", notUTF8}}},
	} {
		for path, set := range map[string]func(*v3.IPPoolSpec){
			"spec.nodeSelector":      func(s *v3.IPPoolSpec) { s.NodeSelector = test.text },
			"spec.namespaceSelector": func(s *v3.IPPoolSpec) { s.NamespaceSelector = test.text },
		} {
			t.Run(path+" "+test.name, func(t *testing.T) {
				t.Parallel()
				var want []fault
				for _, f := range test.want {
					f.path = path
					want = append(want, f)
				}
				assertFaults(t, want, ippool.Validate(aPool("10.0.0.0/16", set)))
			})
		}
	}
}
