package manifest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/internal/yamlnode"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Entry is a pool in a manifest.
type Entry struct {
	// Pool has the values in the manifest, and the kind and API version of
	// Calico's v3 resources. Defaults are not set, but for those of the Tigera
	// operator: see [installation.Spec.Pools].
	Pool *v3.IPPool

	// Line is the line where the entry begins, from 1.
	Line int

	// Lines are the lines of the given fields, valid or not: name, cidr,
	// natOutgoing and so on, allowedUses and allowedUses[0], labels[KEY],
	// annotations[KEY]. The names are those of an IPPool also if the manifest has
	// others: encapsulation is ipipMode and vxlanMode. A value that an omitted field
	// implies has the line of the entry.
	Lines map[string]int

	path    string          // of the entry in its document: empty, items[2], ip_pools[0]
	flat    bool            // the pool has no metadata and spec, but their fields
	invalid map[string]bool // fields that Decode has reported a fault for

	// written has the fields that the manifest writes in another way.
	written map[string]written
}

// written is a field with another name or another value than in an IPPool.
type written struct {
	path  string // in the entry
	value string // empty: the same
	none  string // of a mode: what disables encapsulation; empty: Never
}

// Fault is an error or a warning about a manifest.
type Fault struct {
	Line    int    // from 1
	Path    string // of the field, such as items[2].spec.cidr; empty: the entry or document
	Value   string // as given; empty if there is none
	Problem string // what is invalid, and what would be valid

	// Conflict is the name of the field of the spec, such as natOutgoing, if the fault is
	// one of [ippool.Conflicts]; otherwise empty.
	Conflict string

	// ServerField reports whether the fault is a warning about a field that is ignored
	// because only a server sets it.
	ServerField bool
}

// Error returns one line: line number, path, value and problem.
func (f Fault) Error() string {
	parts := []string{fmt.Sprintf("line %d", f.Line)}
	if f.Path != "" {
		parts = append(parts, f.Path)
	}
	if f.Value != "" {
		parts = append(parts, text.Quote(f.Value))
	}
	problem := f.Problem
	if text.Secret(f.Value) != "" {
		problem = text.Without(problem, f.Value)
	}
	return strings.Join(append(parts, problem), ": ")
}

func compareLines(a, b Fault) int { return cmp.Compare(a.Line, b.Line) }

// At returns a fault of a field of the entry. The path is that in an IPPool, such
// as metadata.name or spec.allowedUses[1], also if the entry is flat or its fields have
// other names. The line of a field that isn't given is that of the entry.
func (e Entry) At(path, value, problem string) Fault {
	_, name, _ := strings.Cut(path, ".")
	line, given := e.Lines[name]
	if !given {
		line = e.Line
	}
	switch written, renamed := e.written[name]; {
	case renamed:
		path, value = written.path, cmp.Or(written.value, value)
	case e.flat:
		path = name
	}
	return Fault{Line: line, Path: yamlnode.Join(e.path, path), Value: value, Problem: problem}
}

// Validate returns all faults of a single pool with its defaults, by the rules of
// [ippool.Validate] and those for labels and annotations. It skips fields that
// Decode has reported a fault for. The entry does not change.
func (e Entry) Validate() []Fault {
	pool := e.Pool.DeepCopy()
	e.spareOthers(pool)
	ippool.Default(pool)
	all := slices.Concat(ippool.Validate(pool), validateMetadata(pool))
	var faults []Fault
	for _, fault := range all {
		_, name, _ := strings.Cut(fault.Field, ".")
		if parent, _, _ := strings.Cut(name, "["); e.invalid[name] || e.invalid[parent] {
			continue
		}
		problem := fault.Detail
		switch fault.Type {
		case field.ErrorTypeNotSupported:
			problem = "unknown; " + problem
		case field.ErrorTypeDuplicate:
			problem = "duplicate value"
		}
		if fault.Field == "spec.namespaceSelector" && fault.Type == field.ErrorTypeForbidden && len(e.Pool.Spec.AllowedUses) == 0 {
			problem += "; without allowedUses the pool is for Workload and Tunnel; set allowedUses: [Workload]"
		}
		if none := e.written[name].none; none != "" && fault.Type == field.ErrorTypeForbidden {
			problem = inOtherWords(pool, none)
		}
		value := ""
		if fault.Type != field.ErrorTypeRequired && fault.Type != field.ErrorTypeTooLong {
			value = fmt.Sprint(fault.BadValue)
		}
		found := e.At(fault.Field, value, problem)
		if fault.Type == field.ErrorTypeForbidden && fault.Field != "metadata.annotations" {
			found.Conflict = name
		}
		faults = append(faults, found)
	}
	slices.SortStableFunc(faults, compareLines)
	return faults
}

// inOtherWords returns why a pool can't have its encapsulation, for a manifest that has a
// single field for it, in which none disables it.
func inOtherWords(pool *v3.IPPool, none string) string {
	if slices.Contains(pool.Spec.AllowedUses, v3.IPPoolAllowedUseLoadBalancer) {
		return "must be " + none + " for a LoadBalancer pool"
	}
	return "IP-in-IP does not carry IPv6; must be " + none
}

// spareOthers replaces invalid values by ones that cause no faults in other
// fields.
func (e Entry) spareOthers(pool *v3.IPPool) {
	spec := &pool.Spec
	if e.invalid["blockSize"] || e.invalid["disabled"] {
		spec.Disabled = true // a disabled pool may be smaller than a block
	}
	if e.invalid["allowedUses"] {
		spec.AllowedUses = []v3.IPPoolAllowedUse{v3.IPPoolAllowedUseWorkload}
	}
}

// maxAnnotations is the maximum size of all annotations in an API server, in bytes.
const maxAnnotations = 256 * 1024

// validateMetadata validates labels and annotations as every API server does, in
// the order of their keys.
func validateMetadata(pool *v3.IPPool) field.ErrorList {
	var faults field.ErrorList
	labels, annotations := field.NewPath("metadata", "labels"), field.NewPath("metadata", "annotations")
	for _, key := range slices.Sorted(maps.Keys(pool.Labels)) {
		value := pool.Labels[key]
		for _, reason := range validation.IsQualifiedName(key) {
			faults = append(faults, field.Invalid(labels.Key(key), key, "the key: "+reason))
		}
		for _, reason := range validation.IsValidLabelValue(value) {
			faults = append(faults, field.Invalid(labels.Key(key), value, reason))
		}
	}
	size := 0
	for _, key := range slices.Sorted(maps.Keys(pool.Annotations)) {
		size += len(key) + len(pool.Annotations[key])
		for _, reason := range validation.IsQualifiedName(strings.ToLower(key)) {
			faults = append(faults, field.Invalid(annotations.Key(key), key, "the key: "+reason))
		}
	}
	if size > maxAnnotations {
		faults = append(faults, field.Forbidden(annotations, fmt.Sprintf("%d bytes in all; must be no more than %d", size, maxAnnotations)))
	}
	return faults
}
