package bootstrap

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFault(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		fault Fault
		want  string
	}{
		{"all of it", Fault{Source: "env X", Value: "1", Problem: "wrong; want 2"}, `env X: "1": wrong; want 2`},
		{"no place", Fault{Value: "1", Problem: "wrong"}, `"1": wrong`},
		{"no value", Fault{Source: "env X", Problem: "missing"}, `env X: missing`},
		{"nothing but the problem", Fault{Problem: "wrong"}, `wrong`},
		{"secret", Fault{Source: "env X", Secret: true, Problem: "wrong"}, `env X: ***: wrong`},
		{"secret that should not be in it", Fault{Source: "env X", Value: "hunter2", Secret: true, Problem: "wrong"}, `env X: ***: wrong`},
		{"lines", Fault{Source: "file a\nb", Value: "1\n2\r3", Problem: "\nfirst:\n\t second\r\n\n third\n"},
			`file a; b: "1\n2\r3": first: second; third`},
		{"what a terminal would obey", Fault{Source: "x", Value: "\x1b[31m\u202e", Problem: "a\x1b[2J\u2028b\tc\u0085d"},
			`x: "\x1b[31m\u202e": a [2J b c d`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, tt.fault.Error())
		})
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, value, want string
	}{
		{"short", `a "b" \`, `"a \"b\" \\"`},
		{"just short enough", strings.Repeat("a", 200), `"` + strings.Repeat("a", 200) + `"`},
		{"too long", strings.Repeat("a", 201), `"` + strings.Repeat("a", 200) + `"… (201 bytes)`},
		{"long when quoted", strings.Repeat("\x00", 51), `"` + strings.Repeat(`\x00`, 50) + `"… (51 bytes)`},
		{"cut between characters", strings.Repeat("a", 199) + "é", `"` + strings.Repeat("a", 199) + `"… (201 bytes)`},
		{"no UTF-8", "\xff\xc3", `"\xff\xc3"`},
		{"very long", strings.Repeat("x", 10_000), `"` + strings.Repeat("x", 200) + `"… (10000 bytes)`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, quote(tt.value))
		})
	}
}

func TestClip(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "abc", clip("abc", 3))
	assert.Equal(t, "ab…", clip("abc", 2))
	assert.Equal(t, "aé", clip("aé", 3))
	assert.Equal(t, "a…", clip("aéb", 2), "é takes two bytes")
	long := Fault{Problem: strings.Repeat("y", 10_000)}.Error()
	assert.Equal(t, strings.Repeat("y", 360)+"…", long)
}

func TestFaults(t *testing.T) {
	t.Parallel()
	var faults Faults
	require.NoError(t, faults.Err())
	faults.Add(Given("1", "env A"), "%d is wrong", 1)
	faults.AddSecret(Given("hunter2", "env B"), "%s", "too short")
	faults.Add(Setting{}, "100%% wrong")
	faults.AddSecret(Setting{Source: "env C"}, "missing")

	err := faults.Err()
	require.EqualError(t, err, "env A: \"1\": 1 is wrong\nenv B: ***: too short\n100% wrong\nenv C: missing")
	require.ErrorIs(t, err, ErrInvalidSettings)
	var settingsError *SettingsError
	require.ErrorAs(t, err, &settingsError)
	assert.Equal(t, []Fault{
		{Source: "env A", Value: "1", Problem: "1 is wrong"},
		{Source: "env B", Secret: true, Problem: "too short"},
		{Problem: "100% wrong"},
		{Source: "env C", Problem: "missing"},
	}, settingsError.Faults)
}

// hostile are values that would spoil a message that printed them as they are.
var hostile = map[string]string{
	"newlines":       "10.0.0.0/8\nenv X: all is well\r\n",
	"long":           strings.Repeat("x", 10_000),
	"long digits":    strings.Repeat("0", 10_000) + "26",
	"long zone":      "fe80::1%" + strings.Repeat("z", 10_000),
	"zone":           "fe80::1%\n\x1b[2J\u2028",
	"controls":       "\x00\x07\x1b[31m\x7f\u0085\u202e",
	"long controls":  strings.Repeat("\x01", 10_000),
	"no UTF-8":       "\xff\xfe" + strings.Repeat("\x80", 300),
	"format":         "%s%d%!v(MISSING)",
	"quotes":         `"'` + "`",
	"long selector":  strings.Repeat("has(a)||", 2_000) + "all()",
	"strange string": "zone == 'a\u2028b\x1b[2J' nonsense\nmore",
	"white space":    " \t ",
}

// checkFaults holds an error of Resolve to its form: a line a fault, readable,
// of bounded length, and each naming a setting.
func checkFaults(t testing.TB, err error) {
	t.Helper()
	require.ErrorIs(t, err, ErrInvalidSettings)
	var settingsError *SettingsError
	require.ErrorAs(t, err, &settingsError)
	lines := strings.Split(err.Error(), "\n")
	require.Len(t, lines, len(settingsError.Faults))
	for i, fault := range settingsError.Faults {
		assert.Equal(t, fault.Error(), lines[i])
		assert.NotEmpty(t, fault.Source)
		assert.NotEmpty(t, fault.Problem)
		assert.LessOrEqual(t, len(lines[i]), 650)
		assert.True(t, utf8.ValidString(lines[i]), "%q", lines[i])
		for _, r := range lines[i] {
			assert.True(t, unicode.IsGraphic(r), "%q in %q", r, lines[i])
		}
	}
}

func TestFaultsOfHostileValues(t *testing.T) {
	t.Parallel()
	for name, value := range hostile {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, d := range Definitions() {
				var settings Settings
				*d.Of(&settings) = Given(value, SourceEnv(d.Env))
				if err := settings.Validate(); err != nil {
					checkFaults(t, err)
				}
			}
		})
	}
}

// A warning quotes values too.
func TestWarningsAreLines(t *testing.T) {
	t.Parallel()
	plan, err := NewPlan(Desired{}, Snapshot{
		Pools:      records(stored("a\nb", "fe80::1%\n\x1b[2J"), stored("c", "x\ny")),
		Unreadable: []Unreadable{{Name: "d\ne", Err: errors.New("no\nJSON\x1b[2J")}},
	}, DriftReport)
	require.NoError(t, err)
	require.Len(t, plan.Warnings, 3)
	for _, warning := range plan.Warnings {
		for _, r := range warning {
			assert.True(t, unicode.IsGraphic(r), "%q in %q", r, warning)
		}
	}
}
