package bootstrap

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
)

// The networking backend of the settings is checked on every datastore, in a run and in a
// plan of what exists, unless the preflight is off.
func TestBackendOfTheSettings(t *testing.T) {
	t.Parallel()
	reads, store := 0, newStore()
	lines := []string{"CALICO_NETWORKING_BACKEND=vxlan", "--ipv4-pool-cidr=10.1.0.0/16", "--ipv6-pool-cidr=none"}
	want := []string{"NoRoutesWithoutBIRD default-ipv4-ippool"}
	report, err := run(t, store, settingstest.Given(t, lines...), WithHost(fakeHost{reads: &reads}))
	require.NoError(t, err)
	assert.Equal(t, want, codes(report.Findings))
	planned, err := New(store, WithHost(fakeHost{reads: &reads})).Plan(t.Context(), settingstest.Given(t, lines...))
	require.NoError(t, err)
	assert.Equal(t, want, codes(planned.Report.Findings))

	report, err = run(t, newStore(), settingstest.Given(t, append(lines, "--preflight=off")...), WithHost(fakeHost{reads: &reads}))
	require.NoError(t, err)
	assert.Empty(t, report.Findings)
}
