package ippool_test

import (
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// richRecord has unknown fields at every level, and members in an unusual order.
const richRecord = `{"extra":"<&>","kind":"IPPool","apiVersion":"projectcalico.org/v3",` +
	`"metadata":{"name":"a","x-meta":[1, 2],"uid":"u","labels":{"b":"2","a":"1"},` +
	`"annotations":{"projectcalico.org/metadata":"{\"uid\":\"<x>\"}"},"creationTimestamp":"2026-11-22T18:45:23+01:00"},` +
	`"spec":{"cidr":"10.244.0.0/16","future":{"deep":[{"natOutgoing": true}],"number":1e400},"vxlanMode":"Never",` +
	`"ipipMode":"Never","natOutgoing":true,"blockSize":26,"nodeSelector":"has(a) && has(b)","zzz":null,` +
	`"allowedUses":[ "Workload" , "Tunnel" ],"assignmentMode":"Automatic"},"status":{"phase":"x","conditions":[]}}`

type change = func(*v3.IPPool)

func natOutgoing(on bool) change { return func(p *v3.IPPool) { p.Spec.NATOutgoing = on } }

// checkChange decodes a record, changes it and encodes it. It checks the exact
// bytes, and that they decode to the changed pool.
func checkChange(t *testing.T, raw string, change change, want string) {
	t.Helper()
	record, err := ippool.DecodeRecord([]byte(raw))
	require.NoError(t, err)
	change(record.Pool())
	encoded, err := record.Encode()
	require.NoError(t, err)
	require.Equal(t, want, string(encoded))

	again, err := ippool.DecodeRecord(encoded)
	require.NoError(t, err)
	assertSamePool(t, record.Pool(), again.Pool())
}

// Each change replaces the text old in the record by changed, and no other bytes.
func TestRecordChange(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name         string
		change       change
		old, changed string
	}{
		{"NAT off", natOutgoing(false), `"natOutgoing":true,`, ``},
		{"CIDR", func(p *v3.IPPool) { p.Spec.CIDR = "10.245.0.0/16" }, `"10.244.0.0/16"`, `"10.245.0.0/16"`},
		{"IP-in-IP", func(p *v3.IPPool) { p.Spec.IPIPMode = "Always" }, `"ipipMode":"Never"`, `"ipipMode":"Always"`},
		{"IP-in-IP unset", func(p *v3.IPPool) { p.Spec.IPIPMode = "" }, `"ipipMode":"Never",`, ``},
		{"VXLAN", func(p *v3.IPPool) { p.Spec.VXLANMode = "CrossSubnet" }, `"vxlanMode":"Never"`, `"vxlanMode":"CrossSubnet"`},
		{"block size", func(p *v3.IPPool) { p.Spec.BlockSize = 28 }, `"blockSize":26`, `"blockSize":28`},
		// A new member follows the one that precedes it in calico-node's order.
		{"disabled", func(p *v3.IPPool) { p.Spec.Disabled = true }, `"natOutgoing":true`, `"natOutgoing":true,"disabled":true`},
		{"BGP export", func(p *v3.IPPool) { p.Spec.DisableBGPExport = true }, `"natOutgoing":true`, `"natOutgoing":true,"disableBGPExport":true`},
		{"both of them", func(p *v3.IPPool) { p.Spec.Disabled, p.Spec.DisableBGPExport = true, true },
			`"natOutgoing":true`, `"natOutgoing":true,"disabled":true,"disableBGPExport":true`},
		{"namespaces", func(p *v3.IPPool) { p.Spec.NamespaceSelector = "has(c)" },
			`"nodeSelector":"has(a) && has(b)"`, `"nodeSelector":"has(a) && has(b)","namespaceSelector":"has(c)"`},
		{"nodes", func(p *v3.IPPool) { p.Spec.NodeSelector = "has(c) && has(d)" },
			`"has(a) && has(b)"`, `"has(c) \u0026\u0026 has(d)"`},
		{"uses", func(p *v3.IPPool) { p.Spec.AllowedUses = p.Spec.AllowedUses[:1] }, `[ "Workload" , "Tunnel" ]`, `["Workload"]`},
		{"no uses", func(p *v3.IPPool) { p.Spec.AllowedUses = nil }, `"allowedUses":[ "Workload" , "Tunnel" ],`, ``},
		{"assignment mode, the last member", func(p *v3.IPPool) { p.Spec.AssignmentMode = nil }, `,"assignmentMode":"Automatic"`, ``},
		{"assignment mode", func(p *v3.IPPool) { p.Spec.AssignmentMode = pointer(v3.Manual) }, `"Automatic"`, `"Manual"`},

		{"kind", func(p *v3.IPPool) { p.Kind = "Pool" }, `"kind":"IPPool"`, `"kind":"Pool"`},
		{"no kind", func(p *v3.IPPool) { p.Kind = "" }, `"kind":"IPPool",`, ``},
		{"name", func(p *v3.IPPool) { p.Name = "b" }, `"name":"a"`, `"name":"b"`},
		{"UID", func(p *v3.IPPool) { p.UID = "" }, `"uid":"u",`, ``},
		{"generation", func(p *v3.IPPool) { p.Generation = 2 }, `"uid":"u"`, `"uid":"u","generation":2`},
		{"finalizer", func(p *v3.IPPool) { p.Finalizers = []string{"f"} },
			`"{\"uid\":\"<x>\"}"}`, `"{\"uid\":\"<x>\"}"},"finalizers":["f"]`},
		{"time", func(p *v3.IPPool) { p.CreationTimestamp = at("20:00:00") }, `2026-11-22T18:45:23+01:00`, `2026-11-22T20:00:00Z`},
		{"label", func(p *v3.IPPool) { p.Labels["a"] = "3" }, `"a":"1"`, `"a":"3"`},
		{"label added", func(p *v3.IPPool) { p.Labels["c"] = "<3>" }, `"b":"2"`, `"b":"2","c":"\u003c3\u003e"`},
		{"label added before", func(p *v3.IPPool) { p.Labels["A"] = "0" }, `{"b":"2"`, `{"A":"0","b":"2"`},
		{"label removed", func(p *v3.IPPool) { delete(p.Labels, "b") }, `"b":"2",`, ``},
		{"last label removed", func(p *v3.IPPool) { delete(p.Labels, "a") }, `,"a":"1"`, ``},
		{"labels removed", func(p *v3.IPPool) { p.Labels = nil }, `"labels":{"b":"2","a":"1"},`, ``},
		{"annotation", func(p *v3.IPPool) { p.Annotations["projectcalico.org/metadata"] = "{}" },
			`"{\"uid\":\"<x>\"}"`, `"{}"`},
		{"annotation added", func(p *v3.IPPool) { p.Annotations["x"] = "y" },
			`"{\"uid\":\"<x>\"}"`, `"{\"uid\":\"<x>\"}","x":"y"`},
		{"annotations removed", func(p *v3.IPPool) { p.Annotations = nil },
			`"annotations":{"projectcalico.org/metadata":"{\"uid\":\"<x>\"}"},`, ``},

		{"resource version, not stored", func(p *v3.IPPool) { p.ResourceVersion = "8" }, ``, ``},
		{"nothing", func(*v3.IPPool) {}, ``, ``},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, richRecord, test.old)
			record, err := ippool.DecodeRecord([]byte(richRecord))
			require.NoError(t, err)
			test.change(record.Pool())
			encoded, err := record.Encode()
			require.NoError(t, err)
			require.Equal(t, strings.Replace(richRecord, test.old, test.changed, 1), string(encoded))

			again, err := ippool.DecodeRecord(encoded)
			require.NoError(t, err)
			record.Pool().ResourceVersion = ""
			assertSamePool(t, record.Pool(), again.Pool())
		})
	}
}

