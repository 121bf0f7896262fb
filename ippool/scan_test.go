package ippool

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const scannedRecord = `{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"a","uid":"u","resourceVersion":"7",` +
	`"generation":2,"creationTimestamp":"2026-01-02T03:04:05+02:00","labels":{"a":"1","b":""},` +
	`"annotations":{"projectcalico.org/metadata":"{\"uid\":\"x\"}","note":"é"}},` +
	`"spec":{"cidr":"10.0.0.0/16","vxlanMode":"Never","ipipMode":"Always","natOutgoing":true,"disabled":false,` +
	`"disableBGPExport":true,"blockSize":26,"nodeSelector":"all()","namespaceSelector":"has(\u0061)",` +
	`"allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"}}`

// notScanned are the texts of scannedRecord that, when they are replaced by the second
// one, encoding/json must decode or refuse.
var notScanned = [][2]string{
	{`"kind"`, `"Kind"`}, {`"cidr"`, `"CIDR"`}, {`"spec"`, `"\u0053pec"`}, {`"cidr"`, `"ipip"`}, {`"uid"`, `"ownerReferences"`},
	{`"spec"`, `"status":{},"spec"`}, {`"generation":2`, `"name":"b"`}, {`"blockSize":26`, `"cidr":"b"`},
	{`26`, `"26"`}, {`26`, `-1`}, {`26`, `026`}, {`26`, `26.0`}, {`26`, `2e1`}, {`26`, `9999999999`}, {`26`, `null`}, {`26`, ``},
	{`true`, `True`}, {`true`, `"true"`}, {`true`, `tru`}, {`true`, `truefalse`}, {`"Never"`, `null`}, {`"Never"`, `["Never"]`},
	{`["Workload","Tunnel"]`, `"Workload"`}, {`["Workload","Tunnel"]`, `[null]`}, {`["Workload","Tunnel"]`, `["Workload",]`},
	{`["Workload","Tunnel"]`, `["Workload" "Tunnel"]`}, {`"1"`, `1`}, {`{"a":"1","b":""}`, `["a"]`}, {`"b":""`, `"b"`},
	{`2026-01-02T03`, `2026-01-02 03`}, {`"2026-01-02T03:04:05+02:00"`, `nul`}, {`é`, "\n"}, {`\u0061`, `\u006`}, {`é`, `\x`},
	{`}}`, `}`}, {`}}`, `}}}`}, {`}}`, `},}`}, {`}}`, `}} x`}, {`{"kind"`, `["kind"`}, {`"kind":`, `"kind"`}, {`"kind"`, `kind`},
	{`,"spec"`, `"spec"`}, {`"spec":{`, `"spec":{,`},
}

// TestScanIsStrict shows that the scanner decodes what encoding/json decodes to the same
// pool, and leaves everything else to it.
func TestScanIsStrict(t *testing.T) {
	t.Parallel()
	for _, accepted := range []string{
		scannedRecord, " {\t}\r\n", `{"spec":{}}`, strings.NewReplacer(`:`, ` : `, `,`, "\n,\t").Replace(`{"metadata":{"labels":{},"name":"a"},"spec":{"allowedUses":[],"blockSize":0}}`),
		strings.Replace(scannedRecord, "é", "\xff", 1), strings.Replace(scannedRecord, `"2026-01-02T03:04:05+02:00"`, "null", 1),
	} {
		require.True(t, scanPool(accepted, new(v3.IPPool)), accepted)
		assertScans(t, accepted)
	}
	for _, test := range notScanned {
		text := strings.Replace(scannedRecord, test[0], test[1], 1)
		require.NotEqual(t, scannedRecord, text)
		assert.False(t, scanPool(text, new(v3.IPPool)), text)
	}
	for i := range scannedRecord {
		assert.False(t, scanPool(scannedRecord[:i], new(v3.IPPool)), i)
	}
}

// assertScans asserts that a text that the scanner accepts is decoded as encoding/json
// does.
func assertScans(t *testing.T, text string) {
	t.Helper()
	var scanned, decoded v3.IPPool
	if !scanPool(text, &scanned) {
		return
	}
	require.NoError(t, json.Unmarshal([]byte(text), &decoded), text)
	assert.Equal(t, decoded, scanned, text)
}

// FuzzScan compares the scanner with encoding/json.
func FuzzScan(f *testing.F) {
	f.Add(scannedRecord)
	f.Add(" { } ")
	for _, test := range slices.Concat(notScanned, [][2]string{{`10.0.0.0/16`, ``}, {`:`, ` : `}, {`é`, "\xff"}}) {
		f.Add(strings.Replace(scannedRecord, test[0], test[1], -1))
	}
	f.Fuzz(assertScans)
}

// BenchmarkDecodeRecord decodes the record of a default pool, as calico-node writes it.
func BenchmarkDecodeRecord(b *testing.B) {
	stored := []byte(`{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"default-ipv4-ippool","uid":"7f9d1d0e-5a54-4d8c-a9fe-0f6f2b7f6f0a","creationTimestamp":"2026-08-01T12:00:00Z"},"spec":{"cidr":"192.168.0.0/16","vxlanMode":"Never","ipipMode":"Always","natOutgoing":true,"blockSize":26,"nodeSelector":"all()","allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"}}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeRecord(stored); err != nil {
			b.Fatal(err)
		}
	}
}
