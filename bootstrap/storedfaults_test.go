package bootstrap

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
)

// invalidMode is a mode that no Calico knows.
func invalidMode(pool *v3.IPPool) { pool.Spec.IPIPMode = "Off" }

// A plan warns of every stored pool that is invalid, a run of those that its plan names.
// Such a pool stops no run, however strict.
func TestInvalidStoredPools(t *testing.T) {
	t.Parallel()
	warning := func(name string) string {
		return fmt.Sprintf(`existing IPPool %q: spec.ipipMode: Unsupported value: "Off": supported values: "Never", "Always", "CrossSubnet"; correct the stored pool`, name)
	}
	four, old, six := poolstest.Default4(invalidMode), poolstest.Stored("old", "10.9.0.0/16", invalidMode), poolstest.Stored("six", "fd00::/64", func(p *v3.IPPool) { p.Spec.NATOutgoing = true })
	for _, lines := range [][]string{nil, {"--strict=true", "--preflight=strict"}} {
		logger, log := logged(slog.LevelWarn)
		report, err := run(t, newStore(four, old, six), settingstest.Given(t, lines...), WithLogger(logger))
		require.NoError(t, err)
		assert.Equal(t, plan.Unchanged, report.Pools[0].Action)
		assert.Equal(t, []string{warning("default-ipv4-ippool")}, report.Warnings)
		assert.Empty(t, report.Findings)
		assert.Equal(t, 1, strings.Count(log.String(), "level=WARN"))

		report, err = planned(t, newStore(four, old, six), settingstest.Given(t, lines...))
		require.NoError(t, err)
		assert.Equal(t, []string{warning("default-ipv4-ippool"), warning("old")}, report.Warnings)
	}

	many := []v3.IPPool{six}
	for i := range 1000 {
		many = append(many, poolstest.Stored(fmt.Sprintf("pool-%04d", i), fmt.Sprintf("10.%d.%d.0/24", i/256, i%256), invalidMode))
	}
	report, err := planned(t, newStore(many...), settingstest.Given(t))
	require.NoError(t, err)
	require.Len(t, report.Warnings, 501)
	assert.Equal(t, "… and 500 more", report.Warnings[500])
}
