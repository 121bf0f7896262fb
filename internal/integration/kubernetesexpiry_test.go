package integration

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// A token whose time is over between reading and writing ends the run, which says
// so, with nothing written.
func TestKubernetesTokenExpiresInMidRun(t *testing.T) {
	const (
		validity = -48 * time.Second // an API server grants a minute
		believed = 24 * time.Second  // and doesn't look again for ten seconds
	)
	world := newKubernetesWorld(t, ippool.CRDV1)
	newAccount(t, world.server, "mid-run")
	config := bearer(world.server, world.server.Token(t, "kube-system", "mid-run", validity))
	begin := time.Now()
	var writes atomic.Int32
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(request *http.Request) (*http.Response, error) {
			if request.Method == http.MethodPost {
				writes.Add(1)
				time.Sleep(time.Until(begin.Add(believed)))
			}
			return next.RoundTrip(request)
		})
	})
	_, _, err := onKubernetes(t, kubernetes.Config{REST: config}, patient())
	require.ErrorIs(t, err, datastore.ErrUnauthorized)
	assert.ErrorContains(t, err, "the token expired on 20")
	assert.EqualValues(t, 1, writes.Load(), "it was valid while the run read")
	assert.Empty(t, world.Pools(t))
}
