package integration

import (
	"flag"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/etcdv3"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/faultproxy"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/suite"
)

// everyByte cuts connections after every single byte of a run, which takes many
// minutes, instead of at about a hundred evenly spaced positions.
var everyByte = flag.Bool("every-byte", false, "cut connections after every single byte")

// cutting is a datastore that is reached through a proxy which cuts connections.
type cutting struct {
	address string
	open    func(t *testing.T, address string) datastore.Datastore
	empty   func()
	pools   func() []string // names and CIDRs
}

// cutAnywhere repeats a run and cuts its first connection after a growing number of
// bytes, in each direction. Each run succeeds with at most one retry.
func cutAnywhere(t *testing.T, c cutting, check func(t *testing.T, report bootstrap.Report)) {
	t.Helper()
	run := func(t *testing.T, behavior faultproxy.Behavior) (faultproxy.Passed, []string) {
		t.Helper()
		c.empty()
		proxy := faultproxy.NewTCP(t, c.address, behavior)
		store := c.open(t, proxy.Address())
		var logs causeLog
		begin := time.Now()
		report, err := bootstrap.New(store, bootstrap.WithHost(suite.Host{}), bootstrap.WithLogger(slog.New(&logs))).Run(t.Context(), dual(patient()))
		require.NoError(t, err)
		assert.Less(t, time.Since(begin), soon)
		check(t, report)
		assert.Equal(t, bothPools, c.pools())
		require.NoError(t, store.(interface{ Close() error }).Close())
		proxy.Close()
		return proxy.Passed(), logs.all()
	}
	uncut, causes := run(t, faultproxy.Behavior{})
	require.Empty(t, causes)
	cuts, noticed := int64(100), 0
	for direction, cut := range map[string]struct {
		bytes    int64
		behavior func(n int64) faultproxy.Behavior
	}{
		"answers":  {uncut.Answered, func(n int64) faultproxy.Behavior { return faultproxy.Behavior{CutAfter: n} }},
		"requests": {uncut.Request, func(n int64) faultproxy.Behavior { return faultproxy.Behavior{CutRequest: n} }},
	} {
		require.Greater(t, cut.bytes, cuts, "a run transfers more bytes than there are cuts")
		step := cut.bytes / cuts
		if *everyByte {
			step = 1
		}
		for n := int64(1); n < cut.bytes; n += step {
			_, causes := run(t, cut.behavior(n))
			if len(causes) > 0 {
				noticed++
			}
			assert.LessOrEqual(t, len(causes), 1, "%s cut after %d bytes: %q", direction, n, causes)
			assert.NotContains(t, strings.Join(causes, ""), "->", "a port would make the same cause look different each time")
			if t.Failed() {
				t.Fatalf("%s cut after %d of %d bytes", direction, n, cut.bytes)
			}
		}
	}
	t.Logf("%+v bytes; %d cuts caused a retry", uncut, noticed)
	assert.Greater(t, noticed, 50, "most cuts must have an effect")
}

// TestEtcdCutsAnywhere cuts connections to etcd. A run recognizes the pools that it
// created, even if it got no answer.
func TestEtcdCutsAnywhere(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]etcdtest.Option{"plain": nil, "TLS": {etcdtest.WithMutualTLS()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			world := newEtcdWorld(t, options...)
			endpoint, err := url.Parse(world.server.Endpoints()[0])
			require.NoError(t, err)
			cutAnywhere(t, cutting{
				address: endpoint.Host,
				open: func(t *testing.T, address string) datastore.Datastore {
					config := etcdv3.Config{Endpoints: []string{endpoint.Scheme + "://" + address}}
					if pki := world.server.PKI(); pki != nil {
						config.TLS = pki.TLS(t, pki.Client())
					}
					return open(t, config)
				},
				empty: func() { world.empty(t) },
				pools: func() []string { return described(world.Pools(t)) },
			}, func(t *testing.T, report bootstrap.Report) {
				for _, pool := range report.Pools {
					assert.Equal(t, plan.Created, pool.Action, "this run created it")
				}
			})
		})
	}
}

// TestKubernetesCutsAnywhere cuts the TLS connections to the API server.
func TestKubernetesCutsAnywhere(t *testing.T) {
	t.Parallel()
	world := newSteadyWorld(t)
	cutAnywhere(t, cutting{
		address: world.server.Address(),
		open: func(t *testing.T, address string) datastore.Datastore {
			config := world.server.AdminConfig()
			config.Host = "https://" + address
			return openKubernetes(t, kubernetes.Config{REST: config})
		},
		empty: func() { world.empty(t) },
		pools: func() []string { return world.poolsOf(t) },
	}, func(t *testing.T, report bootstrap.Report) { assert.Len(t, report.Pools, 2) })
}
