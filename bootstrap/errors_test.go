package bootstrap

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var sentinels = []error{
	ErrInvalidSettings, ErrIncompatible, ErrConflict, ErrUnreachable, ErrTLS, ErrUnauthorized, ErrForbidden, ErrTimedOut,
}

// isOnly checks which of the sentinels errors.Is finds.
func isOnly(t *testing.T, err error, want ...error) {
	t.Helper()
	for _, sentinel := range sentinels {
		expected := false
		for _, w := range want {
			expected = expected || w == sentinel
		}
		assert.Equal(t, expected, errors.Is(err, sentinel), "%v", sentinel)
	}
}

func TestDatastoreError(t *testing.T) {
	t.Parallel()
	const place, doing = "etcd https://10.0.0.1:2379", "reading IP pools"
	tests := []struct {
		name string
		err  DatastoreError
		want string
	}{
		{"all of it", DatastoreError{Kind: ErrTLS, Place: place, Doing: doing, Err: fs.ErrNotExist, Hint: "check the file"},
			"etcd https://10.0.0.1:2379: reading IP pools: TLS failure: file does not exist: check the file"},
		{"no hint", DatastoreError{Kind: ErrForbidden, Place: place, Doing: doing, Err: fs.ErrNotExist},
			"etcd https://10.0.0.1:2379: reading IP pools: permission denied: file does not exist"},
		{"no kind", DatastoreError{Place: place, Doing: doing, Err: fs.ErrNotExist},
			"etcd https://10.0.0.1:2379: reading IP pools: file does not exist"},
		{"several causes", DatastoreError{Kind: ErrUnreachable, Place: place, Doing: doing, Err: errors.Join(fs.ErrNotExist, errors.New("a:\n\tb"))},
			"etcd https://10.0.0.1:2379: reading IP pools: datastore unreachable: file does not exist; a: b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := fmt.Errorf("bootstrap: %w", &tt.err)
			assert.EqualError(t, err, "bootstrap: "+tt.want)
			assert.ErrorIs(t, err, fs.ErrNotExist)
			if tt.err.Kind == nil {
				isOnly(t, err)
			} else {
				isOnly(t, err, tt.err.Kind)
			}
			var datastoreError *DatastoreError
			require.ErrorAs(t, err, &datastoreError)
			assert.Equal(t, tt.err, *datastoreError)
			assert.Equal(t, tt.err.Kind == ErrUnreachable, passing(err))
		})
	}
}

func TestSettingsError(t *testing.T) {
	t.Parallel()
	one := &SettingsError{Faults: []Fault{{Source: "env A", Value: "1", Problem: "wrong"}}}
	two := &SettingsError{Faults: []Fault{{Source: "env B", Problem: "missing"}, {Source: "env C", Value: "x", Secret: true, Problem: "short"}}}
	assert.EqualError(t, two, "env B: missing\nenv C: ***: short")
	isOnly(t, one, ErrInvalidSettings)

	joined := fmt.Errorf("start-up: %w", errors.Join(one, ErrForbidden, two))
	assert.EqualError(t, joined, "start-up: env A: \"1\": wrong\npermission denied\nenv B: missing\nenv C: ***: short")
	isOnly(t, joined, ErrInvalidSettings, ErrForbidden)
	var first *SettingsError
	require.ErrorAs(t, joined, &first)
	assert.Same(t, one, first)
}

func TestPartialError(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("start-up: %w", &PartialError{Created: []string{"a", "b"}, Updated: []string{"c"}, Err: ErrForbidden})
	assert.EqualError(t, err, "start-up: permission denied\n"+
		`IPPool "a" was created nevertheless, and stays`+"\n"+
		`IPPool "b" was created nevertheless, and stays`+"\n"+
		`IPPool "c" was updated nevertheless, and stays`)
	isOnly(t, err, ErrForbidden)
}

// The sentinels are told apart, in code and by people.
func TestSentinelsAreApart(t *testing.T) {
	t.Parallel()
	texts := map[string]bool{}
	for _, sentinel := range sentinels {
		isOnly(t, fmt.Errorf("%w", sentinel), sentinel)
		texts[sentinel.Error()] = true
	}
	assert.Len(t, texts, len(sentinels))
}

func TestOneLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                          "",
		"as it is":                  "as it is",
		"one\ntwo":                  "one; two",
		"one\r\ntwo\r\n":            "one; two",
		"\n\n one\n\t\n  two  \n":   "one; two",
		"errors:\n  one\n  two":     "errors: one; two",
		"a\tb\x1b[31mc\x00\u2028d":  "a b [31mc  d",
		"größer als \u200btrue":     "größer als  true",
		"\xff is no UTF-8":          "\ufffd is no UTF-8",
		"no\u00a0break, no\u3000ch": "no\u00a0break, no\u3000ch",
	} {
		assert.Equal(t, want, oneLine(text), "%q", text)
	}
}
