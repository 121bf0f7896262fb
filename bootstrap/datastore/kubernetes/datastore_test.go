package kubernetes

import (
	"errors"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/apitest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/factstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

const (
	crdPools  = "/apis/crd.projectcalico.org/v1/ippools"
	v3Pools   = "/apis/projectcalico.org/v3/ippools"
	crdBlocks = "/apis/crd.projectcalico.org/v1/ipamblocks"

	noPools = `{"kind":"IPPoolList","apiVersion":"crd.projectcalico.org/v1","items":[]}`
)

// in sets the requested API group of the datastore.
func in(group schema.GroupVersion, store *Datastore) *Datastore {
	store.requested = group
	return store
}

// A malformed record does not hide the others. It is reported with its CIDR, if that is
// readable.
func TestSnapshotOfUnreadable(t *testing.T) {
	t.Parallel()
	store := holding(t, apitest.Answers{crdPools: apitest.JSON(200, `{"kind":"IPPoolList","apiVersion":"crd.projectcalico.org/v1","metadata":{"resourceVersion":"7"},"items":[
{"metadata":{"name":"z"},"spec":{"cidr":"10.1.0.0/16","blockSize":"26"}},
{"metadata":{"name":"c"},"spec":{"cidr":"10.3.0.0/16"}},
{"metadata":{"name":"b"},"spec":{"cidr":"10.2.0.0/16"}},
{"metadata":{"name":"a"},"spec":{"cidr":10}}]}`)})
	snapshot, err := store.Snapshot(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "7", snapshot.Revision)
	var pools []string
	for _, record := range snapshot.Pools {
		pools = append(pools, record.Pool().Name+" "+record.Pool().Spec.CIDR)
	}
	assert.Equal(t, []string{"b 10.2.0.0/16", "c 10.3.0.0/16"}, pools)
	require.Len(t, snapshot.Unreadable, 2)
	for i, want := range []datastore.Unreadable{{Name: "a"}, {Name: "z", CIDR: "10.1.0.0/16"}} {
		got := snapshot.Unreadable[i]
		assert.Error(t, got.Err)
		got.Err = nil
		assert.Equal(t, want, got)
	}
}

// If no API group has pools, the error has the reason for each group, and a hint.
func TestSnapshotWithoutPools(t *testing.T) {
	t.Parallel()
	forbidden := apitest.Failure(403, "Forbidden", `User "x" cannot list resource "ippools"`)
	ready := apitest.JSON(200, "ok")
	const (
		install = "install Calico's CRDs; if they are installed, check that the endpoint is the API server's"
		older   = "; if this cluster has its pools in crd.projectcalico.org/v1, set calicoAPIGroup to that"
	)
	tests := []struct {
		name    string
		group   schema.GroupVersion
		answers apitest.Answers
		want    string // without place and operation
		kind    error
	}{
		{"in no group", schema.GroupVersion{}, nil,
			"not installed: crd.projectcalico.org/v1 has no ippools, projectcalico.org/v3 has no ippools: " + install, datastore.ErrNotInstalled},
		{"the second group is forbidden", schema.GroupVersion{}, apitest.Answers{v3Pools: forbidden, "/readyz": ready},
			"not installed: crd.projectcalico.org/v1 has no ippools, listing projectcalico.org/v3 is forbidden (add to a ClusterRole the rule " +
				"- {apiGroups: [projectcalico.org], resources: [ippools], verbs: [list]}): " + install, datastore.ErrNotInstalled},
		{"not in the requested group", ippool.CRDV1, nil,
			"not installed: crd.projectcalico.org/v1 has no ippools: " + install + "; if this cluster has its pools in projectcalico.org/v3, set calicoAPIGroup to that",
			datastore.ErrNotInstalled},
		{"not in the newer group, nor in the other", v3.SchemeGroupVersion, nil, "not installed: projectcalico.org/v3 has no ippools: " + install + older, datastore.ErrNotInstalled},
		{"not in the newer group, and the other is forbidden", v3.SchemeGroupVersion, apitest.Answers{crdPools: forbidden, "/readyz": ready},
			"not installed: projectcalico.org/v3 has no ippools: " + install + older, datastore.ErrNotInstalled},
		{"not in the newer group but in the other", v3.SchemeGroupVersion, apitest.Answers{crdPools: apitest.JSON(200, noPools)},
			"the API server has no ippools in the configured group projectcalico.org/v3, but in crd.projectcalico.org/v1: " +
				"set calicoAPIGroup to crd.projectcalico.org/v1, or leave it out", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := in(tt.group, holding(t, tt.answers)).Snapshot(t.Context())
			require.EqualError(t, err, "Kubernetes https://127.0.0.1:1: reading IP pools: "+tt.want)
			if tt.kind != nil {
				require.ErrorIs(t, err, tt.kind)
			} else {
				require.NotErrorIs(t, err, datastore.ErrNotInstalled, "a retry does not help")
			}
		})
	}
}

