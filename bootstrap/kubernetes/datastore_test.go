package kubernetes

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

const (
	crdPools  = "/apis/crd.projectcalico.org/v1/ippools"
	v3Pools   = "/apis/projectcalico.org/v3/ippools"
	crdBlocks = "/apis/crd.projectcalico.org/v1/ipamblocks"

	noPools = `{"kind":"IPPoolList","items":[]}`
)

// in is the datastore, with the API group that is asked for.
func in(group schema.GroupVersion, store *Datastore) *Datastore {
	store.config.APIGroup = group
	return store
}

// A record that can't be read hides no other, and its CIDR is told as far as it
// can be.
func TestSnapshotOfUnreadable(t *testing.T) {
	t.Parallel()
	store := surveying(t, map[string]said{crdPools: {200, `{"kind":"IPPoolList","metadata":{"resourceVersion":"7"},"items":[
{"metadata":{"name":"z"},"spec":{"cidr":"10.1.0.0/16","blockSize":"26"}},
{"metadata":{"name":"c"},"spec":{"cidr":"10.3.0.0/16"}},
{"metadata":{"name":"b"},"spec":{"cidr":"10.2.0.0/16"}},
{"metadata":{"name":"a"},"spec":{"cidr":10}}]}`}})
	snapshot, err := store.Snapshot(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "7", snapshot.Revision)
	var pools []string
	for _, record := range snapshot.Pools {
		pools = append(pools, record.Pool.Name+" "+record.Pool.Spec.CIDR)
	}
	assert.Equal(t, []string{"b 10.2.0.0/16", "c 10.3.0.0/16"}, pools)
	require.Len(t, snapshot.Unreadable, 2)
	for i, want := range []bootstrap.Unreadable{{Name: "a"}, {Name: "z", CIDR: "10.1.0.0/16"}} {
		got := snapshot.Unreadable[i]
		assert.Error(t, got.Err)
		got.Err = nil
		assert.Equal(t, want, got)
	}
}

// Where no group has pools, it is said of each why, and what may be done.
func TestSnapshotWithoutPools(t *testing.T) {
	t.Parallel()
	forbidden := said{403, status(403, "Forbidden", `User "x" cannot list resource "ippools"`)}
	ready := said{200, "ok"}
	const install = "install Calico's CRDs; if they are, check that the endpoint is the API server's"
	tests := []struct {
		name    string
		group   schema.GroupVersion
		answers map[string]said
		want    string // of what is behind the place and what is done
		kind    error
	}{
		{"nowhere", schema.GroupVersion{}, nil,
			"not installed: crd.projectcalico.org/v1 has no ippools, projectcalico.org/v3 has no ippools: " + install, bootstrap.ErrNotInstalled},
		{"the second group is forbidden", schema.GroupVersion{}, map[string]said{v3Pools: forbidden, "/readyz": ready},
			"not installed: crd.projectcalico.org/v1 has no ippools, projectcalico.org/v3 may not be listed (give it a ClusterRole with the rule " +
				"- {apiGroups: [projectcalico.org], resources: [ippools], verbs: [list]}): " + install, bootstrap.ErrNotInstalled},
		{"not in the group that is asked for", ippool.CRDV1, nil,
			"not installed: crd.projectcalico.org/v1 has no ippools: " + install + "; if this cluster has its pools in projectcalico.org/v3, set CALICO_API_GROUP to that",
			bootstrap.ErrNotInstalled},
		{"not in the newer group, nor elsewhere", v3.SchemeGroupVersion, nil, "not installed: projectcalico.org/v3 has no ippools: " + install, bootstrap.ErrNotInstalled},
		{"not in the newer group but in the other", v3.SchemeGroupVersion, map[string]said{crdPools: {200, noPools}},
			"the API server has no ippools in projectcalico.org/v3, which was asked for, but in crd.projectcalico.org/v1: " +
				"set --calico-api-group or CALICO_API_GROUP to crd.projectcalico.org/v1, or leave it out", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := in(tt.group, surveying(t, tt.answers)).Snapshot(t.Context())
			require.EqualError(t, err, "Kubernetes https://127.0.0.1:1: reading IP pools: "+tt.want)
			if tt.kind != nil {
				require.ErrorIs(t, err, tt.kind)
			} else {
				require.NotErrorIs(t, err, bootstrap.ErrNotInstalled, "it won't come by waiting")
			}
		})
	}
}

// Blocks are looked for in the group that has the pools, which a list finds out.
func TestBlocks(t *testing.T) {
	t.Parallel()
	const page = `{"kind":"PartialObjectMetadataList","metadata":{},"items":[{"metadata":{"name":"10-244-0-0-26"}},{"metadata":{"name":"fd00-10-244--40-122"}},{"metadata":{"name":"none"}}]}`
	family4 := []ippool.Family{ippool.IPv4}
	blocks, err := in(schema.GroupVersion{}, surveying(t, map[string]said{crdPools: {200, noPools}, crdBlocks: {200, page}})).Blocks(t.Context(), family4)
	require.NoError(t, err)
	assert.Equal(t, []netip.Prefix{netip.MustParsePrefix("10.244.0.0/26")}, blocks)

	blocks, err = surveying(t, map[string]said{crdBlocks: {200, page}}).Blocks(t.Context(), []ippool.Family{ippool.IPv4, ippool.IPv6})
	require.NoError(t, err)
	assert.Equal(t, []netip.Prefix{netip.MustParsePrefix("10.244.0.0/26"), netip.MustParsePrefix("fd00:10:244::40/122")}, blocks)

	blocks, err = surveying(t, nil).Blocks(t.Context(), family4)
	require.NoError(t, err, "where the API server knows no blocks, there are none")
	assert.Empty(t, blocks)

	_, err = in(schema.GroupVersion{}, surveying(t, nil)).Blocks(t.Context(), family4)
	require.ErrorIs(t, err, bootstrap.ErrNotInstalled, "that is, where it knows pools")
	err = in(schema.GroupVersion{}, surveying(t, nil)).Commit(t.Context(), bootstrap.Snapshot{}, []bootstrap.Change{{Create: ippool.New("a")}})
	require.ErrorIs(t, err, bootstrap.ErrNotInstalled)

	for _, answer := range []string{`{"kind":"Status"}`, strings.Replace(page, `{"metadata":{"name":"none"}}`, "7", 1)} {
		_, err = surveying(t, map[string]said{crdBlocks: {200, answer}}).Blocks(t.Context(), family4)
		require.EqualError(t, err, "Kubernetes https://127.0.0.1:1: reading the names of IPAM blocks: "+
			"the answer is no list of the Kubernetes API: check that the endpoint is the API server's")
	}
}

// Without TLS, client-go takes the process's own transport: whoever else uses it
// keeps the connections.
func TestCloseLeavesTheDefaultTransport(t *testing.T) {
	// Not parallel: httptest closes the default transport's connections, too.
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close) // and with it, the connection
	get := func() {
		response, err := http.Get(server.URL)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
	}
	get()
	store, err := Open(Config{REST: &rest.Config{Host: server.URL}})
	require.NoError(t, err)
	require.NoError(t, store.Close())
	get()
	assert.EqualValues(t, 1, connections.Load())
}
