package selector

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Matching allocates nothing; parsing does little more than keep what it read.
// Not parallel, and no test in it: AllocsPerRun counts what the whole process
// allocates.
func TestAllocations(t *testing.T) {
	labels := map[string]string{"zone": "b", "rack": "r7", "host": "node-1.example.org"}
	for text, most := range map[string]float64{
		"all()":                       2,
		"kubernetes.io/os == 'linux'": 4,
		"zone in {'a', 'b'} && has(rack) || rack starts with 'r'": 14,
		everyOperator: 28,
	} {
		parsed := mustParse(t, text)
		assert.Zero(t, testing.AllocsPerRun(100, func() { parsed.Matches(labels) }), text)
		assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { mustParse(t, text) }), most, text)
	}
	assert.True(t, mustParse(t, everyOperator).Matches(labels), "by its last term, so all are looked at")

	var zero *Selector
	assert.Zero(t, testing.AllocsPerRun(100, func() { zero.Matches(labels) }))
}
