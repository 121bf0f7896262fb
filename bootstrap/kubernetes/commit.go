package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Commit writes the changes one after the other, in their order, and stops at
// the first that fails: nothing that comes after a pool that is refused is
// there. It returns bootstrap.ErrConflict if a pool that it is to create exists
// by now, or if one that it is to update was written or deleted since it was
// read. A *bootstrap.PartialError says what was written before that.
func (d *Datastore) Commit(ctx context.Context, _ bootstrap.Snapshot, changes []bootstrap.Change) error {
	group, err := d.group(ctx)
	if err != nil {
		return err
	}
	var done bootstrap.PartialError
	for _, change := range changes {
		written := true
		if change.Update != nil {
			written, done.Err = d.update(ctx, group, change.Update)
		} else {
			done.Err = d.create(ctx, group, change.Create)
		}
		switch {
		case done.Err != nil && len(done.Created)+len(done.Updated) > 0:
			return &done
		case done.Err != nil:
			return done.Err
		case change.Update == nil:
			done.Created = append(done.Created, change.Name())
		case written:
			done.Updated = append(done.Updated, change.Name())
		}
	}
	return nil
}

// create writes a new pool, and into it what the API server keeps.
func (d *Datastore) create(ctx context.Context, group schema.GroupVersion, pool *v3.IPPool) error {
	asked := pool.DeepCopy()
	asked.APIVersion, asked.Kind = group.String(), v3.KindIPPool
	// The rest is the API server's to give.
	asked.ObjectMeta = metav1.ObjectMeta{Name: pool.Name, Labels: pool.Labels, Annotations: pool.Annotations}
	data, err := json.Marshal(asked)
	if err != nil {
		return err
	}
	action := action{
		doing: fmt.Sprintf("creating IPPool %q", pool.Name), verb: "create", group: group.Group, resource: poolResource,
	}
	return d.write(ctx, action, d.client.Post().AbsPath(path(group, poolResource)...).Body(data), pool)
}

// update changes in a pool what differs in the record's spec, and writes into
// the record's Pool what the API server keeps. It is a patch, so that whatever
// is not in it stays, known or not. Where nothing differs, nothing is written.
func (d *Datastore) update(ctx context.Context, group schema.GroupVersion, record *ippool.Record) (written bool, err error) {
	pool := &record.Pool
	action := action{
		doing: fmt.Sprintf("updating IPPool %q", pool.Name), verb: "patch", group: group.Group, resource: poolResource,
	}
	patch, err := versionedPatch(record)
	if err != nil {
		return false, &bootstrap.DatastoreError{Place: d.config.place(), Doing: action.doing, Err: err}
	}
	if patch == nil {
		return false, nil
	}
	request := d.client.Patch(types.MergePatchType).AbsPath(append(path(group, poolResource), pool.Name)...).Body(patch)
	return true, d.write(ctx, action, request, pool)
}

// versionedPatch is the record's merge patch with the resourceVersion that it
// was read with: the API server applies it to no other. Nil: nothing changed.
func versionedPatch(record *ippool.Record) ([]byte, error) {
	data, err := record.MergePatch()
	if err != nil || data == nil {
		return nil, err
	}
	if record.Pool.ResourceVersion == "" {
		return nil, errors.New("the record has no resourceVersion: only records of a snapshot can be updated")
	}
	var patch map[string]any
	if err := json.Unmarshal(data, &patch); err != nil {
		return nil, err
	}
	patch["metadata"] = map[string]string{"resourceVersion": record.Pool.ResourceVersion}
	return json.Marshal(patch)
}

// write sends a pool or a patch of one, and writes into the pool what the API
// server keeps.
func (d *Datastore) write(ctx context.Context, action action, request *rest.Request, pool *v3.IPPool) error {
	body, err := d.call(ctx, action, request.Param("fieldManager", fieldManager))
	if err != nil {
		return err
	}
	record, err := ippool.DecodeRecord(body)
	if err != nil {
		return d.explain(action, fmt.Errorf("%w: %w", errNoPool, err))
	}
	kept := &record.Pool
	if kept.UID == "" {
		return d.explain(action, fmt.Errorf("%w: it has no uid", errNoPool))
	}
	pool.UID, pool.CreationTimestamp, pool.ResourceVersion, pool.Spec = kept.UID, kept.CreationTimestamp, kept.ResourceVersion, kept.Spec
	return nil
}
