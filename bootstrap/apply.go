package bootstrap

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// changedSince returns an ErrConflict if now differs from the plan to apply. Steps
// that this run has written, or may have written, are not compared.
func (r *runner) changedSince(now plan.Plan) error {
	if r.agreed == nil {
		return nil
	}
	agreed, steps := r.agreed.Steps, now.Steps
	if slices.ContainsFunc(agreed, unknown) {
		agreed, steps = withoutSplits(agreed), withoutSplits(steps)
	}
	if was, is := len(agreed), len(steps); was != is {
		return &planChangedError{fmt.Sprintf("it had %d pools and has %d now", was, is)}
	}
	for i, is := range steps {
		was := agreed[i]
		if is.Done || sameStep(was, is) || was.Action == plan.Created && r.ledger.mayHaveCreated(is) {
			continue
		}
		before, after := describe(was), describe(is)
		if before == after {
			after += ", with other field values"
		}
		return &planChangedError{fmt.Sprintf("IPPool %q was: %s; it is now: %s", was.Name, before, after)}
	}
	return nil
}

// withoutSplits returns the steps without those of IPv6 ranges that are split around a random
// CIDR, which a plan does not know.
func withoutSplits(steps []plan.Step) []plan.Step {
	return slices.DeleteFunc(slices.Clone(steps), func(step plan.Step) bool {
		return step.NoNATTo.IsValid() && step.Family == ippool.IPv6
	})
}

// sameStep compares the action, the pool and its new content. If the CIDR was
// unknown, any default CIDR matches, but not one that the cluster now configures.
func sameStep(was, is plan.Step) bool {
	if was.Action != is.Action || was.Name != is.Name || was.Desired != is.Desired || !reflect.DeepEqual(was.Drift, is.Drift) {
		return false
	}
	if was.Pool == nil || is.Pool == nil {
		return was.Pool == is.Pool
	}
	spec := is.Pool.Spec
	if len(was.Unknown) > 0 && isDefault(is.Values, "cidr") {
		spec.CIDR = was.Pool.Spec.CIDR
	}
	return reflect.DeepEqual(was.Pool.Spec, spec) &&
		maps.Equal(was.Pool.Labels, is.Pool.Labels) && maps.Equal(was.Pool.Annotations, is.Pool.Annotations) &&
		was.Pool.DeletionTimestamp.Equal(is.Pool.DeletionTimestamp)
}

func isDefault(values []plan.Value, field string) bool {
	return slices.ContainsFunc(values, func(value plan.Value) bool {
		return value.Field == field && value.Source.Kind() == origin.KindDefault
	})
}

func describe(step plan.Step) string {
	text := fmt.Sprintf("%s (%s)", step.Action, step.PlannedReason())
	if step.Pool != nil && step.Pool.Spec.CIDR != "" {
		text = step.Pool.Spec.CIDR + " " + text
	}
	return text
}
