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

// TestKubernetesTokenExpiresInMidRun lets the token expire between reading and
// writing: the run fails with that cause, and nothing is written.
func TestKubernetesTokenExpiresInMidRun(t *testing.T) {
	t.Parallel()
	const (
		validity = -48 * time.Second // an API server accepts a token for another minute
		expired  = 24 * time.Second  // and caches the result for ten seconds
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
				time.Sleep(time.Until(begin.Add(expired)))
			}
			return next.RoundTrip(request)
		})
	})
	_, _, err := onKubernetes(t, kubernetes.Config{REST: config}, patient())
	require.ErrorIs(t, err, datastore.ErrUnauthorized)
	assert.ErrorContains(t, err, "the token expired on 20")
	assert.Positive(t, writes.Load(), "the token was valid during the reads")
	assert.Empty(t, world.Pools(t))
}
