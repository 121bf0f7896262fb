package integration

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// warned are settings with warnings, and with findings on any host.
var warned = slices.Concat(preflightOn, []string{
	"FELIX_IPV6_SUPPORT=false", "CALICO_IPV4POOL_CIDR=10.244.5.7/16", "CALICO_IPV6POOL_CIDR=fd00:10:244::/64",
})

// earlyWarnings are parts of the warnings about these settings, in order.
var earlyWarnings = []string{"did you mean FELIX_IPV6SUPPORT?", "host bits"}

// A run that waits for its datastore has shown all warnings about settings before: one of
// them may be the cause.
func TestWarningsComeFirst(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, flag, ignored string }{
		{"etcd", "--etcd-endpoints", "KUBECONFIG"}, {"Kubernetes", "--k8s-api-endpoint", "ETCD_ENDPOINTS"},
	} {
		for _, verb := range []string{"apply", "plan", "firewall"} {
			r := call(t, append([]string{tt.ignored + "=http://127.0.0.1:2"}, warned...), verb, "--timeout", "1s", tt.flag, "http://127.0.0.1:1")
			assert.Equal(t, 4, r.code, r.stderr)
			contact := strings.Index(r.stderr, "the datastore is")
			require.Positive(t, contact, r.stderr)
			for _, warning := range append([]string{"env " + tt.ignored + " has no effect"}, earlyWarnings...) {
				assert.Equal(t, 1, strings.Count(r.stdout+r.stderr, warning), "%s %s: %s\n%s", tt.name, verb, warning, r.stderr)
				assert.Less(t, strings.Index(r.stderr, warning), contact, "%s %s: %s", tt.name, verb, warning)
			}
			assert.Greater(t, strings.Index(r.stderr, "waiting for the datastore"), contact)
		}
	}
}

// storedResult is what tests need of a JSON result.
type storedResult struct {
	Warnings []string
	Findings []struct{ Code, Text string }
}

// On both datastores, each warning and each finding is shown once by plan and apply, at
// every level; apply counts what the level hides.
func TestWarningsAreShownOnce(t *testing.T) {
	t.Parallel()
	t.Run("etcd", func(t *testing.T) {
		server := etcdtest.Start(t)
		showsWarningsOnce(t, []string{"ETCD_ENDPOINTS=" + server.Endpoints()[0]})
	})
	t.Run("Kubernetes", func(t *testing.T) {
		server := kubetest.Shared(t)
		server.RemoveCRDs(t)
		server.InstallCRDs(t, ippool.CRDV1)
		showsWarningsOnce(t, []string{"KUBECONFIG=" + server.Kubeconfig(t), "DATASTORE_TYPE=kubernetes"})
	})
}

func showsWarningsOnce(t *testing.T, datastore []string) {
	t.Helper()
	env := slices.Concat(datastore, warned)
	const finding = "such addresses are not routed on the internet" // ULAWithoutNAT
	plan := func(level string, args ...string) result {
		r := call(t, append([]string{"CALICO_STARTUP_LOGLEVEL=" + level}, env...), append([]string{"plan"}, args...)...)
		require.Zero(t, r.code, r.stderr)
		return r
	}
	for _, level := range []string{"info", "warning", "error", "none"} {
		r := plan(level)
		for _, warning := range append([]string{finding}, earlyWarnings...) {
			assert.Equal(t, 1, strings.Count(r.stdout+r.stderr, warning), "%s: %s", level, warning)
		}
		assert.NotContains(t, r.stdout, "not shown")
		hidden := level == "error" || level == "none"
		assert.Equal(t, hidden, r.stderr == "", r.stderr)
		assert.Equal(t, hidden, strings.Contains(r.stdout, earlyWarnings[0]), "what stderr has is not repeated")
	}
	for _, warning := range earlyWarnings {
		assert.Equal(t, 1, strings.Count(plan("debug").stderr, warning), warning)
	}
	var result storedResult
	require.NoError(t, json.Unmarshal([]byte(plan("error", "-o", "json").stdout), &result))
	assert.Len(t, result.Warnings, 2)
	require.Len(t, result.Findings, 1)

	const hidden = "\n2 warnings and 1 finding are not shown; set --log-level warning or run calico-bootstrap plan\n"
	r := call(t, append([]string{"CALICO_STARTUP_LOGLEVEL=error"}, env...), "apply")
	require.Zero(t, r.code, r.stderr)
	assert.Empty(t, r.stderr)
	assert.Equal(t, 1, strings.Count(r.stdout, hidden), r.stdout)
	assert.Contains(t, r.stdout, "no IPv6 pool existed; finding ULAWithoutNAT\n")

	// The pools exist now, so there is no preflight.
	r = call(t, append([]string{"CALICO_STARTUP_LOGLEVEL=error"}, env...))
	assert.Contains(t, r.stdout, "\n2 warnings are not shown; set --log-level")
	r = call(t, env, "apply")
	assert.NotContains(t, r.stdout, "not shown")
	for _, warning := range earlyWarnings {
		assert.Equal(t, 1, strings.Count(r.stdout+r.stderr, warning), warning)
	}
	for _, format := range []string{"json", "yaml"} {
		r = call(t, append([]string{"CALICO_STARTUP_LOGLEVEL=error"}, env...), "apply", "-o", format)
		assert.Empty(t, r.stderr)
		for _, warning := range earlyWarnings {
			assert.Equal(t, 1, strings.Count(r.stdout, warning), warning)
		}
	}
	r = call(t, append([]string{"CALICO_STARTUP_LOGLEVEL=error"}, env...), "plan", "--preflight", "strict")
	assert.Equal(t, 2, r.code)
	assert.Contains(t, r.stderr, finding)
	r = call(t, append([]string{"CALICO_STARTUP_LOGLEVEL=error"}, env...), "apply", "--ipv4-pool-nat-outgoing=false", "--on-drift=fail")
	assert.Equal(t, 3, r.code)
	assert.Contains(t, r.stdout, "\n2 warnings are not shown; ", "the differences are errors")
}

