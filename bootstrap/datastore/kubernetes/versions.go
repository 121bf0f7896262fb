package kubernetes

import (
	"cmp"
	"context"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/clusterfacts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
)

var _ facts.VersionReader = (*Datastore)(nil)

// Versions reads the version of the API server, the resources of Calico's API groups, and the
// ClusterInformation in the group of the pools. It does not list pools to find that group:
// without the group of the config or of an earlier Snapshot, Group is empty, and the
// ClusterInformation is that of the first group that is served. If the API server is
// unreachable or refuses the credentials, it makes no further request.
func (d *Datastore) Versions(ctx context.Context) facts.Versions {
	if !d.isOpen() {
		return facts.Versions{Problems: []string{errNotOpen.Error()}}
	}
	return clusterfacts.Versions(ctx, d.client, apiGroups, cmp.Or(d.found, d.requested))
}
