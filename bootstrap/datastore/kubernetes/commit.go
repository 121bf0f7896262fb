package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/api"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// fieldManager is the field manager of the pools that are written.
const fieldManager = "calico-bootstrap"

// Commit writes the changes one by one, in order, and stops at the first failure. It
// returns datastore.ErrConflict if a pool to create exists, or if a pool to update was
// written or deleted since it was read. The result has what was written before.
func (d *Datastore) Commit(ctx context.Context, _ datastore.Snapshot, changes []datastore.Change) (datastore.Result, error) {
	var result datastore.Result
	group, err := d.group(ctx)
	if err != nil {
		return result, err
	}
	for _, change := range changes {
		if change.Update == nil && change.Create == nil {
			return result, errors.New("kubernetes: a change has neither a pool to create nor one to update")
		}
		var outcome datastore.Outcome
		if change.Update != nil {
			outcome.Stored, err = d.update(ctx, group, change.Update)
		} else {
			outcome.Stored, err = d.create(ctx, group, change.Create)
		}
		switch {
		case outcome.Stored != nil:
			outcome.State = datastore.Written
		case answerLost(err):
			outcome.State = datastore.Unknown
		}
		result.Outcomes = append(result.Outcomes, outcome)
		if err != nil {
			return result, err
		}
	}
	return result, nil
}

// answerLost reports whether a failed write may have been carried out: unless it was not
// sent, or the API server refused it.
func answerLost(err error) bool {
	var unsent *unsentError
	switch {
	case err == nil, errors.As(err, &unsent):
		return false
	case datastore.Retryable(err):
		return true
	}
	for _, refusal := range []error{datastore.ErrConflict, datastore.ErrRefused, datastore.ErrForbidden, datastore.ErrUnauthorized, datastore.ErrNotInstalled} {
		if errors.Is(err, refusal) {
			return false
		}
	}
	return true
}

// unsentError is the cause why a write was not sent.
type unsentError struct{ err error }

func (e *unsentError) Error() string { return e.err.Error() }
func (e *unsentError) Unwrap() error { return e.err }

// create creates a pool and returns it as the API server stored it.
func (d *Datastore) create(ctx context.Context, group schema.GroupVersion, pool *v3.IPPool) (*v3.IPPool, error) {
	requested := pool.DeepCopy()
	requested.APIVersion, requested.Kind = group.String(), v3.KindIPPool
	// The API server sets the rest.
	requested.ObjectMeta = metav1.ObjectMeta{Name: pool.Name, Labels: pool.Labels, Annotations: pool.Annotations}
	data, err := json.Marshal(requested)
	if err != nil {
		return nil, &unsentError{err}
	}
	action := d.action("create", group, fmt.Sprintf("creating IPPool %s", text.Quote(pool.Name)))
	return d.write(ctx, action, group, pool.Name, d.client.Post(path(group, poolResource)...).Body(data))
}

// update patches the modified fields of the record's spec and returns the pool as the
// API server stored it. A patch preserves all other fields, including unknown ones. If
// nothing differs, update writes nothing and returns nil.
func (d *Datastore) update(ctx context.Context, group schema.GroupVersion, record *ippool.Record) (*v3.IPPool, error) {
	pool := record.Pool()
	action := d.action("patch", group, fmt.Sprintf("updating IPPool %s", text.Quote(pool.Name)))
	patch, err := versionedPatch(record)
	if err != nil {
		return nil, &unsentError{&datastore.Error{Place: d.client.Place(), Operation: action.Operation, Err: err}}
	}
	if patch == nil {
		return nil, nil
	}
	return d.write(ctx, action, group, pool.Name, d.client.Patch(append(path(group, poolResource), pool.Name)...).Body(patch))
}

// versionedPatch returns the record's merge patch with the resourceVersion that it was
// read with, so that the API server rejects it after other writes. Nil: nothing
// changed.
func versionedPatch(record *ippool.Record) ([]byte, error) {
	data, err := record.MergePatch()
	if err != nil || data == nil {
		return nil, err
	}
	if record.Pool().ResourceVersion == "" {
		return nil, errors.New("the record has no resourceVersion: only records of a snapshot can be updated")
	}
	var patch map[string]any
	if err := json.Unmarshal(data, &patch); err != nil {
		return nil, err
	}
	patch["metadata"] = map[string]string{"resourceVersion": record.Pool().ResourceVersion}
	return json.Marshal(patch)
}

// write sends a pool or a patch and returns the pool as the API server stored it. If the
// response is not that pool, the outcome is unknown.
func (d *Datastore) write(ctx context.Context, action api.Action, group schema.GroupVersion, name string, request *rest.Request) (*v3.IPPool, error) {
	body, err := d.client.Call(ctx, action, request.Param("fieldManager", fieldManager))
	if err != nil {
		return nil, err
	}
	pool, err := storedPool(body, group, name)
	if err != nil {
		return nil, d.client.Explain(action, err)
	}
	return pool, nil
}

// storedPool decodes the response to a write of the pool of that name.
func storedPool(body []byte, group schema.GroupVersion, name string) (*v3.IPPool, error) {
	if !api.IsKind(body, v3.KindIPPool, group.String()) {
		return nil, api.ErrNoPool
	}
	record, err := ippool.DecodeRecord(new(cutter).withoutUnused(body))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", api.ErrNoPool, err)
	}
	switch pool := record.Pool(); {
	case pool.Name != name:
		return nil, fmt.Errorf("%w of the name %q, but of %q", api.ErrNoPool, name, pool.Name)
	case pool.UID == "":
		return nil, fmt.Errorf("%w: it has no uid", api.ErrNoPool)
	default:
		return pool, nil
	}
}
