package performance

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"slices"
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

// BenchmarkStorm does up to a thousand concurrent runs, each with its own connections. They
// are in one process, so that they start at the same time. It measures the servers, which
// share the machine with the clients. Every storm is repeated, as it is a matter of chance how
// many runs find no pools.
func BenchmarkStorm(b *testing.B) {
	const storms = 10
	for b.Loop() {
		t := newTable("storm", "datastore", "nodes", "run", "errors", "requests per node", "worst",
			"time until the last run ends", "worst", "server CPU time per node", "pools afterwards")
		p := newPicture("storm", "nodes", "requests per node", "time until the last run ends (s)", "server CPU time per node (ms)")
		for _, s := range openSites(b) {
			for _, nodes := range []int{1, 100, 500, 1000} {
				var results [len(runKinds)][]storm
				for range storms {
					s.removePools(b)
					for kind := range runKinds {
						results[kind] = append(results[kind], s.storm(b, nodes))
						assert.Equal(b, 2, s.count(b))
						s.settle(b)
					}
				}
				for kind, name := range runKinds {
					all := summarize(results[kind])
					assert.Zero(b, all.errors)
					t.row(s.name, nodes, name, all.errors, all.requests, all.mostRequests, all.took, all.longest, all.used, s.count(b))
					p.add(s, kind, nodes, all.mostRequests, all.longest.Seconds(), milliseconds(all.used))
				}
			}
		}
		t.publish(b)
		p.publish(b)
	}
}

// A storm is the result of concurrent runs.
type storm struct {
	errors   int           // failed runs
	requests float64       // for each run
	took     time.Duration // until the last run was done
	used     time.Duration // the servers' CPU time, for each run
}

// A summary is that of several storms.
type summary struct {
	storm        // medians; the sum of the errors, and the mean of the CPU time, as its resolution is 10 ms
	mostRequests float64
	longest      time.Duration
}

func summarize(storms []storm) summary {
	var all summary
	var requests []float64
	var took []time.Duration
	for _, one := range storms {
		all.errors += one.errors
		all.used += one.used / time.Duration(len(storms))
		requests, took = append(requests, one.requests), append(took, one.took)
	}
	slices.Sort(requests)
	slices.Sort(took)
	all.requests, all.took = requests[len(requests)/2], took[len(took)/2]
	all.mostRequests, all.longest = requests[len(requests)-1], took[len(took)-1]
	return all
}

func TestSummarize(t *testing.T) {
	all := summarize([]storm{
		{errors: 1, requests: 9, took: 2 * time.Second, used: 30 * time.Millisecond},
		{requests: 1.5, took: 7 * time.Second},
		{errors: 2, requests: 4, took: time.Second, used: 60 * time.Millisecond},
	})
	assert.Equal(t, summary{
		storm:        storm{errors: 3, requests: 4, took: 2 * time.Second, used: 30 * time.Millisecond},
		mostRequests: 9, longest: 7 * time.Second,
	}, all)
}

// storm does concurrent runs.
func (s *site) storm(b *testing.B, nodes int) storm {
	b.Helper()
	requests := s.requests(b)
	apiserver, etcd := s.server.CPUTime(b)
	errors, took := s.runs(b, nodes)
	apiserverAfter, etcdAfter := s.server.CPUTime(b)
	return storm{
		errors: errors, took: took,
		requests: float64(s.requests(b)-requests) / float64(nodes),
		used:     (apiserverAfter - apiserver + etcdAfter - etcd) / time.Duration(nodes),
	}
}

// runs returns the number of failed runs and the time until the last was done.
func (s *site) runs(b *testing.B, nodes int) (errors int, took time.Duration) {
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
