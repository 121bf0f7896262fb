package yamlnode

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// FuzzSize checks that a document has at most two nodes per indicator, and a few more.
func FuzzSize(f *testing.F) {
	for _, text := range []string{
		"{a,a,a,a,}", "[a,a,a]", "- - - - -", "? ? ? ?", "a:\nb:\nc:\n", `{"a":1,"b":2}`, `{"a":b,'c':d,[e]:f,{g}:h}`, "-\n-\n-\n-\n",
		"[[[[[]]]]]", "{{{{}}}}", "&a [*a,*a,*a]", "? a\n? b\n: c\n", "a: {? b}", "[a: b, c: d]", "[? , ? , ?]", "-\t-\t- a", "a:\tb\n", "- a\r- b\r- c",
		"\xff\xfe[\x00a\x00,\x00a\x00]\x00", "\xfe\xff\x00[\x00a\x00:\x00,\x00a\x00]", "-\u2028- a", ":\n:\n:\n", "[:,:,:,:]", "--- a\n--- b\n", "!!x &y :\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		nodes, documents := 0, 0
		if Parse(data, func(document *yaml.Node) bool {
			nodes, documents = nodes+size(document), documents+1
			return true
		}) != nil || documents > 1 {
			return // streams have only one document at a time
		}
		if least := (nodes+1)/2 - 2; least > 0 {
			require.NotZero(t, TooLarge(data, least-1), "%d nodes in %q", nodes, data)
		}
	})
}
