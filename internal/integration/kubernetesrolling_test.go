package integration

import (
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/faultproxy"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/suite"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// TestKubernetesRollingRestart does one run after the other during a rolling restart of
// two API servers, as in an upgrade of the control plane. They are behind a load
// balancer that checks readiness. No run fails, and few have to retry.
func TestKubernetesRollingRestart(t *testing.T) {
	t.Parallel()
	first := kubetest.Start(t)
	second := first.StartSecond(t)
	first.InstallCRDs(t, ippool.CRDV1)
	world := &kubernetesWorld{server: first, group: ippool.CRDV1, config: first.AdminConfig()}
	balancer := faultproxy.NewTCP(t, first.Address()).Choose(func() string {
		if first.Ready() == nil {
			return first.Address()
		}
		return second.Address()
	})
	config := rest.CopyConfig(first.AdminConfig())
	config.Host = "https://" + balancer.Address()

	const minimum = 20 // even if the restarts are fast
	restarted := make(chan struct{})
	runs, retried := 0, 0
	var group sync.WaitGroup
	finish := sync.OnceFunc(func() { close(restarted); group.Wait() })
	defer finish() // also if a server does not restart
	group.Go(func() {
		for restarting := true; restarting || runs < minimum; runs++ {
			select {
			case <-restarted:
				restarting = false
			case <-time.After(pollInterval):
			}
			var logs causeLog
			store, err := kubernetes.Open(kubernetes.Config{REST: config})
			if !assert.NoError(t, err) {
				return
			}
			_, err = bootstrap.New(store, bootstrap.WithHost(suite.Host{}), bootstrap.WithLogger(slog.New(&logs))).Run(t.Context(), patient())
			assert.NoError(t, err)
			assert.NoError(t, store.Close())
			if len(logs.all()) > 0 {
				retried++
			}
		}
	})
	for _, server := range []*kubetest.Server{first, second} {
		server.Restart(t)
	}
	finish()
	t.Logf("%d runs, %d of them retried", runs, retried)
	assert.Less(t, retried, 5)
	assert.Equal(t, defaultNames, names(world.Pools(t)))
}
