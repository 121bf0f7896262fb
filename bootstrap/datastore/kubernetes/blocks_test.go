package kubernetes

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/apitest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/factstest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Blocks are read from the API group that has the pools, which a list determines.
func TestBlocks(t *testing.T) {
	t.Parallel()
	const page = `{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":{},"items":[{"metadata":{"name":"10-244-0-0-26"}},{"metadata":{"name":"fd00-10-244--40-122"}},{"metadata":{"name":"none"}}]}`
	family4 := []ippool.Family{ippool.IPv4}
	blocks, err := in(schema.GroupVersion{}, holding(t, apitest.Answers{crdPools: apitest.JSON(200, noPools), crdBlocks: apitest.JSON(200, page)})).Blocks(t.Context(), family4)
	require.NoError(t, err)
	assert.Equal(t, []netip.Prefix{netip.MustParsePrefix("10.244.0.0/26")}, blocks)

	blocks, err = holding(t, apitest.Answers{crdBlocks: apitest.JSON(200, page)}).Blocks(t.Context(), []ippool.Family{ippool.IPv4, ippool.IPv6})
	require.NoError(t, err)
	assert.Equal(t, []netip.Prefix{netip.MustParsePrefix("10.244.0.0/26"), netip.MustParsePrefix("fd00:10:244::40/122")}, blocks)

	blocks, err = holding(t, nil).Blocks(t.Context(), family4)
	require.NoError(t, err, "without the resource there are no blocks")
	assert.Empty(t, blocks)

	_, err = in(schema.GroupVersion{}, holding(t, nil)).Blocks(t.Context(), family4)
	require.ErrorIs(t, err, datastore.ErrNotInstalled, "unless the API server has no pools either")
	_, err = in(schema.GroupVersion{}, holding(t, nil)).Commit(t.Context(), datastore.Snapshot{}, []datastore.Change{{Create: ippool.New("a")}})
	require.ErrorIs(t, err, datastore.ErrNotInstalled)

	blocks, err = holding(t, apitest.Answers{crdBlocks: apitest.JSON(200, `{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","items":null}`)}).Blocks(t.Context(), family4)
	require.NoError(t, err, "an API server has no array for no blocks")
	assert.Empty(t, blocks)

	for _, answer := range []string{`{"kind":"Status"}`, `{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1"}`, `{"kind":"IPAMBlockList","apiVersion":"crd.projectcalico.org/v1","items":[]}`, strings.Replace(page, `{"metadata":{"name":"none"}}`, "7", 1)} {
		_, err = holding(t, apitest.Answers{crdBlocks: apitest.JSON(200, answer)}).Blocks(t.Context(), family4)
		require.EqualError(t, err, "Kubernetes https://127.0.0.1:1: reading the names of IPAM blocks: "+
			"the response is not a list of the Kubernetes API: check that the endpoint is the API server's")
	}
}

// An expired page of blocks is retryable: the next attempt begins at the first page.
func TestBlocksFail(t *testing.T) {
	t.Parallel()
	ready := apitest.JSON(200, "ok")
	family4 := []ippool.Family{ippool.IPv4}
	_, err := holding(t, apitest.Answers{crdBlocks: apitest.Failure(410, "Expired", "too old")}).Blocks(t.Context(), family4)
	require.EqualError(t, err, "Kubernetes https://127.0.0.1:1: reading the names of IPAM blocks: datastore unreachable: too old")
	require.ErrorIs(t, err, datastore.ErrUnreachable)

	forbidden := apitest.Answers{crdPools: apitest.JSON(200, noPools), crdBlocks: apitest.Failure(403, "Forbidden", `User "x" cannot list resource "ipamblocks"`), "/readyz": ready}
	const rule = `Kubernetes https://127.0.0.1:1: reading the names of IPAM blocks: permission denied: User "x" cannot list resource "ipamblocks": ` +
		"add to a ClusterRole the rule - {apiGroups: [crd.projectcalico.org], resources: [ipamblocks], verbs: [list]}"
	_, err = holding(t, forbidden).Blocks(t.Context(), family4)
	require.EqualError(t, err, rule)
	_, err = in(schema.GroupVersion{}, holding(t, forbidden)).Blocks(t.Context(), family4)
	require.EqualError(t, err, rule+"; if this cluster has its pools in projectcalico.org/v3, set calicoAPIGroup to that")
}

