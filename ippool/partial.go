package ippool

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
)

// PartialError is the error of [DecodeRecord] for a JSON object in which fields of a pool
// have another type. It has what can be decoded.
type PartialError struct {
	Spec   v3.IPPoolSpec     // the fields that can be decoded; every other field is zero
	Fields []UnreadableField // those that can't be decoded, in the order of the record; at least one
}

// UnreadableField is a field of a stored pool that can't be decoded.
type UnreadableField struct {
	Path    string // such as spec.natOutgoing; spec if that is no object
	Problem string // which type it has, and which it must have
}

// Error returns one line: the path and the problem of every field.
func (e *PartialError) Error() string {
	texts := make([]string, len(e.Fields))
	for i, unreadable := range e.Fields {
		texts[i] = unreadable.Path + ": " + unreadable.Problem
	}
	return strings.Join(texts, "; ")
}

// partialError decodes an object field by field, after err was returned for all of it. It
// returns nil if the data is not a JSON object.
func partialError(data []byte, err error) *PartialError {
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		return nil
	}
	record, err := parseObject(data)
	if err != nil {
		return nil
	}
	partial, known := &PartialError{}, map[string]bool{}
	pool := &v3.IPPool{}
	try := func(path string, value, document []byte) {
		err := json.Unmarshal(document, &v3.IPPool{})
		if err == nil {
			err = json.Unmarshal(document, pool)
		}
		if err == nil {
			return
		}
		unreadable := UnreadableField{path, err.Error()}
		if mismatch := (*json.UnmarshalTypeError)(nil); errors.As(err, &mismatch) {
			verb := "is "
			if list := len(value) > 0 && value[0] == '['; list && mismatch.Value != "array" || isObject(value) && mismatch.Value != "object" {
				verb = "has a value that is "
			}
			unreadable.Problem = verb + typeInJSON(mismatch.Value) + "; must be " + typeInGo(mismatch.Type)
			if mismatch.Field != "" {
				unreadable.Path = strings.TrimPrefix(mismatch.Field, "TypeMeta.") // an embedded struct
			}
		}
		if !known[unreadable.Path] {
			known[unreadable.Path] = true
			partial.Fields = append(partial.Fields, unreadable)
		}
	}
	for _, m := range record.members {
		if inside := inStruct(m.name, "spec") || inStruct(m.name, "metadata"); !inside || !isObject(m.value) {
			alone := object{open: []byte("{"), members: []member{m}, close: []byte("}")}
			try(m.name, m.value, alone.encode())
			continue
		}
		part, err := parseObject(m.value)
		if err != nil {
			return nil // can't happen: the record is valid JSON
		}
		for _, field := range part.members {
			inner := object{open: []byte("{"), members: []member{field}, close: []byte("}")}
			m.value = inner.encode()
			outer := object{open: []byte("{"), members: []member{m}, close: []byte("}")}
			try(m.name+"."+field.name, field.value, outer.encode())
		}
	}
	if partial.Spec = pool.Spec; len(partial.Fields) == 0 {
		return nil
	}
	return partial
}

// typeInJSON returns the type of a value of [json.UnmarshalTypeError], with its article.
func typeInJSON(value string) string {
	switch kind, number, _ := strings.Cut(value, " "); kind {
	case "number":
		if number != "" {
			return number
		}
		return "a number"
	case "bool":
		return "a boolean"
	case "array":
		return "a list"
	case "object":
		return "an object"
	default:
		return "a " + kind
	}
}

// typeInGo returns the type that a field must have, with its article.
func typeInGo(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return typeInGo(t.Elem())
	case reflect.Bool:
		return "a boolean"
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "an integer"
	case reflect.Slice:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "an object"
	default:
		return "a string"
	}
}
