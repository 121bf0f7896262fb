package clusterfacts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/api"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/internal/natrecord"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// The limits of a list of FelixConfigurations, of which a cluster has one for each node at
// most, and default.
const (
	felixPage      = 500
	maxFelix       = 20_001
	maxFelixBytes  = 128 << 20
	maxFelixMemory = 32 << 20

	maxNATProblems = 100 // malformed objects that are named
)

// FelixConfigurations reads the FelixConfigurations of an API group. That there are none, or
// that the API server does not have the resource, is not a problem.
func FelixConfigurations(ctx context.Context, client *api.Client, group schema.GroupVersion) ([]nat.FelixConfiguration, []string, error) {
	found, _, problems, err := felixConfigurations(ctx, client, group)
	return found, problems, err
}

// felixConfigurations also returns that there is no default one, or not the resource.
func felixConfigurations(ctx context.Context, client *api.Client, group schema.GroupVersion) (found []nat.FelixConfiguration, absent string, problems []string, err error) {
	list := api.List{
		Path: []string{"apis", group.Group, group.Version, "felixconfigurations"}, PageSize: felixPage,
		Kind: "FelixConfigurationList", APIVersion: group.String(),
		MaxBytes: maxFelixBytes, MaxItems: maxFelix, MaxMemory: maxFelixMemory,
	}
	action := api.Action{Operation: "reading FelixConfigurations", Verb: "list", Group: group.Group, Resource: "felixconfigurations"}
	absent, problems, err = readObjects(ctx, client, action, list, "FelixConfiguration", facts.FelixDefaultsAssumed, func(item []byte) (int, error) {
		felix, err := natrecord.FelixConfiguration(item)
		if err != nil {
			return 0, err
		}
		found = append(found, felix)
		const felixMemory, entryMemory = 256, 16
		memory := felixMemory + len(felix.Name) + len(felix.Spec.NATOutgoingExclusions) + len(felix.Spec.NATOutgoingAddress) + len(felix.Spec.InterfaceFilter) + len(felix.Spec.NFTablesMode)
		if felix.Spec.NATPortRange != nil {
			memory += len(felix.Spec.NATPortRange.StrVal)
		}
		return memory + textsMemory(felix.Spec.ExternalNodesList), nil
	})
	isDefault := func(felix nat.FelixConfiguration) bool { return felix.Name == "default" }
	if absent == "" && len(problems) == 0 && !slices.ContainsFunc(found, isDefault) {
		absent = "no FelixConfiguration default exists: " + facts.FelixDefaultsAssumed
	}
	return found, absent, problems, err
}

func textsMemory(texts []string) int {
	const textMemory = 24 // in a slice that grows
	memory := textMemory * len(texts)
	for _, one := range texts {
		memory += len(one)
	}
	return memory
}

// NAT reads what decides about NAT besides the pools. The FelixConfigurations and the
// ClusterInformation are in the API group of the pools.
func NAT(ctx context.Context, client *api.Client, group schema.GroupVersion) (facts.NAT, error) {
	var read facts.NAT
	configurations, absent, problems, err := felixConfigurations(ctx, client, group)
	if err != nil {
		return facts.NAT{}, err
	}
	read.FelixConfigurations, read.FelixKnown, read.Problems = configurations, len(problems) == 0, withAbsent(absent, problems)
	action := api.Action{Operation: "reading nodes", Verb: "list", Resource: "nodes"}
	absent, problems, err = readObjects(ctx, client, action, nodeList, "Node", facts.NodesUnknown, func(item []byte) (int, error) {
		node, err := natrecord.Node(item)
		if err != nil {
			return 0, err
		}
		read.Nodes = append(read.Nodes, node)
		const nodeMemory = 256
		return nodeMemory + len(node.Name) + textsMemory(node.HostIPs) + textsMemory(node.OtherAddresses), nil
	})
	if err != nil {
		return facts.NAT{}, err
	}
	problems = withAbsent(absent, problems)
	if len(problems) == 0 && len(read.Nodes) == 0 {
		problems = []string{"the cluster has no nodes: " + facts.NodesUnknown}
	}
	read.Problems = append(read.Problems, problems...)

	if read.Version, problems, err = calicoVersion(ctx, client, group, facts.VersionUnknown); err != nil {
		return facts.NAT{}, err
	}
	read.Problems = append(read.Problems, problems...)

	if read.ServiceCIDRs, problems, err = serviceCIDRs(ctx, client, facts.ServicesUnknown); err != nil {
		return facts.NAT{}, err
	}
	read.Problems = append(read.Problems, problems...)

	advertised, err := BGPServices(ctx, client, group)
	if err != nil {
		return facts.NAT{}, err
	}
	read.Add(advertised)
	return read, nil
}

