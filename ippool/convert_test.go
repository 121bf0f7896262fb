package ippool_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// These have the shape of Calico's own types: the same JSON under other names
// and with other Go types.
type (
	calicoIPPool struct {
		metav1.TypeMeta   `json:",inline"`
		metav1.ObjectMeta `json:"metadata,omitempty"`
		Spec              calicoSpec    `json:"spec,omitempty"`
		Status            *calicoStatus `json:"status,omitempty"`
	}
	calicoSpec struct {
		CIDR              string      `json:"cidr"`
		VXLANMode         calicoMode  `json:"vxlanMode,omitempty"`
		IPIPMode          calicoMode  `json:"ipipMode,omitempty"`
		NATOutgoing       bool        `json:"natOutgoing,omitempty"`
		Disabled          bool        `json:"disabled,omitempty"`
		DisableBGPExport  bool        `json:"disableBGPExport,omitempty"`
		BlockSize         int         `json:"blockSize,omitempty"`
		NodeSelector      string      `json:"nodeSelector,omitempty"`
		NamespaceSelector string      `json:"namespaceSelector,omitempty"`
		AllowedUses       []calicoUse `json:"allowedUses,omitempty"`
		AssignmentMode    *calicoMode `json:"assignmentMode,omitempty"`
	}
	calicoStatus struct {
		Conditions []metav1.Condition `json:"conditions,omitempty"`
	}
	calicoMode string
	calicoUse  string
)

// olderIPPool knows no namespaceSelector and no status.
type olderIPPool struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              olderSpec `json:"spec,omitempty"`
}

type olderSpec struct {
	CIDR           string       `json:"cidr"`
	VXLANMode      string       `json:"vxlanMode,omitempty"`
	IPIPMode       string       `json:"ipipMode,omitempty"`
	NATOutgoing    bool         `json:"natOutgoing,omitempty"`
	BlockSize      int          `json:"blockSize,omitempty"`
	NodeSelector   string       `json:"nodeSelector,omitempty"`
	AllowedUses    []string     `json:"allowedUses,omitempty"`
	AssignmentMode *string      `json:"assignmentMode,omitempty"`
	IPIP           *olderTunnel `json:"ipip,omitempty"` // which Calico has dropped since
}

type olderTunnel struct {
	Enabled bool `json:"enabled,omitempty"`
}

func TestConvertTo(t *testing.T) {
	t.Parallel()
	pool := calicoPool()
	pool.Spec.NamespaceSelector = "has(team)"
	pool.ResourceVersion = "7" // a conversion is no record: it stays
	got, err := ippool.ConvertTo[calicoIPPool](pool)
	require.NoError(t, err)
	assert.Equal(t, &calicoIPPool{
		TypeMeta: metav1.TypeMeta{Kind: "IPPool", APIVersion: "projectcalico.org/v3"},
		ObjectMeta: metav1.ObjectMeta{
			Name: "default-ipv4-ippool", UID: "47132df4-a8f8-4771-b096-ccd5d2ab0391",
			ResourceVersion: "7", CreationTimestamp: pool.CreationTimestamp,
		},
		Spec: calicoSpec{
			CIDR: "10.244.0.0/16", VXLANMode: "Never", IPIPMode: "Never", NATOutgoing: true, BlockSize: 26,
			NodeSelector: "all()", NamespaceSelector: "has(team)", AllowedUses: []calicoUse{"Workload", "Tunnel"},
			AssignmentMode: pointer(calicoMode("Automatic")),
		},
	}, got)
}

// There and back, with something in every field of either side: a field that
// only one side has would make it fail.
func TestConvertRoundTrip(t *testing.T) {
	t.Parallel()
	ours := filled[ippool.IPPool]()
	theirs, err := ippool.ConvertTo[calicoIPPool](ours)
	require.NoError(t, err)
	back, err := ippool.ConvertFrom(theirs)
	require.NoError(t, err)
	assertSamePool(t, ours, back)

	from, err := ippool.ConvertFrom(filled[calicoIPPool]())
	require.NoError(t, err)
	assertSamePool(t, ours, from)

	// By value, too, and without a pool in between.
	from, err = ippool.ConvertFrom(*theirs)
	require.NoError(t, err)
	assertSamePool(t, ours, from)
	same, err := ippool.ConvertTo[ippool.IPPool](ours)
	require.NoError(t, err)
	assertSamePool(t, ours, same)
}

