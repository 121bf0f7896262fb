package ippool

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// fieldsOfV1 are the fields of Calico's v1 API that v3 has under another name. They are in
// the Go type, but Calico v3 ignores them in a stored pool. The names are in lower case:
// Calico decodes the names of fields in any case.
var fieldsOfV1 = map[string]string{"ipip": "ipipMode", "nat-outgoing": "natOutgoing"}

// specFields are the names of the fields of a pool's spec.
var specFields = sync.OnceValue(func() []string {
	var names []string
	for _, member := range reflect.VisibleFields(reflect.TypeFor[v3.IPPoolSpec]()) {
		name, _, _ := strings.Cut(member.Tag.Get("json"), ",")
		if fieldsOfV1[strings.ToLower(name)] == "" {
			names = append(names, name)
		}
	}
	return names
})

// Validate returns all faults of the record: those of its pool, as the function
// [Validate] does, a stored kind or name that is not that of the pool, and the fields of the
// stored spec that Calico ignores, sorted by name: those of the v1 API, and unknown ones. A
// newer Calico may know the latter. It returns nil if there are no faults.
func (r *Record) Validate() field.ErrorList {
	faults := Validate(&r.pool)
	var stored struct {
		Kind     string `json:"kind"`
		Metadata struct {
			Name string `json:"name"`
		} `json:"metadata"`
		Spec map[string]json.RawMessage `json:"spec"`
	}
	if json.Unmarshal([]byte(r.raw), &stored) != nil { // a new record
		return faults
	}
	if stored.Kind != "" && stored.Kind != v3.KindIPPool {
		faults = append(faults, field.Invalid(field.NewPath("kind"), stored.Kind, "must be "+v3.KindIPPool))
	}
	if name := stored.Metadata.Name; name != "" && name != r.pool.Name {
		faults = append(faults, field.Invalid(field.NewPath("metadata", "name"), name,
			fmt.Sprintf("must be %q, the name in the key of the record", r.pool.Name)))
	}
	for _, name := range slices.Sorted(maps.Keys(stored.Spec)) {
		// Calico decodes the names of fields in any case.
		known := slices.ContainsFunc(specFields(), func(known string) bool { return strings.EqualFold(known, name) })
		if known || string(stored.Spec[name]) == "null" {
			continue
		}
		faults = append(faults, field.Forbidden(specPath.Child(name), unknownField(name)))
	}
	return faults
}

// unknownField returns why a field is ignored, and the field that may be meant.
func unknownField(name string) string {
	if v3 := fieldsOfV1[strings.ToLower(name)]; v3 != "" {
		return "a field of Calico's v1 API, which Calico v3 ignores; set " + v3
	}
	plain := strings.NewReplacer("-", "", "_", "").Replace(name)
	for _, known := range specFields() {
		if strings.EqualFold(plain, known) {
			return "unknown field, which Calico ignores; did you mean " + known
		}
	}
	return "unknown field, which Calico ignores unless a newer version has it"
}
