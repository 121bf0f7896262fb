package integration

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/faultproxy"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/suite"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// causeLog records the causes of retries that a run logs, and its warnings.
type causeLog struct {
	mu               sync.Mutex
	causes, warnings []string
}

func (l *causeLog) Enabled(context.Context, slog.Level) bool { return true }
func (l *causeLog) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *causeLog) WithGroup(string) slog.Handler            { return l }

func (l *causeLog) Handle(_ context.Context, record slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if record.Message != "waiting for the datastore" {
		if record.Level >= slog.LevelWarn {
			l.warnings = append(l.warnings, record.Message)
		}
		return nil
	}
	record.Attrs(func(attr slog.Attr) bool {
		if attr.Key == "cause" {
			l.causes = append(l.causes, attr.Value.String())
		}
		return true
	})
	return nil
}

func (l *causeLog) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.causes)
}

// onKubernetes does a run and returns the logged causes of its retries. It checks that
// no two causes in a row are the same and that each is one line of a readable length.
func onKubernetes(t *testing.T, config kubernetes.Config, settings settings.Settings, options ...bootstrap.Option) (bootstrap.Report, []string, error) {
	t.Helper()
	var logs causeLog
	options = append([]bootstrap.Option{bootstrap.WithHost(suite.Host{}), bootstrap.WithLogger(slog.New(&logs))}, options...)
	report, err := bootstrap.New(openKubernetes(t, config), options...).Run(t.Context(), settings)
	return report, logs.checked(t), err
}

// planOnKubernetes is onKubernetes for a plan.
func planOnKubernetes(t *testing.T, config kubernetes.Config, settings settings.Settings) (*bootstrap.Plan, []string, error) {
	t.Helper()
	var logs causeLog
	planned, err := bootstrap.New(openKubernetes(t, config), bootstrap.WithHost(suite.Host{}), bootstrap.WithLogger(slog.New(&logs))).Plan(t.Context(), settings)
	return planned, logs.checked(t), err
}

// checked returns the causes after the checks of onKubernetes.
func (l *causeLog) checked(t *testing.T) []string {
	t.Helper()
	causes := l.all()
	assert.Len(t, slices.Compact(slices.Clone(causes)), len(causes), "%q", causes)
	for _, cause := range causes {
		assert.NotContains(t, cause, "\n")
		assert.Less(t, len(cause), 700, cause)
	}
	return causes
}

// newSteadyWorld is like newKubernetesWorld, but keeps the CRDs that are installed,
// which saves seconds. The other group's CRDs may be installed, too.
func newSteadyWorld(t *testing.T) *kubernetesWorld {
	t.Helper()
	server := kubetest.Shared(t)
	server.InstallCRDs(t, ippool.CRDV1)
	return &kubernetesWorld{server: server, group: ippool.CRDV1, config: server.AdminConfig()}
}

// dual sets the CIDR of the IPv6 pool; the CIDR of the IPv4 pool is the cluster's or
// the default.
func dual(s settings.Settings) settings.Settings {
	s.IPv6.CIDR = settings.Given("fd00:10:244::/64", origin.Caller("test"))
	return s
}

// poolsOf returns the names and CIDRs of the stored pools.
func (w *kubernetesWorld) poolsOf(t *testing.T) []string {
	t.Helper()
	return described(w.Pools(t))
}

// described returns the names and CIDRs of pools.
func described(pools []v3.IPPool) []string {
	var all []string
	for _, pool := range pools {
		all = append(all, pool.Name+" "+pool.Spec.CIDR)
	}
	return all
}

var bothPools = []string{"default-ipv4-ippool 192.168.0.0/16", "default-ipv6-ippool fd00:10:244::/64"}

// requestOfRun is a kind of request and the number of different causes that two faults
// may have: if a create succeeded on the server, the second fault hits the create of
// the other pool. The ConfigMaps of kubeadm and kube-proxy are read at the same time, so
// it may hit the other one.
type requestOfRun struct {
	name   string
	which  faultproxy.Requests
	causes int
}

// requestsOfRun are the requests that a run requires.
var requestsOfRun = []requestOfRun{
	{"pools", faultproxy.Pools, 1},
	{"blocks", faultproxy.Blocks, 1},
	{"config maps", faultproxy.ConfigMaps, 2},
	{"create", faultproxy.Creates, 2},
}

// requestsOfSurvey are the requests that a run does not require. It still retries
// retryable errors of theirs.
var requestsOfSurvey = []requestOfRun{
	{"nodes", faultproxy.Nodes, 1},
	{"Service CIDRs", faultproxy.Services, 1},
}

