package bootstrap

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
)

// storedDifference warns if a datastore keeps a pool otherwise than it was asked
// to: an API server drops fields that its schema is too old for, and webhooks
// change what they like. Nil: it doesn't.
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

// keeps reports whether the stored pool may be what the datastore made of the one
// that it was sent: fields that one of the two lacks were dropped or filled in.
func keeps(stored, sent *v3.IPPool) bool {
	want, got := fieldsOf(withModes(sent.Spec)), fieldsOf(withModes(stored.Spec))
	for name, value := range got {
		if requested, ok := want[name]; ok && requested != value || !ok && value == "true" {
			return false
		}
	}
	return want["natOutgoing"] == got["natOutgoing"]
}

// fieldsOf returns the fields that a spec has as JSON.
func fieldsOf(spec v3.IPPoolSpec) map[string]string {
	var fields map[string]json.RawMessage
	data, err := json.Marshal(spec)
	if err == nil {
		err = json.Unmarshal(data, &fields)
	}
	if err != nil {
		panic(err) // a spec is nothing but texts, numbers and booleans
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
