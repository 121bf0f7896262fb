package clusterfacts

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/api"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/internal/natrecord"
)

// BGPServices lists the BGPConfigurations of an API group, and returns the ranges of Services
// of the one named default. A list tells an absent resource from an absent object, which is no
// problem.
func BGPServices(ctx context.Context, client *api.Client, group schema.GroupVersion) (facts.BGPServices, error) {
	list := api.List{
		Path: []string{"apis", group.Group, group.Version, "bgpconfigurations"}, PageSize: felixPage,
		Kind: "BGPConfigurationList", APIVersion: group.String(),
		MaxBytes: maxFelixBytes, MaxItems: maxFelix, MaxMemory: maxFelixMemory,
	}
	action := api.Action{Operation: "reading BGPConfigurations", Verb: "list", Group: group.Group, Resource: "bgpconfigurations"}
	var found facts.BGPServices
	absent, problems, err := readObjects(ctx, client, action, list, "BGPConfiguration", facts.AdvertisedUnknown, func(item []byte) (int, error) {
		name, services, err := natrecord.BGPServices(item)
		if name == "default" && err == nil {
			found = services
		}
		return 0, err // at most 1,000 ranges of one object are kept
	})
	found.Problems = append(found.Problems, withAbsent(absent, problems)...)
	return found, err
}
