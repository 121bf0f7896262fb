package settings_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

func TestSettingsError(t *testing.T) {
	t.Parallel()
	one := &settings.Error{Faults: []settings.Fault{{Source: origin.Env("A"), Value: "1", Problem: "wrong"}}}
	two := &settings.Error{Faults: []settings.Fault{{Source: origin.Env("B"), Problem: "missing"}, {Source: origin.Env("C"), Value: "x", Secret: true, Problem: "short"}}}
	assert.EqualError(t, two, "env B: missing\nenv C: ***: short")
	settingstest.IsOnly(t, one, settings.ErrInvalidSettings)

	joined := fmt.Errorf("start-up: %w", errors.Join(one, datastore.ErrForbidden, two))
	assert.EqualError(t, joined, "start-up: env A: \"1\": wrong\npermission denied\nenv B: missing\nenv C: ***: short")
	settingstest.IsOnly(t, joined, settings.ErrInvalidSettings, datastore.ErrForbidden)
	var first *settings.Error
	require.ErrorAs(t, joined, &first)
	assert.Same(t, one, first)
}