// A run that fails has no result: the error has the number of hidden warnings.
func TestHiddenWarningsOfAFailure(t *testing.T) {
	t.Parallel()
	const line = "2 warnings are not shown; set --log-level warning or run calico-bootstrap plan"
	env := append([]string{"ETCD_ENDPOINTS=http://127.0.0.1:1", "CALICO_STARTUP_LOGLEVEL=error"}, warned...)
	for _, verb := range []string{"apply", "plan"} {
		r := call(t, env, verb, "--timeout", "500ms")
		assert.Equal(t, 4, r.code)
		assert.True(t, strings.HasPrefix(r.stderr, "note: "+line+"\nerror: "), r.stderr)
		assert.Equal(t, 2, strings.Count(r.stderr, "\n"), r.stderr)
		r = call(t, env, verb, "--timeout", "500ms", "--log-format", "json")
		assert.Contains(t, r.stderr, `"level":"ERROR","msg":"`+line+`"`)
		r = call(t, env, verb, "--timeout", "500ms", "--log-level", "warning")
		assert.NotContains(t, r.stderr, "not shown")
		r = call(t, env, verb, "--ipv4-pool-block-size", "x")
		assert.Equal(t, 2, r.code)
		assert.True(t, strings.HasPrefix(r.stderr, "note: "+line+"\nerror: "), r.stderr)
	}
}

// apply shows what plan shows of an existing pool: that it is disabled, and the block size
// that applies where none is stored.
func TestApplyShowsWhatPlanShows(t *testing.T) {
	t.Parallel()
	world := newEtcdWorld(t)
	_, err := world.admin.Put(t.Context(), "/calico/resources/v3/projectcalico.org/ippools/old",
		`{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"old"},"spec":{"cidr":"10.9.0.0/16","disabled":true}}`)
	require.NoError(t, err)
	env := []string{"ETCD_ENDPOINTS=" + world.server.Endpoints()[0], "CALICO_IPV6POOL_CIDR=none", "CALICO_IPV4POOL_NAME=old", "CALICO_IPPOOLS_PREFLIGHT=warn"}
	r := call(t, env, "plan")
	assert.Regexp(t, `(?m)^  disabled +true +datastore$`, r.stdout)
	assert.Regexp(t, `(?m)^  blockSize +26 \(default\) +datastore$`, r.stdout)
	r = call(t, env, "apply")
	assert.Zero(t, r.code, r.stderr)
	assert.Regexp(t, `(?m)^old +IPv4 +unchanged +10\.9\.0\.0/16 +false +Never +Never +/26 +true +exists`, r.stdout)
}

// On a new machine, config shows the settings, and warns that no datastore is configured.
func TestConfigOfANewMachine(t *testing.T) {
	t.Parallel()
	r := call(t, nil, "config")
	assert.Zero(t, r.code, r.stderr)
	assert.Contains(t, r.stdout, "--ipv4-pool-cidr")
	assert.Contains(t, r.stderr, "level=WARN msg=\"no datastore is configured: no kubeconfig (--kubeconfig or KUBECONFIG, or ~/.kube/config)")
	assert.NotContains(t, r.stderr, "error: ")
	for _, args := range [][]string{{"config", "--strict"}, {"config", "--k8s-ca-file", "/ca.pem"}, {"plan"}, {"apply"}, {"firewall"}} {
		r := call(t, nil, args...)
		assert.Equal(t, 2, r.code, "%v: %s", args, r.stderr)
		assert.Contains(t, r.stderr, "error: ", args)
	}
	r = call(t, nil, "config", "--k8s-client-qps", "0")
	assert.Equal(t, 2, r.code, "other faults remain")
	assert.Contains(t, r.stderr, "error: flag --k8s-client-qps")
}

// render says nothing of a pool that the settings ask not to have.
func TestRenderOfNone(t *testing.T) {
	t.Parallel()
	for _, none := range []string{"CALICO_IPV6POOL_CIDR=none", "CALICO_IPV6POOL_CIDR=None", "FELIX_IPV6SUPPORT=false"} {
		r := call(t, []string{"CALICO_IPV4POOL_CIDR=10.244.0.0/16", none}, "render")
		assert.Zero(t, r.code)
		assert.Empty(t, r.stderr, none)
		assert.Equal(t, 1, strings.Count(r.stdout, "kind: IPPool"))
	}
	r := call(t, []string{"NO_DEFAULT_POOLS=true"}, "render")
	assert.Zero(t, r.code)
	assert.Empty(t, r.stdout+r.stderr)
}
