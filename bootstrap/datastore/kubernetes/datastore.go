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
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// apiGroups are the groups that can contain pools. If both are served, the second is
// the aggregated API server's view of the first.
var apiGroups = []schema.GroupVersion{ippool.CRDV1, v3.SchemeGroupVersion}

func isAPIGroup(group schema.GroupVersion) bool { return slices.Contains(apiGroups, group) }

const poolResource = ippool.Resource

// Datastore stores pools in the Kubernetes API. Blocks, PodCIDRs, Survey and
// Installation may be called concurrently, each once; it is not safe for other concurrent use.
type Datastore struct {
	requested schema.GroupVersion // group of the config; empty: the first that is served
	names     origin.Names
	client    *api.Client
	found     schema.GroupVersion // group that Snapshot found; empty: not yet
	looked    bool                // checkOtherGroup was called
}

var (
	_ datastore.Datastore = (*Datastore)(nil)
	_ facts.Cluster       = (*Datastore)(nil)

	_ facts.InstallationReader = (*Datastore)(nil)
)

// Open returns a datastore that connects with its first request. An error means that
// the config is invalid.
func Open(config Config) (*Datastore, error) {
	if config.REST == nil {
		return nil, errors.New("kubernetes: no rest.Config")
	}
	if !config.APIGroup.Empty() && !isAPIGroup(config.APIGroup) {
		return nil, errors.New("kubernetes: unknown API group " + config.APIGroup.String())
	}
	client, err := api.New(config.REST, userAgent(), config.RequestTimeout, config.Names)
	if err != nil {
		return nil, err
	}
	return &Datastore{requested: config.APIGroup, names: config.Names, client: client}, nil
}

// Close closes idle connections to the API server.
func (d *Datastore) Close() error {
	if !d.isOpen() {
		return nil
	}
	return d.client.Close()
}

// isOpen reports whether Open returned the datastore.
func (d *Datastore) isOpen() bool { return d != nil && d.client != nil }

var errNotOpen = errors.New("kubernetes: the datastore is not open: use Open")

// Type returns datastore.Kubernetes.
func (d *Datastore) Type() datastore.Type { return datastore.Kubernetes }

// Snapshot reads all pools with one list of the first API group that is served. It
// requests a consistent list, because a write must not depend on stale data. Revision
// is the list's resourceVersion. It is an error if the response is not a complete list
// of pools.
func (d *Datastore) Snapshot(ctx context.Context) (datastore.Snapshot, error) {
	if !d.isOpen() {
		return datastore.Snapshot{}, errNotOpen
	}
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
			len(absent) > 0 && errors.Is(err, datastore.ErrForbidden): // a role that allows only the first group
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
	action.Restarts = true
	return readPools(ctx, d.client, action, group)
}

// checkOtherGroup returns an error that is not retryable if the config requests the
// newer group but the cluster has its pools in the older one. It checks once.
func (d *Datastore) checkOtherGroup(ctx context.Context) error {
	if d.requested != v3.SchemeGroupVersion || d.looked {
		return nil
	}
	d.looked = true
	if _, err := d.list(ctx, ippool.CRDV1); err != nil {
		return nil // unknown
	}
	return &datastore.Error{
		Place: d.client.Place(), Operation: "reading IP pools",
		Err:  fmt.Errorf("the API server has no %s in the configured group %s, but in %s", poolResource, v3.SchemeGroupVersion, ippool.CRDV1),
		Hint: fmt.Sprintf("set %s to %s, or leave it out", d.names.Of(origin.SettingCalicoAPIGroup), ippool.CRDV1),
	}
}

// group returns the API group of the pools. It needs a list to find out, unless the
// config or an earlier list determines it.
func (d *Datastore) group(ctx context.Context) (schema.GroupVersion, error) {
	if !d.isOpen() {
		return schema.GroupVersion{}, errNotOpen
	}
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

// path returns the path of a resource of a group, relative to the API server's URL.
func path(group schema.GroupVersion, resource string) []string {
	return []string{"apis", group.Group, group.Version, resource}
}

// action returns the action for a request on the pools of a group.
func (d *Datastore) action(verb string, group schema.GroupVersion, operation string) api.Action {
	action := api.Action{Operation: operation, Verb: verb, Group: group.Group, Resource: poolResource}
	if group == ippool.CRDV1 && d.requested.Empty() {
		action.OrElse = d.otherGroupHint()
	}
	return action
}

// otherGroupHint is the hint for clusters that have their pools only in the group that is not
// requested; the newer one if none is.
func (d *Datastore) otherGroupHint() string {
	other := v3.SchemeGroupVersion
	if d.requested == other {
		other = ippool.CRDV1
	}
	return fmt.Sprintf("if this cluster has its pools in %s, set %s to that", other, d.names.Of(origin.SettingCalicoAPIGroup))
}

// notInstalled returns the error if none of the groups serves pools.
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
	if !d.requested.Empty() {
		hint += "; " + d.otherGroupHint()
	}
	return &datastore.Error{
		Kind: datastore.ErrNotInstalled, Place: d.client.Place(), Operation: "reading IP pools",
		Err: errors.New(strings.Join(why, ", ")), Hint: hint,
	}
}

// PodCIDRs requests kubeadm's ClusterConfiguration, OpenShift's Network config and
// kube-proxy's config at once, and uses them in this order until it has a CIDR of each
// family. It skips a source that is absent, forbidden or malformed and returns its problem.
func (d *Datastore) PodCIDRs(ctx context.Context, families []ippool.Family) ([]facts.PodCIDRSource, error) {
	if !d.isOpen() {
		return nil, errNotOpen
	}
	return clusterfacts.PodCIDRs(ctx, d.client, families)
}

// Survey reads the nodes and the Service CIDRs. Service CIDRs come from ServiceCIDR
// objects or, if there are none or they are forbidden, from kubeadm's
// ClusterConfiguration or OpenShift's Network config. What is absent, forbidden or
// malformed is reported in Problems. Errors are only ErrUnreachable, ErrTLS,
// ErrUnauthorized, that of ctx, and responses that exceed a limit.
func (d *Datastore) Survey(ctx context.Context) (facts.Survey, error) {
	if !d.isOpen() {
		return facts.Survey{}, errNotOpen
	}
	return clusterfacts.Survey(ctx, d.client)
}

// Installation reads the Installation "default" of operator.tigera.io, in the first served
// version that has it. Errors are those of Survey; anything else is its Problem.
func (d *Datastore) Installation(ctx context.Context) (facts.Installation, error) {
	if !d.isOpen() {
		return facts.Installation{}, errNotOpen
	}
	return clusterfacts.Installation(ctx, d.client)
}
