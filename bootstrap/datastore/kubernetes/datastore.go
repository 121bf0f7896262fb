package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/api"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/clusterfacts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// apiGroups may hold pools. Where both are served, the second is the aggregated
// API server's view of the first.
var apiGroups = []schema.GroupVersion{ippool.CRDV1, v3.SchemeGroupVersion}

func isAPIGroup(group schema.GroupVersion) bool { return slices.Contains(apiGroups, group) }

const poolResource = ippool.Resource

// otherGroupHint is for those who may have pools in the newer group alone.
var otherGroupHint = fmt.Sprintf("if this cluster has its pools in %s, set CALICO_API_GROUP to that", v3.SchemeGroupVersion)

// Datastore keeps pools in the Kubernetes API. Blocks, PodCIDRs and Survey may
// be called at the same time, each once; it is not safe for other concurrent
// use.
type Datastore struct {
	requested schema.GroupVersion // the group that the config asks for; empty: the first that is served
	client    *api.Client
	found     schema.GroupVersion // the group that a list found; empty: not yet
	looked    bool                // for pools that are elsewhere
}

var (
	_ datastore.Datastore = (*Datastore)(nil)
	_ facts.Cluster       = (*Datastore)(nil)
)

// Open returns a datastore on the API server, which it contacts when it is first
// asked for something. The error is about the config alone.
func Open(config Config) (*Datastore, error) {
	if config.REST == nil {
		return nil, errors.New("kubernetes: no rest.Config")
	}
	if !config.APIGroup.Empty() && !isAPIGroup(config.APIGroup) {
		return nil, errors.New("kubernetes: unknown API group " + config.APIGroup.String())
	}
	client, err := api.New(config.REST, userAgent(), config.RequestTimeout)
	if err != nil {
		return nil, err
	}
	return &Datastore{requested: config.APIGroup, client: client}, nil
}

// Close ends the connections to the API server that are not in use.
func (d *Datastore) Close() error { return d.client.Close() }

// Type is datastore.Kubernetes.
func (d *Datastore) Type() datastore.Type { return datastore.Kubernetes }

// Snapshot reads every pool with one list, of the API group that is served: the
// first that is not unknown to the API server. Nothing is written on the word
// of a list that may be stale, so none is requested. Revision is the list's
// resourceVersion.
func (d *Datastore) Snapshot(ctx context.Context) (datastore.Snapshot, error) {
	groups := apiGroups
	switch {
	case !d.requested.Empty():
		groups = []schema.GroupVersion{d.requested}
	case !d.found.Empty():
		groups = []schema.GroupVersion{d.found}
	}
	var absent []error
	for _, group := range groups {
		snapshot, err := d.list(ctx, group)
		switch {
		case err == nil:
			d.found = group
			return snapshot, nil
		case errors.Is(err, datastore.ErrNotInstalled),
			len(absent) > 0 && errors.Is(err, datastore.ErrForbidden): // a role for the first group alone
			absent = append(absent, err)
		default:
			return datastore.Snapshot{}, err
		}
	}
	d.found = schema.GroupVersion{}
	if err := d.checkOtherGroup(ctx); err != nil {
		return datastore.Snapshot{}, err
	}
	return datastore.Snapshot{}, d.notInstalled(groups, absent)
}

// list reads the pools of one group.
func (d *Datastore) list(ctx context.Context, group schema.GroupVersion) (datastore.Snapshot, error) {
	action := d.action("list", group, "reading IP pools")
	body, err := d.client.Call(ctx, action, d.client.Get(path(group, poolResource)...))
	if err != nil {
		return datastore.Snapshot{}, err
	}
	snapshot, err := readPools(body)
	if err != nil {
		return datastore.Snapshot{}, d.client.Explain(action, err)
	}
	return snapshot, nil
}

// elsewhere tells of a cluster that has its pools in the one group while the
// config asks for the newer one: that won't come by waiting. It looks once.
func (d *Datastore) checkOtherGroup(ctx context.Context) error {
	if d.requested != v3.SchemeGroupVersion || d.looked {
		return nil
	}
	d.looked = true
	if _, err := d.list(ctx, ippool.CRDV1); err != nil {
		return nil // nothing is known, then
	}
	return &datastore.Error{
		Place: d.client.Place(), Operation: "reading IP pools",
		Err:  fmt.Errorf("the API server has no %s in the configured group %s, but in %s", poolResource, v3.SchemeGroupVersion, ippool.CRDV1),
		Hint: fmt.Sprintf("set --calico-api-group or CALICO_API_GROUP to %s, or leave it out", ippool.CRDV1),
	}
}

// group is the API group that has the pools. Only a list tells, unless one did
// before or the config says it.
func (d *Datastore) group(ctx context.Context) (schema.GroupVersion, error) {
	if !d.requested.Empty() {
		return d.requested, nil
	}
	if d.found.Empty() {
		if _, err := d.Snapshot(ctx); err != nil {
			return schema.GroupVersion{}, err
		}
	}
	return d.found, nil
}

// path is where a resource of a group is, below the API server's URL.
func path(group schema.GroupVersion, resource string) []string {
	return []string{"apis", group.Group, group.Version, resource}
}

// action is what is asked of the pools of a group, in the words of RBAC.
func (d *Datastore) action(verb string, group schema.GroupVersion, operation string) api.Action {
	action := api.Action{Operation: operation, Verb: verb, Group: group.Group, Resource: poolResource}
	if group == ippool.CRDV1 && d.requested.Empty() {
		action.OrElse = otherGroupHint
	}
	return action
}

// notInstalled says that none of the groups has pools, and why.
func (d *Datastore) notInstalled(groups []schema.GroupVersion, absent []error) error {
	var why []string
	for i, group := range groups {
		if errors.Is(absent[i], datastore.ErrForbidden) {
			why = append(why, fmt.Sprintf("listing %s is forbidden (%s)", group, d.action("list", group, "").RoleHint()))
			continue
		}
		why = append(why, fmt.Sprintf("%s has no %s", group, poolResource))
	}
	hint := api.InstallHint
	if d.requested == ippool.CRDV1 {
		hint += "; " + otherGroupHint
	}
	return &datastore.Error{
		Kind: datastore.ErrNotInstalled, Place: d.client.Place(), Operation: "reading IP pools",
		Err: errors.New(strings.Join(why, ", ")), Hint: hint,
	}
}

// PodCIDRs reads kubeadm's ClusterConfiguration, OpenShift's Network config and
// kube-proxy's config, in this order, until a CIDR of each family is known. A
// source that is absent, forbidden or unreadable is skipped, with its problem.
func (d *Datastore) PodCIDRs(ctx context.Context, families []ippool.Family) ([]facts.PodCIDRSource, error) {
	return clusterfacts.PodCIDRs(ctx, d.client, families)
}

// Survey reads the nodes, and the Service CIDRs from the ServiceCIDRs of the
// API, or where there are none or they may not be read, from kubeadm's
// ClusterConfiguration or OpenShift's Network config. What is absent, forbidden
// or unreadable is reported in Problems. An error is one that ends or delays a run
// wherever it comes up: ErrUnreachable, ErrTLS, ErrUnauthorized, or that of ctx.
func (d *Datastore) Survey(ctx context.Context) (facts.Survey, error) {
	return clusterfacts.Survey(ctx, d.client)
}
