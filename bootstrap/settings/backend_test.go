package settings_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// The networking backend is what calico-node makes of the value: it compares it with vxlan
// and none, in lower case, and runs BIRD for any other. The value of the variable never ends
// a run, except with --strict.
func TestNetworkingBackend(t *testing.T) {
	t.Parallel()
	by := origin.Env("CALICO_NETWORKING_BACKEND")
	const unknown = ": unknown networking backend, for which calico-node runs BIRD; must be one of bird, vxlan, none, in lower case"
	for value, want := range map[string]struct {
		kind    facts.BackendKind
		warning string
	}{
		"":         {"", ""},
		"bird":     {facts.BackendBIRD, ""},
		"Bird":     {facts.BackendBIRD, ""}, // what happens anyway
		"vxlan":    {facts.BackendVXLAN, ""},
		"none":     {facts.BackendNone, ""},
		"VXLAN":    {facts.BackendBIRD, `"VXLAN"` + unknown},
		"None":     {facts.BackendBIRD, `"None"` + unknown},
		"gobgp":    {facts.BackendBIRD, `"gobgp"` + unknown},
		"vxlan ":   {facts.BackendBIRD, `"vxlan "` + unknown + "; remove the white space around it"},
		"vxlan\r":  {facts.BackendBIRD, `"vxlan\r"` + unknown + "; remove the carriage return at its end"},
		`"vxlan"`:  {facts.BackendBIRD, `"\"vxlan\""` + unknown + "; remove the quotes around it"},
		"a\nb: {}": {facts.BackendBIRD, "***: looks like a YAML text; " + strings.TrimPrefix(unknown, ": ")},
	} {
		given := settings.Settings{NetworkingBackend: settings.Given(value, by)}
		config, err := given.Resolve()
		require.NoError(t, err, value)
		given.Strict = settings.Given("true", origin.Flag("strict"))
		_, strict := given.Resolve()
		if want.warning == "" {
			assert.Empty(t, config.Warnings, value)
			assert.NoError(t, strict, value)
		} else {
			require.Len(t, config.Warnings, 1, value)
			assert.Equal(t, want.warning, strings.TrimPrefix(config.Warnings[0], "env CALICO_NETWORKING_BACKEND: "), value)
			assert.ErrorIs(t, strict, settings.ErrInvalidSettings, value)
		}
		assert.Equal(t, want.kind, config.Backend.Kind, value)
		assert.Equal(t, want.kind != "", config.Backend.Source == by, value)
	}
}

// A flag has the values of the variable, in any case; another one is an error.
func TestNetworkingBackendByFlag(t *testing.T) {
	t.Parallel()
	for _, kind := range facts.BackendKinds() {
		for _, word := range []string{string(kind), strings.ToUpper(string(kind))} {
			config := settingstest.Resolved(t, "--networking-backend="+word)
			assert.Equal(t, facts.Backend{Kind: kind, Source: origin.Flag("networking-backend")}, config.Backend)
			assert.Empty(t, config.Warnings)
		}
	}
	assert.EqualError(t, settingstest.Given(t, "--networking-backend=gobgp").Validate(),
		`flag --networking-backend: "gobgp": unknown networking backend; must be one of bird, vxlan, none`)
	assert.Equal(t, facts.BackendNone, settingstest.Resolved(t, "CALICO_NETWORKING_BACKEND=vxlan", "--networking-backend=none").Backend.Kind)
}
