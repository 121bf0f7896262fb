package ippool_test

import (
	"errors"
	"slices"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/calico-bootstrap/calico-bootstrap/internal/golden"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// calicoRecord is a value that calico-node wrote to etcd.
const calicoRecord = `{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"default-ipv4-ippool",` +
	`"uid":"47132df4-a8f8-4771-b096-ccd5d2ab0391","creationTimestamp":"2026-11-22T17:45:23Z"},` +
	`"spec":{"cidr":"10.244.0.0/16","vxlanMode":"Never","ipipMode":"Never","natOutgoing":true,"blockSize":26,` +
	`"nodeSelector":"all()","allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"}}`

// calicoPool returns the pool in calicoRecord.
func calicoPool() *v3.IPPool {
	pool := ippool.New("default-ipv4-ippool")
	pool.UID = "47132df4-a8f8-4771-b096-ccd5d2ab0391"
	pool.CreationTimestamp = at("17:45:23")
	pool.Spec.CIDR = "10.244.0.0/16"
	pool.Spec.NATOutgoing = true
	ippool.Default(pool)
	return pool
}

func TestRecordKey(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "/calico/resources/v3/projectcalico.org/ippools/default-ipv4-ippool", ippool.RecordKey("default-ipv4-ippool"))
	assert.Equal(t, ippool.RecordPrefix, ippool.RecordKey(""))
}

func TestNewRecord(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		golden string
		change func(*v3.IPPool)
	}{
		{"default-ipv4", func(*v3.IPPool) {}},
		{"default-ipv6", func(p *v3.IPPool) {
			p.Name = "default-ipv6-ippool"
			p.UID = "8d5f0b1a-0f8e-4a3b-9a53-6f0d4c1f7f10"
			p.Spec = v3.IPPoolSpec{CIDR: "fd00:10:244::/64"}
			ippool.Default(p)
		}},
		// Calico's encoder escapes &, < and > in every string.
		{"escapes", func(p *v3.IPPool) {
			p.Spec.NodeSelector = `has(rack) && !has(gpu) && zone in {"<a>", 'b'}`
			p.Annotations = map[string]string{"note": "a < b\n\u2028é"}
		}},
		{"spec-in-full", func(p *v3.IPPool) {
			p.Spec.VXLANMode = v3.VXLANModeCrossSubnet
			p.Spec.IPIPMode = v3.IPIPModeAlways // invalid, but encoded
			p.Spec.Disabled = true
			p.Spec.DisableBGPExport = true
			p.Spec.BlockSize = 29
			p.Spec.NodeSelector = "has(rack)"
			p.Spec.NamespaceSelector = "has(team)"
			p.Spec.AllowedUses = []v3.IPPoolAllowedUse{"LoadBalancer", "Tunnel", "Workload"}
			p.Spec.AssignmentMode = pointer(v3.Manual)
		}},
		// False and empty fields are omitted, except for the CIDR.
		{"nothing-set", func(p *v3.IPPool) { p.Spec = v3.IPPoolSpec{} }},
		{"empty-not-nil", func(p *v3.IPPool) {
			p.Labels = map[string]string{}
			p.Finalizers = []string{}
			p.Spec.AllowedUses = []v3.IPPoolAllowedUse{}
			p.Spec.AssignmentMode = pointer(v3.AssignmentMode(""))
		}},
		{"kubernetes", func(p *v3.IPPool) {
			p.ResourceVersion = "1234" // not stored: in etcd it is the revision of the key
			p.Generation = 2
			p.Labels = map[string]string{"b": "2", "a": "1"}
			p.Annotations = map[string]string{"projectcalico.org/metadata": `{"uid":"x"}`}
			p.Finalizers = []string{"example.org/keep"}
		}},
	} {
		t.Run(test.golden, func(t *testing.T) {
			t.Parallel()
			pool := calicoPool()
			test.change(pool)
			encoded, err := ippool.NewRecord(pool).Encode()
			require.NoError(t, err)
			golden.Check(t, "records/"+test.golden+".json", string(encoded)+"\n")

			// The record decodes to the same pool, without fields that aren't
			// stored; empty lists and maps become nil.
			want := pool.DeepCopy()
			want.ResourceVersion = ""
			if len(want.Labels) == 0 {
				want.Labels = nil
			}
			if len(want.Finalizers) == 0 {
				want.Finalizers = nil
			}
			if len(want.Spec.AllowedUses) == 0 {
				want.Spec.AllowedUses = nil
			}
			record, err := ippool.DecodeRecord(encoded)
			require.NoError(t, err)
			assertSamePool(t, want, record.Pool())
		})
	}
}

