package ippool

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// object is a JSON object in pieces that together are its text, every byte of
// it: white space, order and the spelling of names included.
type object struct {
	open    []byte // up to and with the opening brace
	members []member
	close   []byte // from the white space before the closing brace
}

type member struct {
	name string // as it reads

	gap     []byte // white space before the name
	spelled []byte // the name as it is written
	colon   []byte // the colon in its white space
	value   []byte
	rest    []byte // white space before the comma; none in the last member
}

// sameName says which names of an object mean the same to encoding/json: in a
// struct those that differ in case, in a map only equal ones.
type sameName func(a, b string) bool

var inStruct sameName = strings.EqualFold

func inMap(a, b string) bool { return a == b }

// mapNames are the members of a record that hold names of the user's choice.
var mapNames = []string{"labels", "annotations"}

// find returns the last member of that name, since of several the last one
// counts; -1 where there is none.
func (o *object) find(name string, same sameName) int {
	for i, m := range slices.Backward(o.members) {
		if same(m.name, name) {
			return i
		}
	}
	return -1
}

// insert makes a member of o that is laid out like the one beside it.
func (o *object) insert(i int, m member) {
	if len(o.members) > 0 {
		beside := o.members[min(i, len(o.members)-1)]
		m.gap, m.colon = beside.gap, beside.colon
	}
	o.members = slices.Insert(o.members, i, m)
}

// mergeJSON carries the difference between two encodings of what is known
// (before and after) into raw, an object that holds more than is known. What
// did not change keeps its bytes and its place; what is new goes behind the
// member that precedes it in after.
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
	place := 0 // behind the last member of is that out has
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

// parseObject takes valid JSON apart. The pieces are slices of data.
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
		behindName := decoder.InputOffset()
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return object{}, err
		}
		behindValue := decoder.InputOffset()
		startOfValue := behindValue - int64(len(value))

		// Between the braces of an object, a token before a value is its
		// name; and what stands before that is no quote.
		m := member{name: token.(string), colon: data[behindName:startOfValue], value: data[startOfValue:behindValue]}
		gap, name, _ := bytes.Cut(data[at:behindName], []byte{'"'})
		m.gap, m.spelled = gap, data[behindName-int64(len(name))-1:behindName]
		if rest, gap, ok := bytes.Cut(gap, []byte{','}); ok {
			out.members[len(out.members)-1].rest = rest
			m.gap = gap
		}
		out.members = append(out.members, m)
		at = behindValue
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