func TestRecordChangesTogether(t *testing.T) {
	t.Parallel()
	want := richRecord
	for _, replace := range [][2]string{
		{`"natOutgoing":true,"blockSize":26`, `"disabled":true,"blockSize":26`},
		{`"ipipMode":"Never"`, `"ipipMode":"Always"`},
		{`"b":"2","a":"1"`, `"a":"1","c":"3"`},
		{`,"assignmentMode":"Automatic"`, ``},
	} {
		require.Contains(t, want, replace[0])
		want = strings.Replace(want, replace[0], replace[1], 1)
	}
	checkChange(t, richRecord, func(p *v3.IPPool) {
		p.Spec.NATOutgoing, p.Spec.Disabled = false, true
		p.Spec.IPIPMode = v3.IPIPModeAlways
		p.Spec.AssignmentMode = nil
		delete(p.Labels, "b")
		p.Labels["c"] = "3"
	}, want)
}

// The first label of a pool adds the object that contains it.
func TestRecordFirstLabel(t *testing.T) {
	t.Parallel()
	label := func(p *v3.IPPool) { p.Labels = map[string]string{"a": "b"} }
	checkChange(t, calicoRecord, label,
		strings.Replace(calicoRecord, `:23Z"`, `:23Z","labels":{"a":"b"}`, 1))
	for _, none := range []string{`null`, `{}`, `{ }`} {
		raw := strings.Replace(calicoRecord, `"uid"`, `"labels":`+none+`,"uid"`, 1)
		checkChange(t, raw, label, strings.Replace(raw, none, `{"a":"b"}`, 1))
	}
}

