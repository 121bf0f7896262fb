package ippool

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// MergePatch returns what makes the spec of the decoded record that of Pool, as
// a JSON merge patch (RFC 7386); nil if nothing in it changed. Only fields that
// changed are named: null takes one away, and a list is given whole. Changes of
// metadata and status are not in it. It is an error if the record is new, or if
// an object in it has a name more than once: nobody knows which one a patch
// would change.
func (r *Record) MergePatch() ([]byte, error) {
	if r.raw == nil {
		return nil, errors.New("a new record has nothing to patch")
	}
	encoded, err := encodePool(r.Pool())
	if err != nil {
		return nil, err
	}
	was, err := specMembers(r.decoded)
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

// spelledPatch names the fields as the record does, in whatever case: under
// another name, a patch would put a second field beside the one that it means.
func (r *Record) spelledPatch(changed map[string]json.RawMessage) ([]byte, error) {
	record, err := parseObject(r.raw)
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

// only returns the one member of that name, as it is spelled, and its value.
// Where there is none, that is the name itself; more than one is an error.
func (o *object) only(name string) (spelled string, value []byte, err error) {
	spelled = name
	for _, m := range o.members {
		if !inStruct(m.name, name) {
			continue
		}
		if value != nil {
			return "", nil, fmt.Errorf("the stored record has the name %q more than once", name)
		}
		spelled, value = m.name, m.value
	}
	return spelled, value, nil
}
