package kubernetes

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// apiGroups may hold pools. Where both are served, the second is the aggregated
// API server's view of the first.
var apiGroups = []schema.GroupVersion{ippool.CRDV1, v3.SchemeGroupVersion}

func isAPIGroup(group schema.GroupVersion) bool { return slices.Contains(apiGroups, group) }

const (
	poolResource  = ippool.Resource
	blockResource = "ipamblocks"

	// blockPage is how many blocks one read asks for, some 500 bytes each.
	blockPage = "5000"

	// fieldManager is who the API server says wrote the fields of a pool.
	fieldManager = "calico-bootstrap"

	acceptMetadata = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
)

// Datastore keeps pools in the Kubernetes API. Blocks, PodCIDRs and Survey may
// be called at the same time, each once; it is not safe for other concurrent
// use.
type Datastore struct {
	config    Config
	transport *http.Client
	client    *rest.RESTClient
	found     schema.GroupVersion // the group that a list found; empty: not yet
	looked    bool                // for pools that are elsewhere

	forbidden sync.Map // action to time.Time: what is forbidden, and since when
}

var (
	_ bootstrap.Datastore = (*Datastore)(nil)
	_ bootstrap.Cluster   = (*Datastore)(nil)
)

// Type is bootstrap.Kubernetes.
func (d *Datastore) Type() bootstrap.DatastoreType { return bootstrap.Kubernetes }

// Snapshot reads every pool with one list, of the API group that is served: the
// first that is not unknown to the API server. Nothing is written on the word
// of a list that may be stale, so none is asked for. Revision is the list's
// resourceVersion.
func (d *Datastore) Snapshot(ctx context.Context) (bootstrap.Snapshot, error) {
	groups := apiGroups
	switch {
	case !d.config.APIGroup.Empty():
		groups = []schema.GroupVersion{d.config.APIGroup}
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
		case errors.Is(err, bootstrap.ErrNotInstalled),
			len(absent) > 0 && errors.Is(err, bootstrap.ErrForbidden): // a role for the first group alone
			absent = append(absent, err)
		default:
			return bootstrap.Snapshot{}, err
		}
	}
	d.found = schema.GroupVersion{}
	if err := d.elsewhere(ctx); err != nil {
		return bootstrap.Snapshot{}, err
	}
	return bootstrap.Snapshot{}, d.notInstalled(groups, absent)
}

// list reads the pools of one group.
func (d *Datastore) list(ctx context.Context, group schema.GroupVersion) (bootstrap.Snapshot, error) {
	action := action{doing: "reading IP pools", verb: "list", group: group.Group, resource: poolResource}
	body, err := d.call(ctx, action, d.client.Get().AbsPath(path(group, poolResource)...))
	if err != nil {
		return bootstrap.Snapshot{}, err
	}
	snapshot, err := readPools(body)
	if err != nil {
		return bootstrap.Snapshot{}, d.explain(action, err)
	}
	return snapshot, nil
}

// elsewhere tells of a cluster that has its pools in the one group while the
// config asks for the newer one: that won't come by waiting. It looks once.
func (d *Datastore) elsewhere(ctx context.Context) error {
	if d.config.APIGroup != v3.SchemeGroupVersion || d.looked {
		return nil
	}
	d.looked = true
	if _, err := d.list(ctx, ippool.CRDV1); err != nil {
		return nil // nothing is known, then
	}
	return &bootstrap.DatastoreError{
		Place: d.config.place(), Doing: "reading IP pools",
		Err:  fmt.Errorf("the API server has no %s in %s, which was asked for, but in %s", poolResource, v3.SchemeGroupVersion, ippool.CRDV1),
		Hint: fmt.Sprintf("set --calico-api-group or CALICO_API_GROUP to %s, or leave it out", ippool.CRDV1),
	}
}

