package ippool

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseObject(t *testing.T) {
	t.Parallel()
	o, err := parseObject([]byte(" {\n\"a\":1 ,\t\"\\u0062\" :[ 2 ],\"c\\\"\": {} } \n"))
	require.NoError(t, err)
	type piece struct{ name, gap, spelled, colon, value, rest string }
	pieces := make([]piece, len(o.members))
	for i, m := range o.members {
		pieces[i] = piece{m.name, string(m.gap), string(m.spelled), string(m.colon), string(m.value), string(m.rest)}
	}
	assert.Equal(t, []piece{
		{"a", "\n", `"a"`, ":", "1", " "},
		{"b", "\t", `"\u0062"`, " :", "[ 2 ]", ""},
		{`c"`, "", `"c\""`, ": ", "{}", ""},
	}, pieces)
	assert.Equal(t, " {", string(o.open))
	assert.Equal(t, " } \n", string(o.close))
}

func TestMergeJSONRefuses(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{"", "[]", "null", "7", `{"a"`, `{"a":`, `{"a":}`, `{a:1}`} {
		_, err := mergeJSON([]byte(raw), []byte("{}"), []byte(`{"b":1}`), inStruct)
		assert.Error(t, err, raw)
	}
}

// FuzzObject checks that the pieces of an object join to the same bytes, and that
// each value is valid JSON.
func FuzzObject(f *testing.F) {
	for _, text := range []string{
		`{}`, " {\t} ", `{"a":1}`, "{ \"a\" : 1 , \"b\":[] ,\n\"c\":{\"d\":\"}\"}\n}\n", `{"a":1,"a":2}`,
		`{"\u0061\"":"\\","":-0.1e+7}`, "{\"\xff\":\"\xfe\"}", `{"a":null,"b":true,"c":false }`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var want map[string]json.RawMessage
		if json.Unmarshal(data, &want) != nil || want == nil {
			return
		}
		o, err := parseObject(data)
		require.NoError(t, err)
		assert.Equal(t, string(data), string(o.encode()))
		got := map[string]json.RawMessage{}
		for _, m := range o.members {
			got[m.name] = m.value // the last one is effective
			var name string
			require.NoError(t, json.Unmarshal(m.spelled, &name))
			assert.Equal(t, m.name, name)
		}
		assert.Equal(t, want, got)

		// Equal objects merge to no change; a change affects only its member.
		same, err := mergeJSON(data, []byte(`{"a":1}`), []byte(`{"a":1}`), inMap)
		require.NoError(t, err)
		assert.Equal(t, string(data), string(same))
		merged, err := mergeJSON(data, []byte(`{"a":1}`), []byte(`{"b":{"c":2}}`), inMap)
		require.NoError(t, err)
		delete(want, "a")
		want["b"] = json.RawMessage(`{"c":2}`)
		var after map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(merged, &after))
		assert.Equal(t, want, after)
	})
}
