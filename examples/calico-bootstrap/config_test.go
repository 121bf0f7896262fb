package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The variable of the networking backend has no other case than lower case, as in
// calico-node, but the flag has any: what is exported means the same.
func TestConfigExportsTheBackend(t *testing.T) {
	isolate(t)
	for _, value := range []string{"VXLAN", "vxlan", "Vxlan"} {
		var stdout, stderr bytes.Buffer
		run(t.Context(), []string{"config", "-o", "env", "--networking-backend", value}, &stdout, &stderr)
		assert.Contains(t, stdout.String(), "export CALICO_NETWORKING_BACKEND='vxlan' # flag --networking-backend\n")
	}
	t.Setenv("CALICO_NETWORKING_BACKEND", "VXLAN") // BIRD for calico-node
	var stdout, stderr bytes.Buffer
	run(t.Context(), []string{"config", "-o", "env"}, &stdout, &stderr)
	assert.Contains(t, stdout.String(), "export CALICO_NETWORKING_BACKEND='VXLAN' # env CALICO_NETWORKING_BACKEND\n")
}