// group is the API group that has the pools. Only a list tells, unless one did
// before or the config says it.
func (d *Datastore) group(ctx context.Context) (schema.GroupVersion, error) {
	if !d.config.APIGroup.Empty() {
		return d.config.APIGroup, nil
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

// list is what lists of any kind have in common.
type list struct {
	Kind     string `json:"kind"`
	Metadata struct {
		ResourceVersion string `json:"resourceVersion"`
		Continue        string `json:"continue"`
	} `json:"metadata"`
	Items []json.RawMessage `json:"items"`
}

// Answers of something that is no API server.
var (
	errNoList = errors.New("the answer is no list of the Kubernetes API")
	errNoPool = errors.New("the answer is no IPPool")
)

func readList(body []byte) (list, error) {
	var l list
	if err := json.Unmarshal(body, &l); err != nil || !strings.HasSuffix(l.Kind, "List") {
		return l, errNoList
	}
	return l, nil
}

// object is what every object has.
type object struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
}

func readPools(body []byte) (bootstrap.Snapshot, error) {
	l, err := readList(body)
	if err != nil {
		return bootstrap.Snapshot{}, err
	}
	snapshot := bootstrap.Snapshot{Revision: l.Metadata.ResourceVersion}
	for _, item := range l.Items {
		var named object
		if err := json.Unmarshal(item, &named); err != nil {
			return bootstrap.Snapshot{}, errNoList
		}
		record, err := ippool.DecodeRecord(item)
		if err != nil {
			snapshot.Unreadable = append(snapshot.Unreadable, bootstrap.Unreadable{
				Name: named.Metadata.Name, Err: err, CIDR: ippool.RecordCIDR(item),
			})
			continue
		}
		snapshot.Pools = append(snapshot.Pools, record)
	}
	slices.SortFunc(snapshot.Pools, func(a, b *ippool.Record) int { return cmp.Compare(a.Pool.Name, b.Pool.Name) })
	slices.SortFunc(snapshot.Unreadable, func(a, b bootstrap.Unreadable) int { return cmp.Compare(a.Name, b.Name) })
	return snapshot, nil
}

// Blocks reads the names of all IPAM blocks, never the blocks, in one list
// unless there are thousands. A name that is no block's is passed over. Where
// the API server doesn't know blocks, there are none.
func (d *Datastore) Blocks(ctx context.Context, families []ippool.Family) ([]netip.Prefix, error) {
	group, err := d.group(ctx)
	if err != nil {
		return nil, err
	}
	action := action{doing: "reading the names of IPAM blocks", verb: "list", group: group.Group, resource: blockResource}
	var blocks []netip.Prefix
	for next := ""; ; {
		request := d.client.Get().AbsPath(path(group, blockResource)...).
			SetHeader("Accept", acceptMetadata).Param("limit", blockPage)
		if next != "" {
			request.Param("continue", next)
		}
		body, err := d.call(ctx, action, request)
		if errors.Is(err, bootstrap.ErrNotInstalled) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		page, err := readList(body)
		if err != nil {
			return nil, d.explain(action, err)
		}
		for _, item := range page.Items {
			var block object
			if err := json.Unmarshal(item, &block); err != nil {
				return nil, d.explain(action, errNoList)
			}
			prefix, ok := parseBlockName(block.Metadata.Name)
			if ok && slices.Contains(families, ippool.FamilyOf(prefix)) {
				blocks = append(blocks, prefix)
			}
		}
		if next = page.Metadata.Continue; next == "" {
			return blocks, nil
		}
	}
}

// parseBlockName reads the name of a block, which is its CIDR with dashes for
// all that is no digit or letter: 10-244-0-0-26, fd00-10-244--40-122. Four
// groups are an IPv4 address: an IPv6 address of so few has a gap.
func parseBlockName(name string) (netip.Prefix, bool) {
	i := strings.LastIndexByte(name, '-')
	if i < 0 {
		return netip.Prefix{}, false
	}
	address, length := name[:i], name[i+1:]
	for _, separator := range []string{".", ":"} {
		if prefix, err := netip.ParsePrefix(strings.ReplaceAll(address, "-", separator) + "/" + length); err == nil {
			return prefix, true
		}
	}
	return netip.Prefix{}, false
}
