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

// The tests in this file replace the process's resolver, so none of them is parallel.

const (
	plainService   = "_etcd-client._tcp." + etcdtest.Domain
	securedService = "_etcd-client-ssl._tcp." + etcdtest.Domain
)

func TestDiscovery(t *testing.T) {
	// etcd answers only after the client has connected to this proxy, unless it is nil.
	var before atomic.Pointer[faultproxy.TCP]
	world := newEtcdWorld(t, etcdtest.WithUnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		for p := before.Load(); p != nil && p.Connections() == 0 && ctx.Err() == nil; {
			time.Sleep(pollInterval)
		}
		return handler(ctx, req)
	}))
	config := etcdv3.Config{DiscoverySRV: etcdtest.Domain}
	gone := etcdtest.Start(t)
	gone.Stop()
	resets := faultproxy.NewTCP(t, "").Then(faultproxy.Behavior{Reset: true})
	silent := faultproxy.NewTCP(t, "").Then(faultproxy.Behavior{Silent: true})
	second := world.server.SRV()
	second.Priority = 2
	for name, first := range map[string]struct {
		target net.SRV
		before *faultproxy.TCP
	}{
		"refuses": {gone.SRV(), nil}, "resets": {targetAt(t, resets), resets}, "does not answer": {targetAt(t, silent), silent},
	} {
		t.Run("the first target "+name, func(t *testing.T) {
			world.empty(t)
			etcdtest.SRV(t, map[string][]net.SRV{plainService: {first.target, second}})
			logs := newLogCounter()
			before.Store(first.before)
			_, err := runOn(t, config, dual(patient()), bootstrap.WithLogger(logs.logger()))
			before.Store(nil)
			require.NoError(t, err)
			assert.Equal(t, bothPools, described(world.Pools(t)))
			assert.Zero(t, logs.count("waiting for the datastore"), "no retry")
		})
	}
	t.Run("no records", func(t *testing.T) {
		etcdtest.SRV(t, nil)
		_, err := runOn(t, config, quick())
		require.ErrorIs(t, err, datastore.ErrUnreachable)
		assert.ErrorContains(t, err, "_etcd-client-ssl._tcp")
		assert.ErrorContains(t, err, etcdtest.Domain)
	})
	t.Run("DNS recovers", func(t *testing.T) {
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

// targetAt returns an SRV record that points to a proxy.
func targetAt(t *testing.T, proxy *faultproxy.TCP) net.SRV {
	t.Helper()
	address, err := netip.ParseAddrPort(proxy.Address())
	require.NoError(t, err)
	return net.SRV{Target: "dead." + etcdtest.Domain + ".", Port: address.Port(), Priority: 1}
}

func TestHostNameIsUnknown(t *testing.T) {
	etcdtest.SRV(t, nil) // only names in the test domain exist
	fault{kind: datastore.ErrUnreachable, retryable: true, message: []string{"no such host", "this host's DNS"}}.
		check(t, etcdv3.Config{Endpoints: []string{"http://etcd.nowhere.test:2379"}})
}

// TestHostNameResolvesLater uses a DNS server that fails at first and resolves the
// host name a second later.
func TestHostNameResolvesLater(t *testing.T) {
	host := "m0." + etcdtest.Domain
	named := func(t *testing.T, address string) string {
		t.Helper()
		at, err := netip.ParseAddrPort(address)
		require.NoError(t, err)
		return net.JoinHostPort(host, strconv.Itoa(int(at.Port())))
	}
	recoverLater := func(t *testing.T) {
		t.Helper()
		time.AfterFunc(time.Second, etcdtest.SRV(t, nil, etcdtest.FailAtFirst()).Answer)
	}
	t.Run("etcd", func(t *testing.T) {
		world := newEtcdWorld(t)
		endpoint, _ := strings.CutPrefix(world.server.Endpoints()[0], "http://")
		recoverLater(t)
		logs := newLogCounter()
		_, err := runOn(t, etcdv3.Config{Endpoints: []string{"http://" + named(t, endpoint)}}, dual(patient()), bootstrap.WithLogger(logs.logger()))
		require.NoError(t, err)
		assert.Equal(t, bothPools, described(world.Pools(t)))
		assert.Equal(t, 1, logs.count("waiting for the datastore"), "logged once for the same cause")
	})
	t.Run("Kubernetes", func(t *testing.T) {
		world := newSteadyWorld(t)
		world.empty(t)
		config := world.server.AdminConfig()
		config.Host, config.ServerName = "https://"+named(t, world.server.Address()), "127.0.0.1" // as the certificate has it
		recoverLater(t)
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

// TestDiscoveryKeepsTLS has SRV records only for members without TLS. They never
// receive the password if TLS is configured or if the lookup of members with TLS
// fails.
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
	assert.Positive(t, server.Count("Txn"))
	assert.Zero(t, plain.Count("Txn"))
}
