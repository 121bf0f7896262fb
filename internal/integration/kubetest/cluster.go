package kubetest

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Node is a Node object. No kubelet runs.
type Node struct {
	Name      string
	Labels    map[string]string
	Addresses []NodeAddress
	PodCIDRs  []string // at most one of each of the server's families
}

// NodeAddress is an address in a node's status.
type NodeAddress struct {
	Type    string // InternalIP, ExternalIP, Hostname, InternalDNS, ExternalDNS
	Address string
}

var (
	nodes        = schema.GroupVersionResource{Version: "v1", Resource: "nodes"}
	serviceCIDRs = schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "servicecidrs"}
)

// nodeWriters is the number of concurrent writes of nodes.
const nodeWriters = 8

// PutNodes stores nodes with their status, like kubelets, and replaces existing ones.
func (s *Server) PutNodes(tb testing.TB, all ...Node) {
	tb.Helper()
	var wait sync.WaitGroup
	errs := make([]error, len(all))
	for first := range min(nodeWriters, len(all)) {
		wait.Go(func() {
			for i := first; i < len(all); i += nodeWriters {
				errs[i] = s.putNode(tb, all[i])
			}
		})
	}
	wait.Wait()
	for _, err := range errs {
		require.NoError(tb, err)
	}
}

func (s *Server) putNode(tb testing.TB, node Node) error {
	ctx, cancel := bounded(tb)
	defer cancel()
	addresses := []any{}
	for _, address := range node.Addresses {
		addresses = append(addresses, map[string]any{"type": address.Type, "address": address.Address})
	}
	spec := map[string]any{}
	if len(node.PodCIDRs) > 0 {
		spec["podCIDR"], spec["podCIDRs"] = node.PodCIDRs[0], anys(node.PodCIDRs)
	}
	u := object("v1", "Node", node.Name, map[string]any{"spec": spec, "status": map[string]any{"addresses": addresses}})
	u.SetLabels(node.Labels)
	resource := s.dynamic.Resource(nodes)
	_ = resource.Delete(ctx, node.Name, metav1.DeleteOptions{})
	_, err := resource.Create(ctx, u, metav1.CreateOptions{})
	return err
}

// DeleteNodes deletes all nodes.
func (s *Server) DeleteNodes(tb testing.TB) {
	tb.Helper()
	ctx, cancel := bounded(tb)
	defer cancel()
	require.NoError(tb, s.dynamic.Resource(nodes).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{}))
}

// DefaultServiceCIDR is the name of the ServiceCIDR that the server creates from its flag,
// and recreates if it is deleted.
const DefaultServiceCIDR = "kubernetes"

// PutServiceCIDR stores a ServiceCIDR, and replaces an existing one.
func (s *Server) PutServiceCIDR(tb testing.TB, name string, cidrs ...string) {
	tb.Helper()
	s.put(tb, s.dynamic.Resource(serviceCIDRs),
		object(serviceCIDRs.GroupVersion().String(), "ServiceCIDR", name, map[string]any{"spec": map[string]any{"cidrs": anys(cidrs)}}))
}

// DeleteServiceCIDR deletes a ServiceCIDR if it exists.
func (s *Server) DeleteServiceCIDR(tb testing.TB, name string) {
	tb.Helper()
	s.delete(tb, s.dynamic.Resource(serviceCIDRs), name)
}

func anys(texts []string) []any {
	all := []any{}
	for _, text := range texts {
		all = append(all, text)
	}
	return all
}