// withAbsent returns the problems with what is absent, unless it is empty.
func withAbsent(absent string, problems []string) []string {
	if absent == "" {
		return problems
	}
	return append(problems, absent)
}

// readObjects reads a list of objects that use decodes. It returns a problem for each object
// that is malformed, one if the list is forbidden, and that the resource is absent.
func readObjects(ctx context.Context, client *api.Client, action api.Action, list api.List, kind, assumed string, use func(item []byte) (memory int, err error)) (absent string, problems []string, err error) {
	malformed := 0
	_, err = client.ReadList(ctx, action, list, func(item []byte) (int, error) {
		var named struct {
			Metadata struct {
				Name string `json:"name"`
			} `json:"metadata"`
		}
		if json.Unmarshal(item, &named) != nil || named.Metadata.Name == "" {
			return 0, api.ErrNoList
		}
		memory, err := use(item)
		if err == nil {
			return memory, nil
		}
		problem := fmt.Sprintf("%s %s is ignored: %s", kind, text.Clip(text.Graphic(named.Metadata.Name), text.MaxQuoted), text.Cause(err))
		if malformed++; malformed <= maxNATProblems {
			problems = append(problems, problem)
		}
		return 0, nil
	})
	switch {
	case errors.Is(err, datastore.ErrNotInstalled): // its hint is about pools
		return fmt.Sprintf("the API server has no %s: %s", action.Resource, assumed), nil, nil
	case err != nil && isProblem(ctx, err):
		return "", []string{assumed + ": " + err.Error()}, nil
	case err != nil:
		return "", nil, err
	case malformed > maxNATProblems:
		problems = append(problems, fmt.Sprintf("%d more %ss are ignored", malformed-maxNATProblems, kind))
	}
	return "", problems, nil
}

// calicoVersion reads Calico's version from the ClusterInformation. Without one, there is a
// problem, which says what is assumed.
func calicoVersion(ctx context.Context, client *api.Client, group schema.GroupVersion, assumed string) (version string, problems []string, err error) {
	action := api.Action{Operation: "reading the ClusterInformation", Verb: "get", Group: group.Group, Resource: "clusterinformations", Name: "default"}
	body, err := client.Call(ctx, action, client.Get("apis", group.Group, group.Version, "clusterinformations", "default"))
	switch {
	case errors.Is(err, datastore.ErrNotInstalled):
		return "", []string{"no ClusterInformation default exists: " + assumed}, nil
	case err != nil && isProblem(ctx, err):
		return "", []string{assumed + ": " + err.Error()}, nil
	case err != nil:
		return "", nil, err
	case !api.IsKind(body, "ClusterInformation", group.String()):
		return "", []string{assumed + ": the response is not a ClusterInformation of " + group.String()}, nil
	}
	version, err = natrecord.Version(body)
	switch {
	case err != nil:
		return "", []string{"ClusterInformation default is ignored: " + text.Cause(err) + ": " + assumed}, nil
	case version == "":
		return "", []string{"ClusterInformation default has no version of Calico: " + assumed}, nil
	}
	return version, nil, nil
}
