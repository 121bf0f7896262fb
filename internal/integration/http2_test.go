package integration

import (
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/programs"
)

// The program uses HTTP/2 although net/http's copy of it is left out, and these tests build it
// with the tags of the Makefile.
func TestProgramUsesHTTP2(t *testing.T) {
	t.Parallel()
	var protocol atomic.Value
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		protocol.Store(r.Proto)
		http.Error(w, "", http.StatusUnauthorized)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	result := call(t, []string{"DATASTORE_TYPE=kubernetes", "K8S_API_ENDPOINT=" + server.URL, "K8S_INSECURE_SKIP_TLS_VERIFY=true", "K8S_API_TOKEN=token"}, "plan")
	assert.Equal(t, 1, result.code, result.stderr)
	assert.Equal(t, "HTTP/2.0", protocol.Load())

	makefile, err := os.ReadFile("../../Makefile")
	require.NoError(t, err)
	tags := regexp.MustCompile(`(?m)^TAGS := (.*)$`).FindSubmatch(makefile)
	require.NotNil(t, tags)
	assert.Equal(t, programs.Tags, string(tags[1]))
}
