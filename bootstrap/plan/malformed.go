package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// MalformedError is an existing pool whose record can't be read, or only in part, so that
// fields of it can't be compared with the settings. It matches ErrDrift with errors.Is: see
// [Plan.Incomparable].
type MalformedError struct {
	Pool   string   // name of the pool
	Fields []string // fields of the spec that can't be read, and paths of others such as metadata.labels
	Err    error    // why
	Remedy string   // how to repair or delete it, with commands if they are known
}

// Error returns one line: pool, reason, remedy.
func (e *MalformedError) Error() string {
	return text.OneLine(fmt.Sprintf("IPPool %q is malformed and can't be compared with the settings: %s", e.Pool, e.problem()))
}

// Unwrap returns Err.
func (e *MalformedError) Unwrap() error { return e.Err }

// Is reports whether target is ErrDrift.
func (e *MalformedError) Is(target error) bool { return target == ErrDrift }

// problem returns the reason and the remedy.
func (e *MalformedError) problem() string { return text.Cause(e.Err) + "; " + e.Remedy }

// describe returns what exists under the name.
func (e *MalformedError) describe() string { return "a malformed record: " + text.Cause(e.Err) }

// Unreadable reports whether the field of the spec can't be read. The nil error is a record
// that can be read.
func (e *MalformedError) Unreadable(field string) bool {
	return e != nil && slices.Contains(e.Fields, field)
}

// Incomparable returns the malformed pools that have the name of a desired pool. With
// DriftFail they are errors, because the pools may differ from desired.
func (p Plan) Incomparable() []*MalformedError {
	var all []*MalformedError
	for _, step := range p.Steps {
		if step.Malformed != nil && step.Name == step.Desired {
			all = append(all, step.Malformed)
		}
	}
	return all
}

// specFields are the fields of a pool's spec that settings can set, in the order of the
// record.
var specFields = []string{
	"cidr", "vxlanMode", "ipipMode", "natOutgoing", "disabled", "disableBGPExport", "blockSize", "nodeSelector",
	"namespaceSelector", "allowedUses", "assignmentMode",
}

// malformed records that what exists under the name can't be used, and returns it.
func (p *planner) malformed(name string, err error) *MalformedError {
	broken := &MalformedError{Pool: name, Err: err, Fields: specFields[1:], Remedy: "repair or delete it"}
	if commands := p.CLI.Repair(name); commands != "" {
		broken.Remedy += ": " + commands
	}
	if partial := (*ippool.PartialError)(nil); errors.As(err, &partial) {
		broken.Fields = nil
		for _, unreadable := range partial.Fields {
			field, _ := strings.CutPrefix(unreadable.Path, "spec.")
			broken.Fields = append(broken.Fields, field)
		}
	}
	p.broken[name] = broken
	return broken
}

// existsInPart completes the step of a default pool that exists under its name with a
// malformed record: the fields that can be read are compared, and nothing is updated.
func (p *planner) existsInPart(step *Step, want DesiredPool) {
	step.Drift = slices.DeleteFunc(p.differences(want, step.Pool), func(d Difference) bool { return step.Malformed.Unreadable(d.Field) })
	setRemedy(step.Drift, "its record is malformed: repair or delete it")
	step.Reason = "exists; malformed: not compared: " + strings.Join(step.Malformed.Fields, ", ")
	if len(step.Drift) > 0 {
		step.Reason += "; differs from desired: " + fieldsThatDiffer(step.Drift)
	}
	p.reportDifferences(step)
}
