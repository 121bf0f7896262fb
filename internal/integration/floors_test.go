package integration

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
)

// TestFloors builds the etcd datastore with the oldest dependencies that the module
// supports, and runs its test on a current server.
func TestFloors(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	test := exec.Command("go", "test", "-count=1", "-v", "-run", "^TestServer$", "./bootstrap/datastore/etcdv3")
	test.Dir = "../.."
	test.Env = append(os.Environ(), "GOWORK=off", "CALICO_BOOTSTRAP_TEST_ETCD="+strings.Join(server.Endpoints(), ","))
	out, err := test.CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "--- PASS: TestServer", string(out))
}
