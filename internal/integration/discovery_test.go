package integration

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/etcdv3"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/faultproxy"
)

// The tests in this file share the process's resolver: none runs beside another.

const (
	plainService   = "_etcd-client._tcp." + etcdtest.Domain
	securedService = "_etcd-client-ssl._tcp." + etcdtest.Domain
)

func TestDiscovery(t *testing.T) {
	// Whom the run has to have tried before etcd answers; nil: nobody.
	var before atomic.Pointer[faultproxy.TCP]
	world := newEtcdWorld(t, etcdtest.WithUnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		for p := before.Load(); p != nil && p.Connections() == 0 && ctx.Err() == nil; {
			time.Sleep(step)
		}
		return handler(ctx, req)
	}))
	config := etcdv3.Config{DiscoverySRV: etcdtest.Domain}
	gone := etcdtest.Start(t)
	gone.Stop()
	resets := faultproxy.NewTCP(t, "").Then(faultproxy.Manner{Reset: true})
	silent := faultproxy.NewTCP(t, "").Then(faultproxy.Manner{Silent: true})
	second := world.server.SRV()
	second.Priority = 2
	for name, first := range map[string]struct {
		target net.SRV
		before *faultproxy.TCP
	}{
		"refuses": {gone.SRV(), nil}, "resets": {targetAt(t, resets), resets}, "says nothing": {targetAt(t, silent), silent},
	} {
		t.Run("a dead target first, which "+name, func(t *testing.T) {
			world.empty(t)
			etcdtest.SRV(t, map[string][]net.SRV{plainService: {first.target, second}})
			logs := newLogCounter()
			before.Store(first.before)
			_, err := runOn(t, config, dual(patient()), bootstrap.WithLogger(logs.logger()))
			before.Store(nil)
			require.NoError(t, err)
			assert.Equal(t, bothPools, described(world.Pools(t)))
			assert.Zero(t, logs.count("waiting for the datastore"), "nobody notices")
		})
	}
	t.Run("no records", func(t *testing.T) {
		etcdtest.SRV(t, nil)
		_, err := runOn(t, config, quick())
		require.ErrorIs(t, err, datastore.ErrUnreachable)
		assert.ErrorContains(t, err, "_etcd-client-ssl._tcp")
		assert.ErrorContains(t, err, etcdtest.Domain)
	})
	t.Run("DNS comes back", func(t *testing.T) {
		world.empty(t)
		dns := etcdtest.SRV(t, map[string][]net.SRV{plainService: {second}}, etcdtest.FailAtFirst())
		time.AfterFunc(time.Second, dns.Answer)
		logs := newLogCounter()
		_, err := runOn(t, config, dual(patient()), bootstrap.WithLogger(logs.logger()))
		require.NoError(t, err)
		assert.Equal(t, bothPools, described(world.Pools(t)))
		assert.Positive(t, logs.count("waiting for the datastore"))
	})
}

// targetAt is a record that leads to a proxy.
func targetAt(t *testing.T, proxy *faultproxy.TCP) net.SRV {
	t.Helper()
	address, err := netip.ParseAddrPort(proxy.Address())
	require.NoError(t, err)
	return net.SRV{Target: "dead." + etcdtest.Domain + ".", Port: address.Port(), Priority: 1}
}

func TestHostNameIsUnknown(t *testing.T) {
	etcdtest.SRV(t, nil) // no name exists but those of the test domain
	fault{kind: datastore.ErrUnreachable, passes: true, message: []string{"no such host", "this host's DNS"}}.
		check(t, etcdv3.Config{Endpoints: []string{"http://etcd.nowhere.test:2379"}})
}

