//go:build host && linux

package ansible

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/host/firewalldtest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// TestKubernetes uses the Kubernetes API as datastore: the masters must open its port,
// regardless of the group etcd.
func TestKubernetes(t *testing.T) {
	t.Parallel()
	server := kubetest.Start(t)
	server.InstallCRDs(t, ippool.CRDV1)
	c := newCluster(t, nil)
	c.groups["etcd"] = []string{"node"}
	c.vars["calico_ippools_kubeconfig"] = server.Kubeconfig(t)
	c.vars["openshift_cluster_network_cidr"] = "10.128.0.0/14"
	master, node := firewalldtest.Start(t), firewalldtest.Start(t)
	c.withFirewalld(t, "master", master, false)
	c.withFirewalld(t, "node", node, true)

	assert.Equal(t, map[string]int{"master": 2, "node": 1}, requirePlayed(t, c.play(t, nil)))
	_, port, _ := strings.Cut(server.Address(), ":")
	assert.Equal(t, "[179/tcp "+port+"/tcp] []", openIn(t, master, "public"))
	assert.Equal(t, "[179/tcp] []", openIn(t, node, "public"))

	second := c.play(t, nil)
	assert.Equal(t, map[string]int{"master": 0, "node": 0}, requirePlayed(t, second))
	assert.Contains(t, second.messages(), "default-ipv4-ippool: unchanged, 10.128.0.0/14 (exists)")

	// The port in the kubeconfig may be a load balancer's, so the masters' port can be set.
	assert.Equal(t, map[string]int{"master": 1, "node": 0}, requirePlayed(t, c.play(t, vars{"openshift_master_api_port": 8443})))
	assert.Equal(t, "[179/tcp "+port+"/tcp 8443/tcp] []", openIn(t, master, "public"))
}
