package integration

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
)

// TestStrictDefaults runs with nothing but defaults, and both strict settings: neither the
// first run, nor the plan afterwards, nor the next run is refused. The random range without
// NAT is a note, and one that a setting names is a finding.
func TestStrictDefaults(t *testing.T) {
	t.Parallel()
	etcd, kubernetes := newEtcdWorld(t), newSteadyWorld(t)
	kubernetes.empty(t)
	for _, datastore := range []string{"ETCD_ENDPOINTS=" + etcd.server.Endpoints()[0], "KUBECONFIG=" + kubernetes.server.Kubeconfig(t)} {
		env := append([]string{datastore, "CALICO_IPPOOLS_STRICT=true"}, preflightOn...)
		env = append(env, "CALICO_IPPOOLS_PREFLIGHT=strict")
		noted := func(args ...string) {
			t.Helper()
			report, r := calledForReport(t, env, args...)
			assert.Zero(t, r.code, r.stderr)
			assert.Empty(t, report.Findings)
			notes := strings.Join(report.Notes, "\n")
			assert.Contains(t, notes, "is unique local, and natOutgoing is false")
			assert.Contains(t, notes, "set natOutgoing to true with --ipv6-pool-nat-outgoing")
		}

		_, r := calledForReport(t, env, "plan", "--ipv6-pool-cidr=fd00:1:2::/48")
		assert.Equal(t, 2, r.code, r.stderr)
		assert.Contains(t, r.stderr, "ULAWithoutNAT: ")

		noted("plan")
		noted("apply")
		noted("plan")
		report, r := calledForReport(t, env, "apply")
		assert.Zero(t, r.code, r.stderr)
		assert.Equal(t, plan.Unchanged, report.Pools[1].Action)

		report, r = calledForReport(t, env, "plan", "--ipv6-pool-nat-outgoing", "--on-drift=update")
		assert.Zero(t, r.code, r.stderr)
		assert.NotContains(t, strings.Join(report.Notes, "\n"), "unique local")
	}
}
