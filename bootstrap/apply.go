package bootstrap

import (
	"errors"
	"fmt"
	"maps"
	"reflect"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
)

// changedSince returns an ErrConflict if the plan is not the one that was agreed
// to, but for what the run has written of it.
func (r *runner) changedSince(now plan.Plan) error {
	if r.agreed == nil {
		return nil
	}
	if was, is := len(r.agreed.Steps), len(now.Steps); was != is {
		return errors.Join(datastore.ErrConflict, fmt.Errorf("the plan had %d steps, and has %d now", was, is))
	}
	for i, is := range now.Steps {
		if was := r.agreed.Steps[i]; !is.Done && !sameStep(was, is) {
			return &planChangedError{was.Name, describe(was), describe(is)}
		}
	}
	return nil
}

// sameStep compares what is done, to which pool, into what. Where the CIDR was
// unknown, any will do.
func sameStep(was, is plan.Step) bool {
	if was.Action != is.Action || was.Name != is.Name || was.Desired != is.Desired || !reflect.DeepEqual(was.Drift, is.Drift) {
		return false
	}
	if was.Pool == nil || is.Pool == nil {
		return was.Pool == is.Pool
	}
	spec := is.Pool.Spec
	if len(was.Unknown) > 0 {
		spec.CIDR = was.Pool.Spec.CIDR
	}
	return reflect.DeepEqual(was.Pool.Spec, spec) &&
		maps.Equal(was.Pool.Labels, is.Pool.Labels) && maps.Equal(was.Pool.Annotations, is.Pool.Annotations) &&
		was.Pool.DeletionTimestamp.Equal(is.Pool.DeletionTimestamp)
}

func describe(step plan.Step) string {
	text := fmt.Sprintf("%s (%s)", step.Action, step.PlannedReason())
	if step.Pool != nil && step.Pool.Spec.CIDR != "" {
		text = step.Pool.Spec.CIDR + " " + text
	}
	return text
}
