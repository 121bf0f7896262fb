package selector

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Not parallel, and no test in it: AllocsPerRun counts what the whole process
// allocates.
func TestMatchesDoesNotAllocate(t *testing.T) {
	s := mustParse(t, everyOperator)
	labels := map[string]string{"zone": "b", "rack": "r7", "host": "node-1.example.org"}
	assert.True(t, s.Matches(labels))
	assert.Zero(t, testing.AllocsPerRun(100, func() { s.Matches(labels) }))

	var zero *Selector
	assert.Zero(t, testing.AllocsPerRun(100, func() { zero.Matches(labels) }))
}