// TestKubernetesRetryableErrors has each request of a run fail twice, with each
// retryable error: twice, to check that the same cause is logged once.
func TestKubernetesRetryableErrors(t *testing.T) {
	t.Parallel()
	world := newSteadyWorld(t)
	html := http.Header{"Content-Type": {"text/html"}}
	for _, tt := range []struct {
		name    string
		fault   faultproxy.Fault
		message string // in the cause
		some    bool   // only the first kind of request, to save time
	}{
		{"429", faultproxy.Status(http.StatusTooManyRequests, 0, "slow down"), "slow down", false},
		{"500", faultproxy.Status(http.StatusInternalServerError, 0, "etcdserver: leader changed"), "etcdserver: leader changed", false},
		{"503", faultproxy.Status(http.StatusServiceUnavailable, 0, "storage is (re)initializing"), "storage is (re)initializing", false},
		{"504", faultproxy.Status(http.StatusGatewayTimeout, 0, "request timed out"), "request timed out", false},
		{"text", faultproxy.Answer(http.StatusTooManyRequests, http.Header{"Content-Type": {"text/plain"}}, "Too many requests, please try again later.\n"), "too many requests", true},
		{"page of a load balancer", faultproxy.Page(http.StatusBadGateway), "502", false},
		{"page of another", faultproxy.Page(http.StatusServiceUnavailable), "503", true},
		{"empty page", faultproxy.Answer(http.StatusServiceUnavailable, html, ""), "unable to handle the request", true},
		{"cut", faultproxy.Cut, "closed the connection", false},
		{"cut in the body", faultproxy.CutInBody, "closed the connection", false},
		{"done, then 500", faultproxy.After(faultproxy.Status(http.StatusInternalServerError, 0, "etcdserver: request timed out")), "etcdserver", false},
		{"done, then a page", faultproxy.After(faultproxy.Page(http.StatusBadGateway)), "502", false},
		{"done, then cut", faultproxy.After(faultproxy.Cut), "closed the connection", false},
	} {
		for i, request := range slices.Concat(requestsOfRun, requestsOfSurvey) {
			if tt.some && i > 0 {
				continue
			}
			t.Run(tt.name+"/"+request.name, func(t *testing.T) {
				world.empty(t)
				proxy := faultproxy.NewHTTP(t, world.config)
				proxy.Inject(request.which, 2, tt.fault)
				report, causes, err := onKubernetes(t, kubernetes.Config{REST: proxy.Config()}, dual(patient()))
				require.NoError(t, err)
				assert.Len(t, report.Pools, 2)
				assert.Equal(t, bothPools, world.poolsOf(t))
				assert.Zero(t, proxy.Left())
				require.NotEmpty(t, causes)
				assert.LessOrEqual(t, len(causes), request.causes, "%q", causes)
				for _, cause := range causes {
					assert.Contains(t, cause, tt.message)
					assert.Contains(t, cause, proxy.URL())
				}
			})
		}
	}
}

// TestKubernetesCutsInHTTP1 cuts connections in ways that only HTTP/1.1 has.
func TestKubernetesCutsInHTTP1(t *testing.T) {
	t.Parallel()
	world := newSteadyWorld(t)
	for name, fault := range map[string]faultproxy.Fault{
		"cut": faultproxy.Cut, "in the header": faultproxy.CutInHeader, "in the body": faultproxy.CutInBody, "done, then cut": faultproxy.After(faultproxy.Cut),
	} {
		for _, request := range requestsOfRun {
			t.Run(name+"/"+request.name, func(t *testing.T) {
				world.empty(t)
				proxy := faultproxy.NewHTTP(t, world.config, faultproxy.WithHTTP1())
				proxy.Inject(request.which, 2, fault)
				_, causes, err := onKubernetes(t, kubernetes.Config{REST: proxy.Config()}, dual(patient()))
				require.NoError(t, err)
				assert.Equal(t, bothPools, world.poolsOf(t))
				// net/http itself retries on a reused connection.
				assert.LessOrEqual(t, len(causes), request.causes, "%q", causes)
				for _, cause := range causes {
					assert.Contains(t, cause, "closed the connection")
				}
			})
		}
	}
}