func TestRecordChangeOfOddRecords(t *testing.T) {
	t.Parallel()
	cidr := func(p *v3.IPPool) { p.Spec.CIDR = "10.1.0.0/16" }
	disable := func(p *v3.IPPool) { p.Spec.Disabled = true }
	for _, test := range []struct {
		name, raw string
		change    change
		want      string
	}{
		{"explicit false", `{"spec":{"natOutgoing":false,"cidr":"a"}}`, natOutgoing(true), `{"spec":{"natOutgoing":true,"cidr":"a"}}`},
		{"explicit null", `{"spec":{"natOutgoing":null,"cidr":"a"}}`, natOutgoing(true), `{"spec":{"natOutgoing":true,"cidr":"a"}}`},
		{"empty object", `{}`, natOutgoing(true), `{"spec":{"cidr":"","natOutgoing":true}}`},
		{"no spec", `{"kind":"IPPool","x":1}`, natOutgoing(true), `{"kind":"IPPool","spec":{"cidr":"","natOutgoing":true},"x":1}`},
		{"null spec", `{"spec":null,"x":1}`, natOutgoing(true), `{"spec":{"cidr":"","natOutgoing":true},"x":1}`},
		{"empty spec", `{"spec":{},"x":1}`, natOutgoing(true), `{"spec":{"natOutgoing":true},"x":1}`},
		{"the only member", `{"spec":{"natOutgoing":true}}`, natOutgoing(false), `{"spec":{}}`},
		{"after a distant predecessor", `{"spec":{"cidr":"a","x":1}}`, disable, `{"spec":{"cidr":"a","disabled":true,"x":1}}`},
		{"before all others", `{"spec":{"x":1,"blockSize":26}}`, disable, `{"spec":{"disabled":true,"x":1,"blockSize":26}}`},
		{"another order", `{"spec":{"blockSize":26,"natOutgoing":true,"cidr":"a"},"kind":"IPPool"}`, disable,
			`{"spec":{"blockSize":26,"natOutgoing":true,"disabled":true,"cidr":"a"},"kind":"IPPool"}`},
		// Only some versions of Calico's type have these fields.
		{"status", `{"spec":{"cidr":"a"},"status":{"phase":"x","conditions":[{"type":"Allocatable","extra":1}]}}`, cidr,
			`{"spec":{"cidr":"10.1.0.0/16"},"status":{"phase":"x","conditions":[{"type":"Allocatable","extra":1}]}}`},
		{"fields of Calico's first API", `{"spec":{"ipip":{"enabled":true,"x":1},"nat-outgoing":true,"cidr":"a"}}`, natOutgoing(true),
			`{"spec":{"ipip":{"enabled":true,"x":1},"nat-outgoing":true,"cidr":"a","natOutgoing":true}}`},
		{"resource version", `{"metadata":{"name":"a","resourceVersion":"17"},"spec":{"cidr":"a"}}`, disable,
			`{"metadata":{"name":"a","resourceVersion":"17"},"spec":{"cidr":"a","disabled":true}}`},

		// White space is kept, and a new member has that of its neighbour.
		{"trailing newline", `{"spec":{"natOutgoing":true}}` + "\n", natOutgoing(false), `{"spec":{}}` + "\n"},
		{"white space around", " \t\r\n{\"kind\":\"a\"}\n ", func(p *v3.IPPool) { p.Kind = "b" }, " \t\r\n{\"kind\":\"b\"}\n "},
		{"spaces, changed", `{ "spec" : { "cidr" : "a" , "x" : 1 } }`, cidr, `{ "spec" : { "cidr" : "10.1.0.0/16" , "x" : 1 } }`},
		{"spaces, removed", `{ "spec" : { "cidr" : "a" , "natOutgoing" : true , "x" : 1 } }`, natOutgoing(false),
			`{ "spec" : { "cidr" : "a" , "x" : 1 } }`},
		{"spaced, added", `{"spec": {"cidr": "a", "x": 1}}`, disable, `{"spec": {"cidr": "a", "disabled": true, "x": 1}}`},
		{"spaced, added at the end", `{"spec": {"x": 1, "cidr": "a"}}`, disable, `{"spec": {"x": 1, "cidr": "a", "disabled": true}}`},
		{"indented, added", "{\n  \"spec\": {\n    \"cidr\": \"a\",\n    \"x\": 1\n  }\n}\n", disable,
			"{\n  \"spec\": {\n    \"cidr\": \"a\",\n    \"disabled\": true,\n    \"x\": 1\n  }\n}\n"},
		{"indented, added at the end", "{\n  \"spec\": {\n    \"cidr\": \"a\"\n  }\n}", disable,
			"{\n  \"spec\": {\n    \"cidr\": \"a\",\n    \"disabled\": true\n  }\n}"},
		{"indented, added at the front", "{\n  \"spec\": {\n    \"x\": 1\n  }\n}", disable,
			"{\n  \"spec\": {\n    \"disabled\": true,\n    \"x\": 1\n  }\n}"},
		{"indented, last removed", "{\n  \"spec\": {\n    \"cidr\": \"a\",\n    \"natOutgoing\": true\n  }\n}", natOutgoing(false),
			"{\n  \"spec\": {\n    \"cidr\": \"a\"\n  }\n}"},
		{"indented, all removed", "{\n  \"spec\": {\n    \"natOutgoing\": true\n  }\n}", natOutgoing(false), "{\n  \"spec\": {\n  }\n}"},

		// The spelling of names is kept.
		{"escaped names", `{"sp\u0065c":{"\u0063idr":"a","x\u003cy":"<"}}`, cidr, `{"sp\u0065c":{"\u0063idr":"10.1.0.0/16","x\u003cy":"<"}}`},
		{"escaped name removed", `{"spec":{"nat\u004futgoing":true,"x<y":"<"}}`, natOutgoing(false), `{"spec":{"x<y":"<"}}`},
		{"invalid UTF-8", "{\"spec\":{\"cidr\":\"a\",\"\xfe\":\"\xff\"}}", cidr, "{\"spec\":{\"cidr\":\"10.1.0.0/16\",\"\xfe\":\"\xff\"}}"},

		// Calico ignores the case of names, so a change must find the member in
		// any case: a second member may not be effective.
		{"other case, changed", `{"Spec":{"CIDR":"a","x":1}}`, cidr, `{"Spec":{"CIDR":"10.1.0.0/16","x":1}}`},
		{"other case, removed", `{"spec":{"NATOutgoing":true,"x":1}}`, natOutgoing(false), `{"spec":{"x":1}}`},
		{"other case, false", `{"spec":{"NatOutgoing":false,"x":1}}`, natOutgoing(true), `{"spec":{"NatOutgoing":true,"x":1}}`},
		{"other case, added to", `{"SPEC":{"Cidr":"a","x":1}}`, disable, `{"SPEC":{"Cidr":"a","disabled":true,"x":1}}`},
		{"other case, labels", `{"Metadata":{"LABELS":{"a":"1","A":"2"}}}`, func(p *v3.IPPool) { p.Labels["a"] = "3" },
			`{"Metadata":{"LABELS":{"a":"3","A":"2"}}}`},

		// The names of labels are case-sensitive.
		{"label that differs in case", `{"metadata":{"labels":{"a":"1","A":"2"}}}`, func(p *v3.IPPool) { p.Labels["A"] = "3" },
			`{"metadata":{"labels":{"a":"1","A":"3"}}}`},
		{"label that differs in case removed", `{"metadata":{"labels":{"a":"1","A":"2"}}}`, func(p *v3.IPPool) { delete(p.Labels, "A") },
			`{"metadata":{"labels":{"a":"1"}}}`},
		{"annotation that differs in case added", `{"metadata":{"annotations":{"a":"1"}}}`, func(p *v3.IPPool) { p.Annotations["A"] = "2" },
			`{"metadata":{"annotations":{"A":"2","a":"1"}}}`},

		// The last of duplicate names is effective.
		{"duplicate name, removed", `{"spec":{"natOutgoing":true,"x":1,"natOutgoing":true}}`, natOutgoing(false), `{"spec":{"x":1}}`},
		{"duplicate name, set", `{"spec":{"natOutgoing":true,"x":1,"natOutgoing":false}}`, natOutgoing(true),
			`{"spec":{"natOutgoing":true,"x":1,"natOutgoing":true}}`},
		{"duplicate name in another case", `{"spec":{"cidr":"a","CIDR":"b"}}`, cidr, `{"spec":{"cidr":"a","CIDR":"10.1.0.0/16"}}`},
		{"duplicate spec", `{"spec":{"cidr":"a","x":1},"spec":{"blockSize":26}}`, cidr,
			`{"spec":{"cidr":"a","x":1},"spec":{"cidr":"10.1.0.0/16","blockSize":26}}`},
		{"duplicate unknown name", `{"x":1,"spec":{"cidr":"a","y":1,"y":2},"x":2}`, cidr, `{"x":1,"spec":{"cidr":"10.1.0.0/16","y":1,"y":2},"x":2}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			checkChange(t, test.raw, test.change, test.want)
		})
	}
}

// A change that can't be made in the stored value is an error.
func TestRecordChangeThatIsLost(t *testing.T) {
	t.Parallel()
	record, err := ippool.DecodeRecord([]byte(`{"spec":{"natOutgoing":true},"spec":{"cidr":"10.0.0.0/16"}}`))
	require.NoError(t, err)
	assert.True(t, record.Pool().Spec.NATOutgoing)
	record.Pool().Spec.NATOutgoing = false
	encoded, err := record.Encode()
	require.ErrorContains(t, err, "duplicate key")
	assert.Nil(t, encoded)
}

// Invalid UTF-8 in a label is replaced, in new and in decoded records.
func TestRecordChangeToInvalidUTF8(t *testing.T) {
	t.Parallel()
	checkLabel := func(record *ippool.Record) {
		record.Pool().Labels = map[string]string{"a": "\xff"}
		encoded, err := record.Encode()
		require.NoError(t, err)
		again, err := ippool.DecodeRecord(encoded)
		require.NoError(t, err)
		assert.Equal(t, map[string]string{"a": "\ufffd"}, again.Pool().Labels)
	}
	checkLabel(ippool.NewRecord(calicoPool()))
	record, err := ippool.DecodeRecord([]byte(calicoRecord))
	require.NoError(t, err)
	checkLabel(record)
}
