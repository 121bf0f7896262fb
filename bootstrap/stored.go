package bootstrap

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
)

// storedDifference returns a warning if the stored pool differs from the requested
// one: an API server drops fields that its schema doesn't have, and webhooks can change
// any field. Nil: they are equal.
func storedDifference(requested, stored *v3.IPPool) []string {
	want, got := fieldsOf(withModes(requested.Spec)), fieldsOf(withModes(stored.Spec))
	all := maps.Clone(want)
	maps.Copy(all, got)
	var differences []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if want[name] != got[name] {
			differences = append(differences, fmt.Sprintf("%s is %s, not %s", name, orUnset(got[name]), orUnset(want[name])))
		}
	}
	if differences == nil {
		return nil
	}
	return []string{fmt.Sprintf("the datastore stored IPPool %q with changed fields: %s", requested.Name, strings.Join(differences, ", "))}
}

// keeps reports whether the stored pool may result from the sent one. A field that only
// one of them has may have been dropped or defaulted by the datastore.
func keeps(stored, sent *v3.IPPool) bool {
	want, got := fieldsOf(withModes(sent.Spec)), fieldsOf(withModes(stored.Spec))
	for name, value := range got {
		if requested, ok := want[name]; ok && requested != value || !ok && value == "true" {
			return false
		}
	}
	return want["natOutgoing"] == got["natOutgoing"]
}

// fieldsOf returns the fields of a spec, encoded as JSON.
func fieldsOf(spec v3.IPPoolSpec) map[string]string {
	var fields map[string]json.RawMessage
	data, err := json.Marshal(spec)
	if err == nil {
		err = json.Unmarshal(data, &fields)
	}
	if err != nil {
		panic(err) // can't happen: a spec consists of strings, numbers and booleans
	}
	texts := map[string]string{}
	for name, value := range fields {
		texts[name] = string(value)
	}
	return texts
}

func orUnset(value string) string {
	if value == "" {
		return "unset"
	}
	return value
}
