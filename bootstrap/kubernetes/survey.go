package kubernetes

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
)

// nodePage is how many nodes one read asks for. A node has some 10 kB, most of
// it the images that it has, and there are clusters with thousands.
const nodePage = "500"

// Survey reads the nodes, and the Service CIDRs from the ServiceCIDRs of the
// API, or where there are none or they may not be read, from kubeadm's
// ClusterConfiguration or OpenShift's Network config. What is absent, forbidden
// or unreadable is told in Problems. An error is one that ends or delays a run
// wherever it comes up: ErrUnreachable, ErrTLS, ErrUnauthorized, or that of ctx.
func (d *Datastore) Survey(ctx context.Context) (bootstrap.Survey, error) {
	var (
		survey              bootstrap.Survey
		ofNodes, ofRanges   []string
		nodesErr, rangesErr error
		wait                sync.WaitGroup
	)
	wait.Go(func() { survey.Nodes, ofNodes, nodesErr = d.nodes(ctx) })
	survey.ServiceCIDRs, ofRanges, rangesErr = d.serviceCIDRs(ctx)
	wait.Wait()
	if err := cmp.Or(nodesErr, rangesErr); err != nil {
		return bootstrap.Survey{}, err
	}
	survey.Problems = slices.Concat(ofNodes, ofRanges)
	return survey, nil
}

// isProblem reports whether an error leaves a survey with less to say, and no
// more than that.
func isProblem(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	return !slices.ContainsFunc([]error{bootstrap.ErrUnreachable, bootstrap.ErrTLS, bootstrap.ErrUnauthorized},
		func(kind error) bool { return errors.Is(err, kind) })
}

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

// nodes reads all nodes, or none and why. It doesn't ask for the API server's
// cache (resourceVersion=0), though this is advice and may be old: asked so, the
// server passes over the limit, and thousands of nodes would come at once.
func (d *Datastore) nodes(ctx context.Context) (nodes []bootstrap.Node, problems []string, err error) {
	action := action{doing: "reading nodes", verb: "list", resource: "nodes"}
	for next := ""; ; {
		request := d.client.Get().AbsPath("api", "v1", action.resource).Param("limit", nodePage)
		if next != "" {
			request.Param("continue", next)
		}
		body, err := d.call(ctx, action, request)
		if err == nil {
			var page []bootstrap.Node
			if page, next, err = readNodes(body); err != nil {
				err = d.explain(action, err)
			}
			nodes = append(nodes, page...)
		}
		switch {
		case err == nil && next == "":
			return nodes, nil, nil
		case err == nil:
		case errors.Is(err, bootstrap.ErrNotInstalled): // whose hint is about Calico's CRDs
			return nil, []string{"the checks against nodes are left out: the API server has no nodes"}, nil
		case isProblem(ctx, err):
			return nil, []string{"the checks against nodes are left out: " + err.Error()}, nil
		default:
			return nil, nil, err
		}
	}
}

// readNodes reads a page. The nodes are decoded without the detour over pieces
// of JSON, since most of a page is of no interest.
func readNodes(body []byte) (nodes []bootstrap.Node, next string, err error) {
	var page struct {
		Kind     string `json:"kind"`
		Metadata struct {
			Continue string `json:"continue"`
		} `json:"metadata"`
		Items []node `json:"items"`
	}
	if err := json.Unmarshal(body, &page); err != nil || page.Kind != "NodeList" {
		return nil, "", errNoList
	}
	for _, item := range page.Items {
		nodes = append(nodes, item.read())
	}
	return nodes, page.Metadata.Continue, nil
}

