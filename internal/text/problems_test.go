package text_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/stretchr/testify/assert"
)

// Problems omit the path, which the message already has, and the values in a
// decoder's error, which may be secrets.
func TestProblems(t *testing.T) {
	t.Parallel()
	missing := &fs.PathError{Op: "open", Path: "/etc/x", Err: fs.ErrNotExist}
	assert.Equal(t, "can't be read: file does not exist; must be a list", text.Unreadable(fmt.Errorf("x: %w", missing), "a list"))
	assert.Equal(t, "can't be read: broken; must be a list", text.Unreadable(errors.New("broken"), "a list"))
	for message, want := range map[string]string{
		"not YAML":                                "not a list: not YAML",
		"unknown anchor 'hunter2' referenced":     "not a list: unknown anchor *** referenced",
		"invalid map key: map[hunter2:1]":         "not a list: invalid map key: ***",
		"cannot decode !!str `hunter2` as an int": "not a list: cannot decode !!str ***",
		"while decoding JSON: unknown field":      "not a list: unknown field",
	} {
		assert.Equal(t, want, text.Undecodable(fmt.Errorf("yaml: %w", errors.New(message)), "a list"))
	}
	assert.Equal(t, "odd (an error because of env STRICT)", text.Strict("odd", "env STRICT"))
}

// A value of another type is reported in terms of YAML, not of Go, and without the value.
func TestDecodingWrongTypes(t *testing.T) {
	t.Parallel()
	type named struct{ A int }
	type inner struct {
		List   []int             `json:"list"`
		Text   string            `json:"text"`
		Bytes  []byte            `json:"bytes"`
		Flag   bool              `json:"skip-verify"`
		Number uint16            `json:"number"`
		Map    map[string]string `json:"map"`
		Named  named             `json:"named"`
	}
	for document, want := range map[string]string{
		`"hunter2"`:                      "a string, which is not valid there",
		`7`:                              "a number, which is not valid there",
		`{"in":7}`:                       "in: has a number in place of a list",
		`{"in":["hunter2"]}`:             "in: has a string, which is not valid there",
		`{"in":[{"list":"x"}]}`:          "in.list: has a string in place of a list",
		`{"in":[{"list":["x"]}]}`:        "in.list: has a string in place of a number",
		`{"in":[{"text":7}]}`:            "in.text: has a number in place of a string",
		`{"in":[{"bytes":true}]}`:        "in.bytes: has a boolean in place of a string",
		`{"in":[{"skip-verify":{}}]}`:    "in.skip-verify: has a mapping in place of true or false",
		`{"in":[{"number":-1}]}`:         "in.number: has a number that is out of range, or has a fraction",
		`{"in":[{"map":[1]}]}`:           "in.map: has a list in place of a mapping",
		`{"in":[{"map":{"hunter2":1}}]}`: "in.map: has a number in place of a string",
		`{"in":[{"named":[1]}]}`:         "in.named: has a list, which is not valid there",
	} {
		var decoded struct {
			In []inner `json:"in"`
		}
		into := any(&decoded)
		if document[0] != '{' {
			into = new(named)
		}
		err := json.Unmarshal([]byte(document), into)
		assert.Equal(t, want, text.Decoding(err), document)
		assert.Equal(t, want, text.Decoding(fmt.Errorf("can't get the kind; json parse error: %v", err)), document)
	}
	assert.Equal(t, "A: has a number in place of a string", text.Decoding(json.Unmarshal([]byte(`{"A": 7}`), new(struct{ A string }))))
	assert.Equal(t, "a string in place of a mapping", text.Decoding(json.Unmarshal([]byte(`"x"`), new(struct{ A int }))))
}
