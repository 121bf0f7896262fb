package clusterfacts

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"slices"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/api"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
)

// nodePage is the number of nodes per page. A node has about 10 kB, most of it the list
// of its images, and clusters can have thousands of nodes.
const nodePage = "500"

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
	for next := ""; ; {
		request := client.Get("api", "v1", action.Resource).Param("limit", nodePage)
		if next != "" {
			request.Param("continue", next)
		}
		body, err := client.Call(ctx, action, request)
		if err == nil {
			var page []facts.Node
			if page, next, err = readNodes(body); err != nil {
				err = client.Explain(action, err)
			}
			nodes = append(nodes, page...)
		}
		switch {
		case err == nil && next == "":
			return nodes, nil, nil
		case err == nil:
		case errors.Is(err, datastore.ErrNotInstalled): // its hint is about Calico's CRDs
			return nil, []string{"checks against nodes are skipped: the API server has no nodes"}, nil
		case isProblem(ctx, err):
			return nil, []string{"checks against nodes are skipped: " + err.Error()}, nil
		default:
			return nil, nil, err
		}
	}
}

// readNodes decodes a page. It decodes nodes directly, without json.RawMessage, because
// most of a page is not used.
func readNodes(body []byte) (nodes []facts.Node, next string, err error) {
	var page struct {
		Kind     string `json:"kind"`
		Metadata struct {
			Continue string `json:"continue"`
		} `json:"metadata"`
		Items []node `json:"items"`
	}
	if err := json.Unmarshal(body, &page); err != nil || page.Kind != "NodeList" {
		return nil, "", api.ErrNoList
	}
	for _, item := range page.Items {
		nodes = append(nodes, item.read())
	}
	return nodes, page.Metadata.Continue, nil
}

// read converts a node. It ignores invalid addresses and CIDRs, which a kubelet may
// write.
func (n node) read() facts.Node {
	read := facts.Node{Name: n.Metadata.Name, Labels: n.Metadata.Labels}
	for _, address := range n.Status.Addresses {
		if address.Type != "InternalIP" && address.Type != "ExternalIP" {
			continue // a host name, even if it looks like an address
		}
		addr, err := netip.ParseAddr(address.Address)
		if addr = addr.Unmap(); err == nil && !slices.Contains(read.Addresses, addr) {
			read.Addresses = append(read.Addresses, addr)
		}
	}
	if len(n.Spec.PodCIDRs) == 0 && n.Spec.PodCIDR != "" {
		n.Spec.PodCIDRs = []string{n.Spec.PodCIDR}
	}
	read.PodCIDRs, _ = prefixesOf(n.Spec.PodCIDRs)
	return read
}