// TestKubernetesRetryAfter has the API server set Retry-After in the header, in the
// status details, or in both.
func TestKubernetesRetryAfter(t *testing.T) {
	world := newSteadyWorld(t)
	world.empty(t)
	header := http.Header{"Retry-After": {"1"}, "Content-Type": {"application/json"}}
	const status = `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"slow down","reason":"TooManyRequests","code":429%s}`
	text := http.Header{"Retry-After": {"1"}, "Content-Type": {"text/plain"}}
	for name, fault := range map[string]faultproxy.Fault{
		"both":            faultproxy.Status(http.StatusTooManyRequests, 1, "slow down"),
		"header":          faultproxy.Answer(http.StatusTooManyRequests, header, fmt.Sprintf(status, "")),
		"header of a 503": faultproxy.Answer(http.StatusServiceUnavailable, text, "The apiserver is shutting down."),
		"details": faultproxy.Answer(http.StatusTooManyRequests, http.Header{"Content-Type": {"application/json"}},
			fmt.Sprintf(status, `,"details":{"retryAfterSeconds":1}`)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // nothing is written
			proxy := faultproxy.NewHTTP(t, world.config)
			proxy.Inject(faultproxy.Blocks, 1, fault)
			begin := time.Now()
			_, causes, err := planOnKubernetes(t, kubernetes.Config{REST: proxy.Config()}, dual(patient()))
			require.NoError(t, err)
			assert.GreaterOrEqual(t, time.Since(begin), time.Second)
			assert.NotEmpty(t, causes)
		})
	}
	t.Run("longer than the timeout", func(t *testing.T) {
		t.Parallel()
		proxy := faultproxy.NewHTTP(t, world.config)
		proxy.Inject(faultproxy.Pools, faultproxy.Always, faultproxy.Status(http.StatusTooManyRequests, 30, "slow down"))
		_, _, err := onKubernetes(t, kubernetes.Config{REST: proxy.Config()}, lasting("500ms"))
		require.ErrorIs(t, err, bootstrap.ErrTimedOut)
		require.ErrorIs(t, err, datastore.ErrUnreachable)
		assert.ErrorContains(t, err, "slow down")
		assert.Len(t, proxy.Requests(), 1)
	})
}

// lasting returns settings with a timeout.
func lasting(limit string) settings.Settings {
	return settings.Settings{Timeout: settings.Given(limit, origin.Caller("test"))}
}

// TestKubernetesSlowAnswers delays answers until after the request timeout, or
// forever.
func TestKubernetesSlowAnswers(t *testing.T) {
	t.Parallel()
	world := newSteadyWorld(t)
	const limit = 200 * time.Millisecond
	for name, fault := range map[string]faultproxy.Fault{
		"slow": faultproxy.Delay(2 * limit), "done, then slow": faultproxy.DelayAnswer(2 * limit), "hanging": faultproxy.Hang,
	} {
		for _, request := range requestsOfRun {
			t.Run(name+"/"+request.name, func(t *testing.T) {
				world.empty(t)
				proxy := faultproxy.NewHTTP(t, world.config)
				proxy.Inject(request.which, 1, fault)
				_, causes, err := onKubernetes(t, kubernetes.Config{REST: proxy.Config(), RequestTimeout: limit}, dual(patient()))
				require.NoError(t, err)
				assert.Equal(t, bothPools, world.poolsOf(t))
				require.NotEmpty(t, causes)
				for _, cause := range causes {
					assert.Contains(t, cause, "no response in time")
				}
			})
		}
	}
	t.Run("slow, within the timeout", func(t *testing.T) {
		world.empty(t)
		proxy := faultproxy.NewHTTP(t, world.config)
		proxy.Inject(faultproxy.All, faultproxy.Always, faultproxy.Delay(2*time.Second)) // as TestEtcdIsSlow
		_, causes, err := onKubernetes(t, kubernetes.Config{REST: proxy.Config()}, dual(patient()))
		require.NoError(t, err)
		assert.Empty(t, causes)
		assert.Equal(t, bothPools, world.poolsOf(t))
	})
	t.Run("connections hang", func(t *testing.T) {
		world.empty(t)
		proxy := faultproxy.NewTCP(t, world.server.Address(), faultproxy.Behavior{Silent: true}, faultproxy.Behavior{Silent: true})
		config := world.server.AdminConfig()
		config.Host = "https://" + proxy.Address()
		_, causes, err := onKubernetes(t, kubernetes.Config{REST: config, RequestTimeout: limit}, dual(patient()))
		require.NoError(t, err)
		assert.Equal(t, bothPools, world.poolsOf(t))
		assert.NotEmpty(t, causes)
	})
	t.Run("connections are reset", func(t *testing.T) {
		world.empty(t)
		proxy := faultproxy.NewTCP(t, world.server.Address(), slices.Repeat([]faultproxy.Behavior{{Reset: true}}, 3)...)
		config := world.server.AdminConfig()
		config.Host = "https://" + proxy.Address()
		_, causes, err := onKubernetes(t, kubernetes.Config{REST: config}, dual(patient()))
		require.NoError(t, err)
		// The error may occur when reading or when writing, in each attempt.
		assert.LessOrEqual(t, len(causes), 3)
		assert.NotContains(t, strings.Join(causes, ""), "->", "a port would make the same cause look different each time")
	})
}
