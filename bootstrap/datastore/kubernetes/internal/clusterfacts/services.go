package clusterfacts

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/api"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
)

// serviceCIDRSources are read in this order if the API has no ServiceCIDRs, or they are
// forbidden.
var serviceCIDRSources = []cidrSource{kubeadm("serviceSubnet"), openShift(readServiceNetwork)}

// serviceCIDRs reads the Service CIDRs of the first source that has any. A source that
// can't be read is a problem even if a later one has CIDRs, because the later one may be
// outdated. Absent sources are a problem only if no source has CIDRs.
func serviceCIDRs(ctx context.Context, client *api.Client) (ranges []facts.Located, problems []string, err error) {
	ranges, source, err := serviceCIDRObjects(ctx, client)
	if err != nil {
		return nil, nil, err
	}
	var absent []string
	note := func(source facts.PodCIDRSource) {
		problem := strings.Join(strings.Fields(source.Problem), " ") // on one line
		switch {
		case problem == "":
		case source.Absent:
			absent = append(absent, fmt.Sprintf("%s: %s", source.Name, problem))
		case len(source.Prefixes) > 0:
			problems = append(problems, fmt.Sprintf("Service CIDRs of %s: %s", source.Name, problem))
		default:
			problems = append(problems, fmt.Sprintf("no Service CIDR from %s: %s", source.Name, problem))
		}
	}
	note(source)
	for _, source := range serviceCIDRSources {
		if len(ranges) > 0 {
			return ranges, problems, nil
		}
		found, err := source.fetch(ctx, client)
		if err != nil {
			if !isProblem(ctx, err) {
				return nil, nil, err
			}
			found.Problem = err.Error()
		}
		note(found)
		ranges = located(found)
	}
	if len(ranges) == 0 {
		problem := "checks against Services are skipped: no Service CIDR is known"
		if len(absent) > 0 {
			problem += " (" + strings.Join(absent, ", ") + ")"
		}
		problems = append(problems, problem)
	}
	return ranges, problems, nil
}

// serviceCIDRObjects reads the ServiceCIDR objects: the one of the API server's flag,
// and those that were added. They are in v1 since Kubernetes 1.33.
func serviceCIDRObjects(ctx context.Context, client *api.Client) (ranges []facts.Located, source facts.PodCIDRSource, err error) {
	var objects []serviceCIDR
	list := cidrSource{
		name: origin.Cluster("servicecidrs.networking.k8s.io"),
		action: api.Action{
			Operation: "reading ServiceCIDRs", Verb: "list", Group: "networking.k8s.io", Resource: "servicecidrs",
		},
		path: []string{"apis", "networking.k8s.io", "v1", "servicecidrs"},
		read: func(body []byte) (texts []string, err error) {
			objects, err = readServiceCIDRs(body)
			for _, object := range objects {
				texts = append(texts, object.Spec.CIDRs...)
			}
			return texts, err
		},
	}
	source, err = list.fetch(ctx, client)
	if err != nil && isProblem(ctx, err) {
		source.Problem, err = err.Error(), nil
	}
	for _, object := range objects {
		one := facts.PodCIDRSource{Name: origin.Cluster("ServiceCIDR " + object.Metadata.Name)}
		one.Prefixes, _ = prefixesOf(object.Spec.CIDRs) // problems are in source
		ranges = append(ranges, located(one)...)
	}
	return ranges, source, err
}

// serviceCIDR has the fields of a ServiceCIDR that are used.
type serviceCIDR struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
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
		return nil, api.ErrNoList
	}
	return list.Items, nil
}

// located returns the ranges of a source, each with the name of the source.
func located(source facts.PodCIDRSource) []facts.Located {
	var ranges []facts.Located
	for _, prefix := range source.Prefixes {
		ranges = append(ranges, facts.Located{Prefix: prefix, Source: source.Name})
	}
	return ranges
}
