package kubernetes

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/apitest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answering returns a datastore that gets this answer to every request except /readyz,
// which is answered with ok.
func answering(t *testing.T, config *rest.Config, answer apitest.Answer) *Datastore {
	t.Helper()
	return reaching(t, config, apitest.Always(answer))
}

// holding returns a datastore that gets these answers, by path. Other paths are not
// found. It is safe for concurrent use.
func holding(t *testing.T, answers apitest.Answers) *Datastore {
	t.Helper()
	return reaching(t, &rest.Config{BearerToken: "hunter2"}, apitest.ByPath(answers))
}

// reaching returns a datastore that sends its requests to this transport.
func reaching(t *testing.T, config *rest.Config, transport http.RoundTripper) *Datastore {
	t.Helper()
	config.Host, config.Transport = "https://127.0.0.1:1", transport
	store, err := Open(Config{REST: config, APIGroup: ippool.CRDV1})
	require.NoError(t, err)
	return store
}
