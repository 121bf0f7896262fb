package realinputtest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/internal/realinputtest"
)

func TestFiles(t *testing.T) {
	t.Parallel()
	assert.Greater(t, len(realinputtest.Files(t, "pools.yaml")), 30)
	assert.Greater(t, len(realinputtest.Files(t, "calicoctl.cfg")), 10)
	assert.Contains(t, realinputtest.Variables(t), `CALICO_IPV4POOL_CIDR="10.0.0.0/16"`)
	assert.Contains(t, realinputtest.Variables(t), "CALICO_IPV4POOL_VXLAN= Always")
}