// read passes over what are no addresses and no CIDRs: whoever runs a node may
// write them, and it is not on us to judge that.
func (n node) read() bootstrap.Node {
	read := bootstrap.Node{Name: n.Metadata.Name, Labels: n.Metadata.Labels}
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

// serviceCIDRSources are asked in this order where the API has no ServiceCIDRs,
// or doesn't show them.
var serviceCIDRSources = []cidrSource{kubeadm("serviceSubnet"), openShift(readServiceNetwork)}

// serviceCIDRs reads the Service CIDRs of the first source that knows any. What
// may not be read is a problem even if another source knows: it may be behind.
// Sources that are absent are one only if none is left.
func (d *Datastore) serviceCIDRs(ctx context.Context) (ranges []bootstrap.Located, problems []string, err error) {
	ranges, said, err := d.serviceCIDRObjects(ctx)
	if err != nil {
		return nil, nil, err
	}
	var absent []string
	note := func(said bootstrap.PodCIDRSource) {
		problem := strings.Join(strings.Fields(said.Problem), " ") // on one line
		switch {
		case problem == "":
		case said.Absent:
			absent = append(absent, fmt.Sprintf("%s: %s", said.Name, problem))
		case len(said.Prefixes) > 0:
			problems = append(problems, fmt.Sprintf("Service CIDRs of %s: %s", said.Name, problem))
		default:
			problems = append(problems, fmt.Sprintf("no Service CIDR from %s: %s", said.Name, problem))
		}
	}
	note(said)
	for _, source := range serviceCIDRSources {
		if len(ranges) > 0 {
			return ranges, problems, nil
		}
		said, err := d.cidrsOf(ctx, source)
		if err != nil {
			if !isProblem(ctx, err) {
				return nil, nil, err
			}
			said.Problem = err.Error()
		}
		note(said)
		ranges = located(said)
	}
	if len(ranges) == 0 {
		problem := "the checks against Services are left out: no Service CIDR is known"
		if len(absent) > 0 {
			problem += " (" + strings.Join(absent, ", ") + ")"
		}
		problems = append(problems, problem)
	}
	return ranges, problems, nil
}

// serviceCIDRObjects reads the ServiceCIDRs of the API: that of the API server's
// own flag, and those that were added. Kubernetes has them since 1.33 in v1.
func (d *Datastore) serviceCIDRObjects(ctx context.Context) (ranges []bootstrap.Located, said bootstrap.PodCIDRSource, err error) {
	var objects []serviceCIDR
	said, err = d.cidrsOf(ctx, cidrSource{
		name: "servicecidrs.networking.k8s.io",
		action: action{
			doing: "reading ServiceCIDRs", verb: "list", group: "networking.k8s.io", resource: "servicecidrs",
		},
		path: []string{"apis", "networking.k8s.io", "v1", "servicecidrs"},
		read: func(body []byte) (texts []string, err error) {
			objects, err = readServiceCIDRs(body)
			for _, object := range objects {
				texts = append(texts, object.Spec.CIDRs...)
			}
			return texts, err
		},
	})
	if err != nil && isProblem(ctx, err) {
		said.Problem, err = err.Error(), nil
	}
	for _, object := range objects {
		one := bootstrap.PodCIDRSource{Name: bootstrap.Source("ServiceCIDR " + object.Metadata.Name)}
		one.Prefixes, _ = prefixesOf(object.Spec.CIDRs) // what is wrong with them is in said
		ranges = append(ranges, located(one)...)
	}
	return ranges, said, err
}

// serviceCIDR is what is read of a ServiceCIDR.
type serviceCIDR struct {
	object
	Spec struct {
		CIDRs []string `json:"cidrs"`
	} `json:"spec"`
}

func readServiceCIDRs(body []byte) ([]serviceCIDR, error) {
	var list struct {
		Kind  string        `json:"kind"`
		Items []serviceCIDR `json:"items"`
	}
	if err := json.Unmarshal(body, &list); err != nil || list.Kind != "ServiceCIDRList" {
		return nil, errNoList
	}
	return list.Items, nil
}

// readServiceNetwork reads spec.serviceNetwork of OpenShift's Network.
func readServiceNetwork(body []byte) ([]string, error) {
	var network struct {
		Spec struct {
			ServiceNetwork []string `json:"serviceNetwork"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(body, &network); err != nil {
		return nil, errors.New("spec.serviceNetwork can't be read")
	}
	return network.Spec.ServiceNetwork, nil
}

// located are the ranges of a source, each with its name.
func located(said bootstrap.PodCIDRSource) []bootstrap.Located {
	var ranges []bootstrap.Located
	for _, prefix := range said.Prefixes {
		ranges = append(ranges, bootstrap.Located{Prefix: prefix, Source: said.Name})
	}
	return ranges
}
