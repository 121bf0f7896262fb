package kubernetes

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// managed is a pool as an API server stores it: kubectl's annotation has the names, too.
const managed = `{"apiVersion":"crd.projectcalico.org/v1","kind":"IPPool","metadata":{"annotations":{` +
	`"kubectl.kubernetes.io/last-applied-configuration":"{\"metadata\":{\"managedFields\":[]},\"status\":{}}\n"},` +
	`"creationTimestamp":"2026-08-01T12:00:00Z","generation":1,"managedFields":[{"apiVersion":"crd.projectcalico.org/v1",` +
	`"fieldsType":"FieldsV1","fieldsV1":{"f:spec":{".":{},"f:cidr":{}}},"manager":"kubectl","operation":"Update",` +
	`"time":"2026-08-01T12:00:00Z"}],"name":"a","resourceVersion":"5","uid":"u"},"spec":{"blockSize":26,"cidr":"10.0.0.0/16"},` +
	`"status":{"conditions":[]}}`

func TestWithoutUnused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ stored, want string }{
		"nothing":          {`{"a": 1}`, `{"a": 1}`},
		"status only":      {`{"status":{"a":[1,"}"]}}`, `{}`},
		"first":            {`{"status":null,"kind":"IPPool"}`, `{"kind":"IPPool"}`},
		"last":             {`{"kind":"IPPool","status":"a\\"}`, `{"kind":"IPPool"}`},
		"twice":            {`{"status":1,"kind":"IPPool","status":2}`, `{"kind":"IPPool"}`},
		"white space":      {"{ \"kind\" : \"IPPool\" ,\n\t\"status\" : { } , \"spec\" : { \"a\" : 1 } }", `{"kind":"IPPool","spec":{ "a" : 1 }}`},
		"only fields":      {`{"metadata":{"managedFields":[]}}`, `{"metadata":{}}`},
		"elsewhere":        {`{"spec":{"status":1,"managedFields":2},"managedFields":3}`, `{"spec":{"status":1,"managedFields":2},"managedFields":3}`},
		"in texts":         {`{"metadata":{"labels":{"managedFields":"status"}},"a":"\"status\":1"}`, `{"metadata":{"labels":{"managedFields":"status"}},"a":"\"status\":1"}`},
		"other metadata":   {`{"metadata":"managedFields"}`, `{"metadata":"managedFields"}`},
		"an array":         {`["status"]`, `["status"]`},
		"a text":           {`"status"`, `"status"`},
		"a name unquoted":  {`{status:1}`, `{status:1}`},
		"more than a pool": {`{"status":1}{}`, `{"status":1}{}`},
		"cut":              {managed[:len(managed)-1], managed[:len(managed)-1]},
		"ends in escape":   {`{"status":"\`, `{"status":"\`},
		"no UTF-8":         {"{\"status\":1,\"a\":\"\xff\"}", "{\"a\":\"\ufffd\"}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, test.want, string(new(cutter).withoutUnused([]byte(test.stored))))
		})
	}
}

// TestWithoutUnusedIsDecodedAlike decodes what is left of a pool, and of the same pool in
// which bytes were changed, and compares it with the whole one.
func TestWithoutUnusedIsDecodedAlike(t *testing.T) {
	t.Parallel()
	decoded := func(data []byte) (object map[string]any) {
		if json.Unmarshal(data, &object) != nil {
			return nil
		}
		delete(object, "status")
		if metadata, is := object["metadata"].(map[string]any); is {
			delete(metadata, "managedFields")
		}
		return object
	}
	var items cutter
	require.NotContains(t, string(items.withoutUnused([]byte(managed))), `"f:spec"`)
	for i := range managed {
		for _, by := range []string{"", " ", "x", "\"", "{", "}", "[", "]", ",", ":", "\\", "\n"} {
			changed := []byte(managed[:i] + by + managed[i+1:])
			left := items.withoutUnused(changed)
			if want := decoded(changed); want != nil {
				require.Equal(t, want, decoded(left), "%s", changed)
			}
		}
	}
}

// TestAllocationsOfAnItem limits what the pool of a list allocates: its record, the text of it, and
// what is no text in it. Its managed fields cost nothing.
func TestAllocationsOfAnItem(t *testing.T) {
	stored := []byte(strings.ReplaceAll(managed, "kubectl.kubernetes.io/last-applied-configuration", "note"))
	var items cutter
	read := func(item []byte) float64 {
		return testing.AllocsPerRun(100, func() {
			_, _, _, err := items.readPool(item)
			require.NoError(t, err)
		})
	}
	assert.LessOrEqual(t, read(stored), read(bytes.Clone(items.withoutUnused(stored))))
	assert.LessOrEqual(t, read(stored), 9.0)
}

func BenchmarkWithoutUnused(b *testing.B) {
	stored := []byte(strings.ReplaceAll(managed, "kubectl.kubernetes.io/last-applied-configuration", "note"))
	b.ReportAllocs()
	var items cutter
	for b.Loop() {
		items.withoutUnused(stored)
	}
}
