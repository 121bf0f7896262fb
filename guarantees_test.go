package calicobootstrap_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestGuarantees checks that the tests and files that docs/GUARANTEES.md and
// docs/FAULTS.md name exist.
func TestGuarantees(t *testing.T) {
	t.Parallel()
	doc := readFile(t, "docs/GUARANTEES.md") + readFile(t, "docs/FAULTS.md")
	tests := testsOf(t)
	named := regexp.MustCompile("`(Test[A-Za-z]+)`").FindAllStringSubmatch(doc, -1)
	require.Greater(t, len(named), 80)
	for _, test := range named {
		there := strings.Contains(tests, "func "+test[1]+"(")
		assert.True(t, there, "test %s doesn't exist", test[1])
	}
	for _, file := range regexp.MustCompile(`\((bootstrap/\S+\.go)\)`).FindAllStringSubmatch(doc, -1) {
		_, err := os.Stat(file[1])
		assert.NoError(t, err)
	}
}
