package text_test

import (
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