func TestRecordThatHasNoJSON(t *testing.T) {
	t.Parallel()
	var fields metav1.FieldsV1
	require.NoError(t, fields.UnmarshalJSON([]byte("{")))
	broken := []metav1.ManagedFieldsEntry{{FieldsV1: &fields}}

	record := ippool.NewRecord(calicoPool())
	record.Pool().ManagedFields = broken
	_, err := record.Encode()
	require.Error(t, err)

	record, err = ippool.DecodeRecord([]byte(calicoRecord))
	require.NoError(t, err)
	record.Pool().ManagedFields = broken
	_, err = record.Encode()
	require.Error(t, err)
}

// assertSamePool compares pools whose times may be in different zones.
func assertSamePool(t *testing.T, want, got *v3.IPPool) {
	t.Helper()
	inUTC := func(pool *v3.IPPool) *v3.IPPool {
		pool = pool.DeepCopy()
		times := []*metav1.Time{&pool.CreationTimestamp, pool.DeletionTimestamp}
		for i := range pool.ManagedFields {
			times = append(times, pool.ManagedFields[i].Time)
		}
		for _, at := range times {
			if at != nil {
				at.Time = at.UTC()
			}
		}
		return pool
	}
	assert.Equal(t, inUTC(want), inUTC(got))
}

func TestNewRecordIsCalicos(t *testing.T) {
	t.Parallel()
	encoded, err := ippool.NewRecord(calicoPool()).Encode()
	require.NoError(t, err)
	assert.Equal(t, calicoRecord, string(encoded))
}

func TestNewRecordCopiesThePool(t *testing.T) {
	t.Parallel()
	pool := calicoPool()
	record := ippool.NewRecord(pool)
	pool.Spec.AllowedUses[0] = "LoadBalancer"
	*pool.Spec.AssignmentMode = v3.Manual
	encoded, err := record.Encode()
	require.NoError(t, err)
	assert.Equal(t, calicoRecord, string(encoded))

	record.Pool().Spec.NATOutgoing = false
	encoded, err = record.Encode()
	require.NoError(t, err)
	assert.NotContains(t, string(encoded), "natOutgoing", "a new record can be changed like a decoded one")
}

func TestDecodeRecord(t *testing.T) {
	t.Parallel()
	record, err := ippool.DecodeRecord([]byte(calicoRecord))
	require.NoError(t, err)
	assertSamePool(t, calicoPool(), record.Pool())
}

func TestRecordSharesNoBytes(t *testing.T) {
	t.Parallel()
	data := []byte(calicoRecord)
	record, err := ippool.DecodeRecord(data)
	require.NoError(t, err)
	for i := range data {
		data[i] = 'x'
	}
	first, err := record.Encode()
	require.NoError(t, err)
	assert.Equal(t, calicoRecord, string(first))
	for i := range first {
		first[i] = 'x'
	}

	record.Pool().Spec.NATOutgoing = false
	changed, err := record.Encode()
	require.NoError(t, err)
	again, err := record.Encode()
	require.NoError(t, err)
	assert.Equal(t, changed, again)

	record.Pool().Spec.NATOutgoing = true
	back, err := record.Encode()
	require.NoError(t, err)
	assert.Equal(t, calicoRecord, string(back), "a change that is reverted has no effect")
}

