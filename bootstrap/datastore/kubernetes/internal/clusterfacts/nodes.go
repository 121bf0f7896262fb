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

// nodePage is how many nodes one read asks for. A node has some 10 kB, most of
// it the images that it has, and there are clusters with thousands.
const nodePage = "500"

// node is what is read of a node.
type node struct {
	Metadata struct {
		Name   string            `json:"name"`
		Labels map[string]string `json:"labels"`
	} `json:"metadata"`
	Spec struct {
		PodCIDR  string   `json:"podCIDR"` // all that Kubernetes before 1.16 has
		PodCIDRs []string `json:"podCIDRs"`
	} `json:"spec"`
	Status struct {
		Addresses []struct {
			Type    string `json:"type"`
			Address string `json:"address"`
		} `json:"addresses"`
	} `json:"status"`
}

// readAllNodes reads all nodes, or none and why. It doesn't ask for the API server's
// cache (resourceVersion=0), though this is advice and may be old: asked so, the
// server passes over the limit, and thousands of nodes would come at once.
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
		case errors.Is(err, datastore.ErrNotInstalled): // whose hint is about Calico's CRDs
			return nil, []string{"checks against nodes are skipped: the API server has no nodes"}, nil
		case isProblem(ctx, err):
			return nil, []string{"checks against nodes are skipped: " + err.Error()}, nil
		default:
			return nil, nil, err
		}
	}
}

// readNodes reads a page. The nodes are decoded without the detour over pieces
// of JSON, since most of a page is of no interest.
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

// read passes over what are no addresses and no CIDRs: whoever runs a node may
// write them, and it is not on us to judge that.
func (n node) read() facts.Node {
	read := facts.Node{Name: n.Metadata.Name, Labels: n.Metadata.Labels}
	for _, address := range n.Status.Addresses {
		if address.Type != "InternalIP" && address.Type != "ExternalIP" {
			continue // a name, or a host name that looks like an address
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