func TestConvertIsStrict(t *testing.T) {
	t.Parallel()
	pool := calicoPool()
	older, err := ippool.ConvertTo[olderIPPool](pool)
	require.NoError(t, err, "nothing is set that it doesn't know")
	assert.Equal(t, "10.244.0.0/16", older.Spec.CIDR)
	back, err := ippool.ConvertFrom(older)
	require.NoError(t, err)
	assertSamePool(t, pool, back)

	pool.Spec.NamespaceSelector = "has(team)"
	older, err = ippool.ConvertTo[olderIPPool](pool)
	require.ErrorContains(t, err, `converting *ippool.IPPool to *ippool_test.olderIPPool: json: unknown field "namespaceSelector"`)
	assert.Nil(t, older)

	pool = calicoPool()
	pool.Status = &ippool.IPPoolStatus{}
	_, err = ippool.ConvertTo[olderIPPool](pool)
	require.ErrorContains(t, err, `unknown field "status"`)

	back, err = ippool.ConvertFrom(&olderIPPool{Spec: olderSpec{CIDR: "10.0.0.0/16", IPIP: &olderTunnel{Enabled: true}}})
	require.ErrorContains(t, err, `converting *ippool_test.olderIPPool to *ippool.IPPool: json: unknown field "ipip"`)
	assert.Nil(t, back)
}

func TestConvertRefuses(t *testing.T) {
	t.Parallel()
	for name, from := range map[string]any{
		"nil":             nil,
		"a nil pointer":   (*calicoIPPool)(nil),
		"a nil map":       map[string]any(nil),
		"a list":          []calicoIPPool{{}},
		"a string":        "10.0.0.0/16",
		"a number":        26,
		"what isn't JSON": make(chan int),
		"a wrong type":    map[string]any{"spec": map[string]any{"blockSize": "26"}},
		"unknown at top":  map[string]any{"spec": map[string]any{}, "extra": 1},
		"unknown in meta": map[string]any{"metadata": map[string]any{"clusterName": "c"}},
		"null as JSON":    json.RawMessage("null"),
		"two as JSON":     json.RawMessage("{}{}"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, err := ippool.ConvertFrom(from)
			require.ErrorContains(t, err, "converting ")
			assert.Nil(t, pool)
		})
	}
	// An empty pool where there was none would be taken for one.
	got, err := ippool.ConvertTo[calicoIPPool](nil)
	require.ErrorContains(t, err, "converting ")
	assert.Nil(t, got)
	_, err = ippool.ConvertTo[[]string](calicoPool())
	require.ErrorContains(t, err, "converting ")
}

func TestConvertUnstructured(t *testing.T) {
	t.Parallel()
	pool := calicoPool()
	pool.Status = &ippool.IPPoolStatus{Conditions: []metav1.Condition{{Type: "Allocatable", Status: metav1.ConditionTrue, LastTransitionTime: at("17:46:00")}}}
	object, err := ippool.ConvertTo[unstructured.Unstructured](pool)
	require.NoError(t, err)
	assert.Equal(t, ippool.V3.WithKind("IPPool"), object.GroupVersionKind())
	assert.Equal(t, "default-ipv4-ippool", object.GetName())
	assert.Equal(t, map[string]any{
		"cidr": "10.244.0.0/16", "vxlanMode": "Never", "ipipMode": "Never", "natOutgoing": true, "blockSize": int64(26),
		"nodeSelector": "all()", "allowedUses": []any{"Workload", "Tunnel"}, "assignmentMode": "Automatic",
	}, object.Object["spec"])
	back, err := ippool.ConvertFrom(object)
	require.NoError(t, err)
	assertSamePool(t, pool, back)

	filled := filled[ippool.IPPool]()
	object, err = ippool.ConvertTo[unstructured.Unstructured](filled)
	require.NoError(t, err)
	back, err = ippool.ConvertFrom(object)
	require.NoError(t, err)
	assertSamePool(t, filled, back)

	require.NoError(t, unstructured.SetNestedField(object.Object, "x", "spec", "future"))
	_, err = ippool.ConvertFrom(object)
	require.ErrorContains(t, err, `unknown field "future"`)
}
