package ippool

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// member is a name and a value of a JSON object whose order matters.
type member struct {
	name  string
	value json.RawMessage
}

type object []member

func (o object) find(name string) int {
	return slices.IndexFunc(o, func(m member) bool { return m.name == name })
}

// value returns nil where the name is absent.
func (o object) value(name string) json.RawMessage {
	if i := o.find(name); i >= 0 {
		return o[i].value
	}
	return nil
}

// mergeJSON carries the difference between two encodings of what is known
// (before and after) into raw, an object that holds more than is known. What
// did not change keeps its bytes and its place; what is new goes behind the
// member that precedes it in after.
func mergeJSON(raw, before, after []byte) ([]byte, error) {
	var objects [3]object
	for i, data := range [][]byte{raw, before, after} {
		parsed, err := parseObject(data)
		if err != nil {
			return nil, err
		}
		objects[i] = parsed
	}
	out, was, is := objects[0], objects[1], objects[2]

	for _, m := range was {
		if i := out.find(m.name); i >= 0 && is.find(m.name) < 0 {
			out = slices.Delete(out, i, i+1)
		}
	}
	place := 0 // behind the last member of is that out has
	for _, m := range is {
		i := out.find(m.name)
		old := was.value(m.name)
		switch {
		case bytes.Equal(old, m.value):
		case i < 0:
			out = slices.Insert(out, place, m)
			i = place
		case isObject(m.value) && isObject(old) && isObject(out[i].value):
			merged, err := mergeJSON(out[i].value, old, m.value)
			if err != nil {
				return nil, err
			}
			out[i].value = merged
		default:
			out[i].value = m.value
		}
		if i >= 0 {
			place = i + 1
		}
	}
	return out.encode()
}

func isObject(value json.RawMessage) bool {
	return bytes.HasPrefix(bytes.TrimLeft(value, " \t\r\n"), []byte("{"))
}

func parseObject(data []byte) (object, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	if token, err := decoder.Token(); err != nil {
		return nil, err
	} else if token != json.Delim('{') {
		return nil, fmt.Errorf("want a JSON object, found %v", token)
	}
	var out object
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
		// Between the braces of an object, a token before a value is its name.
		out = append(out, member{name: name.(string), value: value})
	}
	return out, nil
}

func (o object) encode() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			out.WriteByte(',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		out.Write(name)
		out.WriteByte(':')
		out.Write(m.value)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}
