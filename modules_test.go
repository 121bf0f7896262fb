package calicobootstrap_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestExamplesModule checks that `go install …/examples/calico-bootstrap@version` accepts
// examples/go.mod: it refuses replace and exclude directives.
func TestExamplesModule(t *testing.T) {
	t.Parallel()
	assert.NotRegexp(t, `(?m)^\s*(replace|exclude)\b`, readFile(t, "examples/go.mod"))
}
