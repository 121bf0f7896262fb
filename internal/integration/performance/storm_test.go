package performance

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/etcdv3"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
)

// BenchmarkStorm does a thousand concurrent runs, each with its own connections. They are
// in one process, so that they start at the same time. It measures the servers, which
// share the machine with the clients.
func BenchmarkStorm(b *testing.B) {
	const nodes = 1000
	for b.Loop() {
		t := newTable("storm", "datastore", "runs", "errors", "requests per node", "time until the last run ends", "server CPU time per node", "pools afterwards")
		for _, s := range openSites(b) {
			for _, kind := range []string{"create pools", "pools exist"} {
				s.settle(b)
				before := s.requests(b)
				apiserver, etcd := s.server.CPUTime(b)
				errors, took := s.storm(b, nodes)
				apiserverAfter, etcdAfter := s.server.CPUTime(b)
				used := apiserverAfter - apiserver + etcdAfter - etcd
				requests := float64(s.requests(b)-before) / nodes
				t.row(s.name, kind, errors, requests, took, used/nodes, s.count(b))
				assert.Zero(b, errors)
				assert.Equal(b, 2, s.count(b))
			}
		}
		t.publish(b)
	}
}

// storm returns the number of failed runs and the time until the last was done.
func (s *site) storm(b *testing.B, nodes int) (errors int, took time.Duration) {
	b.Helper()
	var requested settings.Settings
	requested.IPv4.CIDR = settings.Given("10.244.0.0/16", origin.Caller("benchmark"))
	requested.IPv6.CIDR = settings.Given("fd00:10:244::/64", origin.Caller("benchmark"))
	var (
		gate  = make(chan struct{})
		group sync.WaitGroup
		mu    sync.Mutex
	)
	for range nodes {
		group.Go(func() {
			store := s.node(b)
			<-gate
			_, err := bootstrap.New(store).Run(b.Context(), requested)
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				errors++
				b.Log(err)
			}
			assert.NoError(b, store.Close())
		})
	}
	begin := time.Now()
	close(gate)
	group.Wait()
	return errors, time.Since(begin)
}

// A store is a datastore that must be closed.
type store interface {
	datastore.Datastore
	Close() error
}

// node opens the datastore with its own connection, like a node.
func (s *site) node(b *testing.B) store {
	if s.config == nil {
		opened, err := etcdv3.Open(etcdv3.Config{Endpoints: []string{s.server.EtcdEndpoint()}})
		assert.NoError(b, err)
		return opened
	}
	config := rest.CopyConfig(s.config)
	// Without Dial, client-go shares one connection between clients with equal configs.
	config.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	opened, err := kubernetes.Open(kubernetes.Config{REST: config})
	assert.NoError(b, err)
	return opened
}

// requests returns the number of answered requests so far: of all clients on etcd, of
// AdminUser on the API server.
func (s *site) requests(b *testing.B) int {
	b.Helper()
	if s.config != nil {
		return len(s.server.Audit(b, kubetest.AdminUser))
	}
	answer, err := http.Get(s.server.EtcdEndpoint() + "/metrics")
	require.NoError(b, err)
	defer answer.Body.Close()
	total := 0.0
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		line := lines.Text()
		if strings.HasPrefix(line, "grpc_server_handled_total{") && strings.Contains(line, `grpc_service="etcdserverpb.KV"`) {
			value, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
			require.NoError(b, err)
			total += value
		}
	}
	return int(total)
}