// oddRecords are unusual records that Calico accepts.
var oddRecords = map[string]string{
	"calico-node's":            calicoRecord,
	"empty object":             `{}`,
	"trailing newline":         calicoRecord + "\n",
	"white space around":       " \t\r\n" + calicoRecord + " \t\r\n",
	"white space inside":       "{ \"kind\" :\t\"IPPool\" ,\n \"spec\" : { \"cidr\" : \"10.0.0.0/16\" , \"natOutgoing\" : true } }",
	"other order":              `{"spec":{"natOutgoing":true,"cidr":"10.0.0.0/16","blockSize":26},"metadata":{"uid":"u","name":"a"},"apiVersion":"projectcalico.org/v3","kind":"IPPool"}`,
	"unknown at the top":       `{"kind":"IPPool","spec":{"cidr":"10.0.0.0/16"},"future":{"a":[1,2.50,{"b":null}]}}`,
	"unknown in metadata":      `{"kind":"IPPool","metadata":{"name":"a","clusterName":"c","future":[]},"spec":{"cidr":"10.0.0.0/16"}}`,
	"unknown in spec":          `{"kind":"IPPool","spec":{"awsSubnetID":"subnet-1","cidr":"10.0.0.0/16","ipip":{"enabled":true,"mode":"always"},"nat-outgoing":true}}`,
	"unknown numbers":          `{"a":1e400,"b":-0.0,"c":12345678901234567890123,"spec":{"cidr":"10.0.0.0/16"}}`,
	"explicit false and empty": `{"spec":{"cidr":"10.0.0.0/16","natOutgoing":false,"disabled":false,"blockSize":0,"nodeSelector":"","allowedUses":[],"ipipMode":""}}`,
	"explicit null":            `{"kind":null,"metadata":null,"spec":{"cidr":null,"natOutgoing":null,"blockSize":null,"allowedUses":null,"assignmentMode":null},"status":null}`,
	"null spec":                `{"metadata":{"name":"a","creationTimestamp":null,"labels":null},"spec":null}`,
	"escapes in strings":       `{"spec":{"cidr":"10.0.0.0\/16","nodeSelector":"has(\u0061) \u0026\u0026 has(b) && zone == \"<\u00e9>\""}}`,
	"escapes in names":         `{"sp\u0065c":{"\u0063idr":"10.0.0.0/16","x\u003cy":1,"nat\u004futgoing":true}}`,
	"names in another case":    `{"Kind":"IPPool","SPEC":{"CIDR":"10.0.0.0/16","NATOutgoing":true,"ipIpMode":"Always"}}`,
	"duplicate names":          `{"spec":{"cidr":"10.0.0.0/16","natOutgoing":true,"natOutgoing":false},"kind":"x","kind":"IPPool","spec":{"blockSize":26}}`,
	"invalid UTF-8":            "{\"spec\":{\"cidr\":\"10.0.0.0/16\",\"nodeSelector\":\"a == '\xff'\",\"\xfe\":1}}",
	"another time zone":        `{"metadata":{"creationTimestamp":"2026-11-22T19:45:23.75+02:00"},"spec":{"cidr":"10.0.0.0/16"}}`,
	"status":                   `{"spec":{"cidr":"10.0.0.0/16"},"status":{"conditions":[{"type":"Allocatable","status":"True","extra":1}],"phase":"x"}}`,
	"resource version":         `{"metadata":{"name":"a","resourceVersion":"17"},"spec":{"cidr":"10.0.0.0/16","natOutgoing":true}}`,
	"labels differ in case":    `{"metadata":{"name":"a","labels":{"b":"1","B":"2","a":"<3>"}},"spec":{"cidr":"10.0.0.0/16"}}`,
	"invalid":                  `{"kind":"Pod","spec":{"cidr":"pods","ipipMode":"Sometimes","blockSize":-7,"allowedUses":["x","x"]}}`,
}

