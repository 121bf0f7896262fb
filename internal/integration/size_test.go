package integration

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/programs"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// The limits for the size of the stripped binary and for the maximum resident memory of
// a run whose pools exist, in bytes.
const (
	maxSize     = 24e6
	maxResident = 23.5e6
)

func TestProgramIsSmall(t *testing.T) {
	t.Parallel()
	binary, err := programs.CalicoBootstrap()
	require.NoError(t, err)
	info, err := os.Stat(binary)
	require.NoError(t, err)
	assert.Less(t, info.Size(), int64(maxSize))

	server := kubetest.Shared(t)
	server.RemoveCRDs(t)
	server.InstallCRDs(t, ippool.CRDV1)
	cost, err := programs.Cost()
	require.NoError(t, err)
	var nanoseconds, processors, resident int64
	for range 2 { // the pools exist in the second run
		cmd := exec.Command(cost, binary)
		cmd.Env = []string{"KUBECONFIG=" + server.Kubeconfig(t), "HOME=" + t.TempDir(), "DATASTORE_TYPE=kubernetes"}
		out, err := cmd.Output()
		require.NoError(t, err)
		_, err = fmt.Sscan(string(out), &nanoseconds, &processors, &resident)
		require.NoError(t, err)
	}
	assert.Less(t, resident, int64(maxResident)) // 0 if unknown
}
