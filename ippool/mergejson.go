package ippool

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// object is a JSON object in pieces. Joined, they are its exact text, including
// white space, the order of members and the spelling of names.
type object struct {
	open    []byte // up to and including the opening brace
	members []member
	close   []byte // from the white space before the closing brace
}

type member struct {
	name string // decoded

	gap     []byte // white space before the name
	spelled []byte // the name as written, with quotes and escapes
	colon   []byte // the colon and the white space around it
	value   []byte
	rest    []byte // white space before the comma; empty in the last member
}

// sameName reports whether two names of an object are the same to encoding/json,
// which ignores case in a struct but not in a map.
type sameName func(a, b string) bool

var inStruct sameName = strings.EqualFold

func inMap(a, b string) bool { return a == b }

// mapNames are the members of a record whose own member names are the user's.
var mapNames = []string{"labels", "annotations"}

// find returns the index of the last member of that name, which is the effective
// one if there are several, or -1.
func (o *object) find(name string, same sameName) int {
	for i, m := range slices.Backward(o.members) {
		if same(m.name, name) {
			return i
		}
	}
	return -1
}

// insert adds a member to o with the white space of its neighbour.
func (o *object) insert(i int, m member) {
	if len(o.members) > 0 {
		neighbour := o.members[min(i, len(o.members)-1)]
		m.gap, m.colon = neighbour.gap, neighbour.colon
	}
	o.members = slices.Insert(o.members, i, m)
}

// mergeJSON applies the difference between two encodings of the known fields
// (before and after) to raw, an object that may have unknown fields as well. A
// member that did not change keeps its bytes and its place; a new member follows
// the member that precedes it in after.
func mergeJSON(raw, before, after []byte, same sameName) ([]byte, error) {
	var objects [3]object
	for i, data := range [][]byte{raw, before, after} {
		parsed, err := parseObject(data)
		if err != nil {
			return nil, err
		}
		objects[i] = parsed
	}
	out, was, is := &objects[0], &objects[1], &objects[2]

	for _, m := range was.members {
		if is.find(m.name, same) < 0 {
			out.members = slices.DeleteFunc(out.members, func(o member) bool { return same(o.name, m.name) })
		}
	}
	place := 0 // after the last member of is that out has
	for _, m := range is.members {
		i := out.find(m.name, same)
		var old []byte
		if j := was.find(m.name, same); j >= 0 {
			old = was.members[j].value
		}
		switch {
		case bytes.Equal(old, m.value):
		case i < 0:
			i = place
			out.insert(i, m)
		case isObject(m.value) && isObject(old) && isObject(out.members[i].value):
			inside := inStruct
			if slices.Contains(mapNames, m.name) {
				inside = inMap
			}
			merged, err := mergeJSON(out.members[i].value, old, m.value, inside)
			if err != nil {
				return nil, err
			}
			out.members[i].value = merged
		default:
			out.members[i].value = m.value
		}
		if i >= 0 {
			place = i + 1
		}
	}
	return out.encode(), nil
}

func isObject(value []byte) bool { return bytes.HasPrefix(value, []byte("{")) }

// parseObject splits valid JSON into pieces. The pieces are slices of data.
func parseObject(data []byte) (object, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	if token, err := decoder.Token(); err != nil {
		return object{}, err
	} else if token != json.Delim('{') {
		return object{}, fmt.Errorf("must be a JSON object, found %v", token)
	}
	at := decoder.InputOffset()
	out := object{open: data[:at]}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return object{}, err
		}
		endOfName := decoder.InputOffset()
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return object{}, err
		}
		endOfValue := decoder.InputOffset()
		startOfValue := endOfValue - int64(len(value))

		// In an object, the token before a value is its name, and the text
		// before the name has no quotes.
		m := member{name: token.(string), colon: data[endOfName:startOfValue], value: data[startOfValue:endOfValue]}
		gap, name, _ := bytes.Cut(data[at:endOfName], []byte{'"'})
		m.gap, m.spelled = gap, data[endOfName-int64(len(name))-1:endOfName]
		if rest, gap, ok := bytes.Cut(gap, []byte{','}); ok {
			out.members[len(out.members)-1].rest = rest
			m.gap = gap
		}
		out.members = append(out.members, m)
		at = endOfValue
	}
	out.close = data[at:]
	return out, nil
}

func (o *object) encode() []byte {
	var out bytes.Buffer
	out.Write(o.open)
	for i, m := range o.members {
		if i > 0 {
			out.Write(o.members[i-1].rest)
			out.WriteByte(',')
		}
		for _, piece := range [][]byte{m.gap, m.spelled, m.colon, m.value} {
			out.Write(piece)
		}
	}
	out.Write(o.close)
	return out.Bytes()
}