// TestHostNameComes has a name server that fails when a run begins, and knows the
// host a second later.
func TestHostNameComes(t *testing.T) {
	host := "m0." + etcdtest.Domain
	named := func(t *testing.T, address string) string {
		t.Helper()
		at, err := netip.ParseAddrPort(address)
		require.NoError(t, err)
		return net.JoinHostPort(host, strconv.Itoa(int(at.Port())))
	}
	comes := func(t *testing.T) {
		t.Helper()
		time.AfterFunc(time.Second, etcdtest.SRV(t, nil, etcdtest.FailAtFirst()).Answer)
	}
	t.Run("etcd", func(t *testing.T) {
		world := newEtcdWorld(t)
		endpoint, _ := strings.CutPrefix(world.server.Endpoints()[0], "http://")
		comes(t)
		logs := newLogCounter()
		_, err := runOn(t, etcdv3.Config{Endpoints: []string{"http://" + named(t, endpoint)}}, dual(patient()), bootstrap.WithLogger(logs.logger()))
		require.NoError(t, err)
		assert.Equal(t, bothPools, described(world.Pools(t)))
		assert.Equal(t, 1, logs.count("waiting for the datastore"), "one line as long as the cause is the same")
	})
	t.Run("Kubernetes", func(t *testing.T) {
		world := newSteadyWorld(t)
		world.empty(t)
		config := world.server.AdminConfig()
		config.Host, config.ServerName = "https://"+named(t, world.server.Address()), "127.0.0.1" // as the certificate has it
		comes(t)
		_, causes, err := onKubernetes(t, kubernetes.Config{REST: config}, dual(patient()))
		require.NoError(t, err)
		assert.Equal(t, bothPools, world.poolsOf(t))
		require.Len(t, causes, 1)
		assert.Contains(t, causes[0], "lookup "+host)
		assert.Contains(t, causes[0], "this host's DNS")
	})
	t.Run("Kubernetes, never", func(t *testing.T) {
		world := newSteadyWorld(t)
		etcdtest.SRV(t, nil)
		config := world.server.AdminConfig()
		config.Host = "https://api.nowhere.test:6443"
		_, causes, err := onKubernetes(t, kubernetes.Config{REST: config}, lasting("1s"))
		require.ErrorIs(t, err, bootstrap.ErrTimedOut)
		require.ErrorIs(t, err, datastore.ErrUnreachable)
		assert.ErrorContains(t, err, "no such host")
		assert.Len(t, causes, 1)
	})
}

// TestDiscoveryKeepsTLS has DNS know the plain members only: with TLS configured
// they get no password, nor where DNS fails when it is asked for the others.
func TestDiscoveryKeepsTLS(t *testing.T) {
	plain := etcdtest.Start(t)
	records := map[string][]net.SRV{plainService: {plain.SRV()}}
	config := etcdv3.Config{DiscoverySRV: etcdtest.Domain, Username: etcdtest.CalicoUser, Password: password}
	t.Run("TLS is configured", func(t *testing.T) {
		etcdtest.SRV(t, records)
		config := config
		config.TLS = &tls.Config{}
		_, err := runOn(t, config, quick())
		require.ErrorIs(t, err, datastore.ErrUnreachable)
	})
	t.Run("DNS fails", func(t *testing.T) {
		etcdtest.SRV(t, records, etcdtest.FailOn(securedService))
		_, err := runOn(t, config, quick())
		require.ErrorIs(t, err, datastore.ErrUnreachable)
		assert.ErrorContains(t, err, securedService)
	})
	assert.Empty(t, plain.RPCs())
}

func TestDiscoveryPrefersTLS(t *testing.T) {
	server := etcdtest.Start(t, etcdtest.WithServerTLS())
	plain := etcdtest.Start(t)
	etcdtest.SRV(t, map[string][]net.SRV{
		securedService: {server.SRV()},
		plainService:   {plain.SRV()},
	})
	_, err := runOn(t, etcdv3.Config{DiscoverySRV: etcdtest.Domain, TLS: server.PKI().TLS(t, nil)}, patient())
	require.NoError(t, err)
	assert.Equal(t, 1, server.Count("Txn"))
	assert.Zero(t, plain.Count("Txn"))
}
