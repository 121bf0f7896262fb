package clusterfacts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/api"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
)

// serviceCIDRSources are read in this order if the API has no ServiceCIDRs, or they are
// forbidden.
var serviceCIDRSources = []cidrSource{kubeadm("serviceSubnet"), openShift(readServiceNetwork)}

// serviceCIDRs reads the Service CIDRs of the first source that has any. A source that
// can't be read is a problem even if a later one has CIDRs, because the later one may be
// outdated. Absent sources are a problem only if no source has CIDRs, and the problem begins
// with its effect.
func serviceCIDRs(ctx context.Context, client *api.Client, effect string) (ranges []facts.Located, problems []string, err error) {
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
		problem := effect + ": no Service CIDR is known"
		if len(absent) > 0 {
			problem += " (" + strings.Join(absent, ", ") + ")"
		}
		problems = append(problems, problem)
	}
	return ranges, problems, nil
}

// serviceCIDRList is the list of the ServiceCIDR objects: the one of the API server's
// flag, and those that were added. They are in v1 since Kubernetes 1.33.
var serviceCIDRList = api.List{
	Path: []string{"apis", "networking.k8s.io", "v1", "servicecidrs"}, Kind: "ServiceCIDRList", APIVersion: "networking.k8s.io/v1",
	MaxBytes: 64 << 20, MaxItems: 10_000, MaxMemory: 8 << 20,
}

// serviceCIDRObjects reads the ServiceCIDR objects.
func serviceCIDRObjects(ctx context.Context, client *api.Client) (ranges []facts.Located, source facts.PodCIDRSource, err error) {
	source.Name = origin.Cluster("servicecidrs.networking.k8s.io")
	action := api.Action{
		Operation: "reading ServiceCIDRs", Verb: "list", Group: "networking.k8s.io", Resource: "servicecidrs",
	}
	var objects []serviceCIDR
	_, err = client.ReadList(ctx, action, serviceCIDRList, func(item []byte) (int, error) {
		object, err := readServiceCIDR(item)
		objects = append(objects, object)
		return object.memory(), err
	})
	if err != nil {
		switch {
		case errors.Is(err, datastore.ErrNotInstalled):
			source.Problem, source.Absent, err = "not found", true, nil
		case isProblem(ctx, err):
			source.Problem, err = err.Error(), nil
		}
		return nil, source, err
	}
	var texts []string
	for _, object := range objects {
		texts = append(texts, object.Spec.CIDRs...)
		one := facts.PodCIDRSource{Name: origin.Cluster("ServiceCIDR " + object.Metadata.Name)}
		one.Prefixes, _ = prefixesOf(object.Spec.CIDRs) // problems are in source
		ranges = append(ranges, located(one)...)
	}
	takeTexts(&source, texts)
	return ranges, source, nil
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

// memory returns about how much memory the object and its ranges take.
func (s serviceCIDR) memory() int {
	const objectMemory, rangeMemory = 128, 256
	memory := objectMemory + len(s.Metadata.Name)
	for _, cidr := range s.Spec.CIDRs {
		memory += rangeMemory + len(cidr)
	}
	return memory
}

// readServiceCIDR decodes an item of a list of ServiceCIDRs.
func readServiceCIDR(item []byte) (object serviceCIDR, err error) {
	if json.Unmarshal(item, &object) != nil || object.Metadata.Name == "" {
		return serviceCIDR{}, api.ErrNoList
	}
	return object, nil
}

// located returns the ranges of a source, each with the name of the source.
func located(source facts.PodCIDRSource) []facts.Located {
	var ranges []facts.Located
	for _, prefix := range source.Prefixes {
		ranges = append(ranges, facts.Located{Prefix: prefix, Source: source.Name})
	}
	return ranges
}
