package bootstrap

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
)

func TestPartialError(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("start-up: %w", &PartialError{Created: []string{"a", "b"}, Updated: []string{"c"}, Err: datastore.ErrForbidden})
	assert.EqualError(t, err, "start-up: permission denied\n"+
		`IPPool "a" was created and not rolled back`+"\n"+
		`IPPool "b" was created and not rolled back`+"\n"+
		`IPPool "c" was updated and not rolled back`)
	settingstest.IsOnly(t, err, datastore.ErrForbidden)
}

// Each sentinel matches only itself, and has its own text.
func TestSentinelsAreDistinct(t *testing.T) {
	t.Parallel()
	texts := map[string]bool{}
	for _, sentinel := range settingstest.Sentinels {
		settingstest.IsOnly(t, fmt.Errorf("%w", sentinel), sentinel)
		texts[sentinel.Error()] = true
	}
	assert.Len(t, texts, len(settingstest.Sentinels))
}