// Blocks are read in pages, with continue tokens.
func TestBlocksInPages(t *testing.T) {
	t.Parallel()
	var queries []string
	store := reaching(t, &rest.Config{}, apitest.RoundTripper(func(request *http.Request) (*http.Response, error) {
		queries = append(queries, request.URL.RawQuery)
		assert.True(t, strings.HasPrefix(request.Header.Get("Accept"), "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,"))
		page := `{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":{"continue":"next"},"items":[{"metadata":{"name":"10-244-0-0-26"}}]}`
		if len(queries) == 2 {
			page = `{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","items":[{"metadata":{"name":"10-244-0-64-26"}}]}`
		}
		return apitest.JSON(200, page).To(request), nil
	}))
	blocks, err := store.Blocks(t.Context(), []ippool.Family{ippool.IPv4})
	require.NoError(t, err)
	assert.Equal(t, factstest.Prefixes("10.244.0.0/26", "10.244.0.64/26"), blocks)
	assert.Equal(t, []string{"limit=10000", "continue=next&limit=10000"}, queries)
}

func TestParseBlockName(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"10-244-0-0-26":                         "10.244.0.0/26",
		"10-0-0-255-32":                         "10.0.0.255/32",
		"fd00-10-244--40-122":                   "fd00:10:244::40/122",
		"fd00-10-244---122":                     "fd00:10:244::/122",
		"fd00-1-2-3-4-5-6-40-122":               "fd00:1:2:3:4:5:6:40/122",
		"2001-db8-0-1-1-1-1-0-122":              "2001:db8:0:1:1:1:1:0/122",
		"1-2-3-4---122":                         "1:2:3:4::/122",
		"":                                      "",
		"block":                                 "",
		"10-244-0-26":                           "",
		"10-244-0-0-33":                         "",
		"10-244-0-0-":                           "",
		"fd00-10-244-40-122":                    "",
		"fd00-10-244--40-129":                   "",
		"my-block-of-ten-26":                    "",
		"default-ipv4-ippool":                   "",
		"fd00-10--244--40-122":                  "",
		"10-244-0-0-0-26":                       "",
		"fd00-1-2-3-4-5-6-7-8-122":              "",
		strings.Repeat("1-", 100) + "1-2-3-4-5": "",
	}
	for name, want := range tests {
		prefix, ok := parseBlockName([]byte(name))
		assert.Equal(t, want != "", ok, name)
		if want != "" {
			assert.Equal(t, netip.MustParsePrefix(want), prefix, name)
		}
	}
}

// FuzzParseBlockName checks that the name of any block that Calico stores is parsed.
func FuzzParseBlockName(f *testing.F) {
	f.Add([]byte{10, 244, 0, 0}, 26)
	f.Add([]byte{0xfd, 0, 0, 0x10, 2, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40}, 122)
	f.Fuzz(func(t *testing.T, bytes []byte, bits int) {
		addr, ok := netip.AddrFromSlice(bytes)
		if !ok || addr.Is4In6() {
			return
		}
		block, err := addr.Prefix(bits)
		if err != nil || strings.HasPrefix(block.String(), ":") { // no name of an object begins with a dash
			return
		}
		name := strings.NewReplacer(".", "-", ":", "-", "/", "-").Replace(block.String())
		got, ok := parseBlockName([]byte(name))
		require.True(t, ok, name)
		assert.Equal(t, block, got)
	})
}

// TestAllocationsOfBlocks limits the memory of a list of blocks to two copies of it, and one name
// at a time.
func TestAllocationsOfBlocks(t *testing.T) {
	const n = 50_000
	name := []byte("10-244-100-192-26")
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { parseBlockName(name) }), 1.0)
	prefix, ok := parseBlockName(name)
	require.True(t, ok)
	assert.LessOrEqual(t, testing.AllocsPerRun(5, func() {
		var blocks chunks
		for range n {
			blocks.add(prefix)
		}
		assert.Len(t, slices.Concat(blocks...), n)
	}), n/1000.0+20)
}