// A failed list gives an error of one line, with the missing permission. Without a
// requested API group, it has the hint that the pools may be in the other.
func TestSnapshotFails(t *testing.T) {
	t.Parallel()
	forbidden := apitest.Failure(403, "Forbidden", `User "x" cannot list resource "ippools"`)
	const (
		rule   = `permission denied: User "x" cannot list resource "ippools": add to a ClusterRole the rule - {apiGroups: [crd.projectcalico.org], resources: [ippools], verbs: [list]}`
		noList = "the response is not a list of the Kubernetes API: check that the endpoint is the API server's"
	)
	tests := []struct {
		name   string
		group  schema.GroupVersion
		answer apitest.Answer
		want   string
		kind   error // nil: none
	}{
		{"forbidden", ippool.CRDV1, forbidden, rule, datastore.ErrForbidden},
		{"forbidden in the first group", schema.GroupVersion{}, forbidden,
			rule + "; if this cluster has its pools in projectcalico.org/v3, set calicoAPIGroup to that", datastore.ErrForbidden},
		{"unauthorized", ippool.CRDV1, apitest.Failure(401, "Unauthorized", "Unauthorized"),
			"unauthorized: Unauthorized: check the token: is it from this cluster, and does its ServiceAccount still exist?", datastore.ErrUnauthorized},
		{"not a list", ippool.CRDV1, apitest.JSON(200, `{"kind":"IPPool"}`), noList, nil},
		{"not JSON", ippool.CRDV1, apitest.Answer{Code: 200, Header: apitest.Header("text/html"), Body: "<html>welcome</html>"}, noList, nil},
		{"expired", ippool.CRDV1, apitest.Failure(410, "Expired", "too old"), "datastore unreachable: too old", datastore.ErrUnreachable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := in(tt.group, holding(t, apitest.Answers{crdPools: tt.answer, "/readyz": apitest.JSON(200, "ok")})).Snapshot(t.Context())
			require.EqualError(t, err, "Kubernetes https://127.0.0.1:1: reading IP pools: "+tt.want)
			for _, kind := range []error{datastore.ErrForbidden, datastore.ErrUnauthorized, datastore.ErrUnreachable, datastore.ErrNotInstalled} {
				assert.Equal(t, kind == tt.kind, errors.Is(err, kind), "%v", kind)
			}
		})
	}
}

// The facts of the cluster are read over the same connection.
func TestClusterFacts(t *testing.T) {
	t.Parallel()
	store := holding(t, apitest.Answers{
		"/api/v1/nodes": apitest.JSON(200, `{"kind":"NodeList","apiVersion":"v1","items":[{"metadata":{"name":"a"}}]}`),
		"/api/v1/namespaces/kube-system/configmaps/kubeadm-config": apitest.JSON(200,
			`{"kind":"ConfigMap","apiVersion":"v1","data":{"ClusterConfiguration":"networking: {podSubnet: 10.244.0.0/16, serviceSubnet: 10.96.0.0/12}"}}`),
	})
	sources, err := store.PodCIDRs(t.Context(), []ippool.Family{ippool.IPv4})
	require.NoError(t, err)
	kubeadm := origin.Cluster("kubeadm-config")
	want := factstest.Source(kubeadm, "10.244.0.0/16")
	want.Services = factstest.At(kubeadm, "10.96.0.0/12")
	assert.Equal(t, []facts.PodCIDRSource{want}, sources)
	survey, err := store.Survey(t.Context())
	require.NoError(t, err)
	assert.Equal(t, facts.Survey{Nodes: []facts.Node{{Name: "a"}}, ServiceCIDRs: factstest.At(kubeadm, "10.96.0.0/12")}, survey)
}
