package clusterfacts

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/api"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
)

// nodeList is the list of the nodes. A node has about 10 kB, most of it the list of its
// images, and clusters can have thousands of nodes.
var nodeList = api.List{
	Path: []string{"api", "v1", "nodes"}, Kind: "NodeList", APIVersion: "v1", PageSize: 500,
	MaxBytes: 512 << 20, MaxItems: 20_000, MaxMemory: 48 << 20,
}

// node has the fields of a node that are used.
type node struct {
	Metadata struct {
		Name   string            `json:"name"`
		Labels map[string]string `json:"labels"`
	} `json:"metadata"`
	Spec struct {
		PodCIDR  string   `json:"podCIDR"` // the only field before Kubernetes 1.16
		PodCIDRs []string `json:"podCIDRs"`
	} `json:"spec"`
	Status struct {
		Addresses []struct {
			Type    string `json:"type"`
			Address string `json:"address"`
		} `json:"addresses"`
	} `json:"status"`
}

// readAllNodes reads all nodes, or returns a problem. Stale data would do, but it does
// not read from the API server's cache (resourceVersion=0): such a list ignores the
// limit, and returns thousands of nodes at once.
func readAllNodes(ctx context.Context, client *api.Client) (nodes []facts.Node, problems []string, err error) {
	action := api.Action{Operation: "reading nodes", Verb: "list", Resource: "nodes"}
	_, err = client.ReadList(ctx, action, nodeList, func(item []byte) (int, error) {
		read, err := readNode(item)
		nodes = append(nodes, read)
		return memoryOf(read), err
	})
	switch {
	case err == nil:
		return nodes, nil, nil
	case errors.Is(err, datastore.ErrNotInstalled): // its hint is about Calico's CRDs
		return nil, []string{"checks against nodes are skipped: the API server has no nodes"}, nil
	case isProblem(ctx, err):
		return nil, []string{"checks against nodes are skipped: " + err.Error()}, nil
	default:
		return nil, nil, err
	}
}

// readNode decodes an item of a list of nodes.
func readNode(item []byte) (facts.Node, error) {
	var read node
	if err := json.Unmarshal(item, &read); err != nil || read.Metadata.Name == "" {
		return facts.Node{}, api.ErrNoList
	}
	return read.read(), nil
}

// memoryOf returns about how much memory a node takes.
func memoryOf(node facts.Node) int {
	const (
		nodeMemory  = 256
		entryMemory = 100 // of a label
		addrMemory  = 32  // of an address or a prefix
	)
	memory := nodeMemory + len(node.Name) + entryMemory*len(node.Labels) + addrMemory*(len(node.Addresses)+len(node.PodCIDRs))
	for key, value := range node.Labels {
		memory += len(key) + len(value)
	}
	return memory
}

// read converts a node. It ignores invalid addresses and CIDRs, which a kubelet may
// write.
func (n node) read() facts.Node {
	read := facts.Node{Name: n.Metadata.Name, Labels: n.Metadata.Labels}
	known := map[netip.Addr]bool{}
	for _, address := range n.Status.Addresses {
		if address.Type != "InternalIP" && address.Type != "ExternalIP" {
			continue // a host name, even if it looks like an address
		}
		addr, err := netip.ParseAddr(address.Address)
		if addr = addr.Unmap(); err == nil && !known[addr] {
			known[addr] = true
			read.Addresses = append(read.Addresses, addr)
		}
	}
	if len(n.Spec.PodCIDRs) == 0 && n.Spec.PodCIDR != "" {
		n.Spec.PodCIDRs = []string{n.Spec.PodCIDR}
	}
	read.PodCIDRs, _ = prefixesOf(n.Spec.PodCIDRs)
	return read
}
