package ippool

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// MergePatch returns a JSON merge patch (RFC 7386) that turns the spec of the
// decoded record into that of Pool, or nil if the spec did not change. The patch
// names only fields that changed: null removes a field, and a list is complete.
// It doesn't include changes of metadata and status. It is an error if the record
// is new, or if an object in it has a duplicate name: which of the two a patch
// would change is undefined.
func (r *Record) MergePatch() ([]byte, error) {
	if r.raw == "" {
		return nil, errors.New("a new record has nothing to patch")
	}
	encoded, err := encodePool(r.Pool())
	if err != nil {
		return nil, err
	}
	decoded, err := r.decoded()
	if err != nil {
		return nil, err
	}
	was, err := specMembers(decoded)
	if err != nil {
		return nil, err
	}
	is, err := specMembers(encoded)
	if err != nil {
		return nil, err
	}
	changed := map[string]json.RawMessage{}
	for name, value := range is {
		if !bytes.Equal(was[name], value) {
			changed[name] = value
		}
	}
	for name := range was {
		if _, stays := is[name]; !stays {
			changed[name] = json.RawMessage("null")
		}
	}
	if len(changed) == 0 {
		return nil, nil
	}
	return r.spelledPatch(changed)
}

// specMembers returns the fields of the spec of an encoded pool.
func specMembers(encoded []byte) (map[string]json.RawMessage, error) {
	var pool struct {
		Spec map[string]json.RawMessage `json:"spec"`
	}
	err := json.Unmarshal(encoded, &pool)
	return pool.Spec, err
}

// spelledPatch spells the names of fields as the record does, whatever their
// case: with another spelling, the patch would add a second field.
func (r *Record) spelledPatch(changed map[string]json.RawMessage) ([]byte, error) {
	record, err := parseObject([]byte(r.raw))
	if err != nil {
		return nil, err
	}
	var inSpec object
	spec, stored, err := record.only("spec")
	if err != nil {
		return nil, err
	}
	if isObject(stored) {
		if inSpec, err = parseObject(stored); err != nil {
			return nil, err
		}
	}
	patch := map[string]json.RawMessage{}
	for name, value := range changed {
		spelled, _, err := inSpec.only(name)
		if err != nil {
			return nil, err
		}
		patch[spelled] = value
	}
	return json.Marshal(map[string]any{spec: patch})
}

// only returns the spelling and the value of the member of that name, or the name
// and nil if there is no such member. More than one is an error.
func (o *object) only(name string) (spelled string, value []byte, err error) {
	spelled = name
	for _, m := range o.members {
		if !inStruct(m.name, name) {
			continue
		}
		if value != nil {
			return "", nil, fmt.Errorf("the stored record has the duplicate key %q", name)
		}
		spelled, value = m.name, m.value
	}
	return spelled, value, nil
}
