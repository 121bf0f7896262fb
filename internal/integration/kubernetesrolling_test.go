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

// TestKubernetesRollingRestart has boots one after the other while two API servers
// behind a load balancer, which asks them whether they are ready, are restarted in
// turn, as an upgrade of a control plane does: no boot fails, and hardly one has to
// wait.
func TestKubernetesRollingRestart(t *testing.T) {
	t.Parallel()
	first := kubetest.Start(t)
	second := first.Beside(t)
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

	const enough = 20 // however fast the servers were
	over := make(chan struct{})
	boots, waited := 0, 0
	var group sync.WaitGroup
	finish := sync.OnceFunc(func() { close(over); group.Wait() })
	defer finish() // also if a server doesn't come back
	group.Go(func() {
		for restarting := true; restarting || boots < enough; boots++ {
			select {
			case <-over:
				restarting = false
			case <-time.After(step):
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
				waited++
			}
		}
	})
	for _, server := range []*kubetest.Server{first, second} {
		server.Restart(t)
	}
	finish()
	t.Logf("%d boots, of which %d waited", boots, waited)
	assert.Less(t, waited, 5)
	assert.Equal(t, defaultNames, names(world.Pools(t)))
}