// An unchanged record encodes to the same bytes.
func TestRecordRoundTrip(t *testing.T) {
	t.Parallel()
	for name, raw := range oddRecords {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			record, err := ippool.DecodeRecord([]byte(raw))
			require.NoError(t, err)
			encoded, err := record.Encode()
			require.NoError(t, err)
			assert.Equal(t, raw, string(encoded))
		})
	}
}

// DecodeRecord returns the same values as Calico.
func TestDecodeOddRecords(t *testing.T) {
	t.Parallel()
	spec := func(name string) v3.IPPoolSpec {
		record, err := ippool.DecodeRecord([]byte(oddRecords[name]))
		require.NoError(t, err, name)
		return record.Pool().Spec
	}
	assert.Equal(t, v3.IPPoolSpec{CIDR: "10.0.0.0/16", NATOutgoing: true, IPIPMode: "Always"}, spec("names in another case"))
	assert.Equal(t, v3.IPPoolSpec{CIDR: "10.0.0.0/16", BlockSize: 26}, spec("duplicate names"))
	assert.Equal(t, v3.IPPoolSpec{CIDR: "10.0.0.0/16", NATOutgoing: true}, spec("escapes in names"))
	assert.Equal(t, `has(a) && has(b) && zone == "<é>"`, spec("escapes in strings").NodeSelector)
	assert.Zero(t, spec("explicit null"))
	assert.Zero(t, spec("null spec"))
	assert.True(t, slices.Equal([]v3.IPPoolAllowedUse{"x", "x"}, spec("invalid").AllowedUses))
}

func TestDecodeRecordRefuses(t *testing.T) {
	t.Parallel()
	for name, raw := range map[string]string{
		"empty":                "",
		"white space":          " \n",
		"null":                 "null",
		"null in white space":  " \t\r\nnull\n",
		"true":                 "true",
		"a number":             "26",
		"a string":             `"10.0.0.0/16"`,
		"an array":             "[]",
		"an array of pools":    "[" + calicoRecord + "]",
		"text":                 "10.0.0.0/16",
		"truncated":            calicoRecord[:len(calicoRecord)-1],
		"truncated string":     calicoRecord[:30],
		"two":                  calicoRecord + calicoRecord,
		"trailing data":        calicoRecord + "x",
		"a byte order mark":    "\ufeff" + calicoRecord,
		"a trailing comma":     `{"kind":"IPPool",}`,
		"a comment":            "{} // empty",
		"single quotes":        `{'kind':'IPPool'}`,
		"YAML":                 "kind: IPPool\n",
		"spec an array":        `{"spec":[]}`,
		"spec a string":        `{"spec":"10.0.0.0/16"}`,
		"metadata an array":    `{"metadata":[]}`,
		"CIDR a number":        `{"spec":{"cidr":10}}`,
		"a boolean in quotes":  `{"spec":{"natOutgoing":"true"}}`,
		"a boolean a number":   `{"spec":{"natOutgoing":1}}`,
		"a size in quotes":     `{"spec":{"blockSize":"26"}}`,
		"a size with a point":  `{"spec":{"blockSize":26.0}}`,
		"a size out of range":  `{"spec":{"blockSize":99999999999999999999}}`,
		"uses a string":        `{"spec":{"allowedUses":"Workload"}}`,
		"uses of numbers":      `{"spec":{"allowedUses":[1]}}`,
		"assignment mode true": `{"spec":{"assignmentMode":true}}`,
		"labels of numbers":    `{"metadata":{"labels":{"a":1}}}`,
		"a time in words":      `{"metadata":{"creationTimestamp":"yesterday"}}`,
		"name in another case": `{"Spec":{"CIDR":10}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			record, err := ippool.DecodeRecord([]byte(raw))
			if partial := (*ippool.PartialError)(nil); !errors.As(err, &partial) {
				require.ErrorContains(t, err, "not the JSON of an IPPool: ")
			}
			assert.Nil(t, record)
		})
	}
	_, err := ippool.DecodeRecord(nil)
	require.Error(t, err)
}
