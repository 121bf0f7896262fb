package settings_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// FuzzFromEnv checks that a variable with any value sets its own setting and no other.
func FuzzFromEnv(f *testing.F) {
	clearEnv(f)
	definitions := settings.Definitions()
	for i := range definitions {
		f.Add(uint8(i), false, "x")
		f.Add(uint8(i), true, "none\n")
	}
	f.Add(uint8(0), true, "")
	f.Fuzz(func(t *testing.T, which uint8, prefixed bool, value string) {
		if strings.Contains(value, "\x00") {
			t.Skip("no variable can hold it")
		}
		d := definitions[int(which)%len(definitions)]
		name, read := d.Env, true
		if prefixed {
			name, read = "CALICO_"+d.Env, d.Prefixed || d.Older == "CALICO_"+d.Env
		}
		t.Setenv(name, value)
		var want settings.Settings
		if read && value != "" {
			*d.Of(&want) = settings.Given(value, origin.Env(name))
		}
		assert.Equal(t, want, fromEnv(t))
	})
}

// FuzzFromFile checks that no error shows a password of the file, whatever surrounds it.
func FuzzFromFile(f *testing.F) {
	for _, around := range [][2]string{
		{"", ""}, {"'", "'"}, {`"`, `"`}, {`"\`, `"`}, {"*", ""}, {"&", ""}, {"!", ""}, {"!!int ", ""}, {"!!binary ", ""}, {"!!", " x"},
		{"[", "]"}, {"{", "}"}, {"{", ": x}"}, {"[[", "]"}, {"@", ""}, {"`", ""}, {"%", ""}, {"|", ""}, {"'", ""}, {"", ": x"}, {"", " #"},
		{"!!float ", "e"}, {"!!timestamp ", ""}, {"!!bool ", ""}, {"? ", ""}, {"- ", ""}, {"? [", "]"}, {"{? [", "]: x}"}, {"{[", "]: x}"}, {"<<: ", ""}, {"{<<: ", "}"},
	} {
		f.Add(around[0], around[1])
	}
	const secret = "hunter2secret"
	f.Fuzz(func(t *testing.T, before, after string) {
		if strings.ContainsAny(before+after, "\n\r\u0085\u2028\u2029") {
			t.Skip("another line, and so another field, whose name may be printed")
		}
		data := []byte(configHead + "spec:\n  etcdUsername: a\n  etcdPassword: " + before + secret + after + "\n")
		given, err := settings.ReadConfig("calicoctl.cfg", data)
		if err != nil {
			require.ErrorIs(t, err, settings.ErrInvalidSettings)
			assert.NotContains(t, err.Error(), secret)
			return
		}
		again, err := settings.ReadConfig("calicoctl.cfg", data)
		require.NoError(t, err)
		assert.Equal(t, given, again)
		assert.Equal(t, "a", given.Datastore.EtcdUsername.Value)
	})
}
