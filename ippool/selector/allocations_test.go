package selector

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Matching doesn't allocate; parsing allocates little more than the tree. The test
// is not parallel, because AllocsPerRun counts the allocations of the process.
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
	assert.True(t, mustParse(t, everyOperator).Matches(labels), "only the last term matches, so all are evaluated")

	var zero *Selector
	assert.Zero(t, testing.AllocsPerRun(100, func() { zero.Matches(labels) }))
}
