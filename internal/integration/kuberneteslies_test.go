package integration

import (
	"bytes"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/lyingapi"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/programs"
)

const hostileTime = 20 * time.Second

// runOnLies runs the released program on an API server, with the preflight, and returns
// its exit code, its messages and its maximum resident memory.
func runOnLies(t *testing.T, server *lyingapi.Server, env ...string) (code int, messages string, resident int64) {
	t.Helper()
	binary, err := programs.Cost()
	require.NoError(t, err)
	cmd := command(t, append([]string{"DATASTORE_TYPE=kubernetes", "K8S_API_ENDPOINT=" + server.URL, "CALICO_IPPOOLS_PREFLIGHT=warn",
		fmt.Sprintf("CALICO_IPPOOLS_TIMEOUT=%s", hostileTime)}, env...))
	measure := exec.Command(binary, cmd.Path)
	measure.Env, measure.Dir = cmd.Env, cmd.Dir
	var stdout, stderr bytes.Buffer
	measure.Stdout, measure.Stderr = &stdout, &stderr
	begin := time.Now()
	_ = measure.Run()
	assert.Less(t, time.Since(begin), hostileTime+2*time.Second)
	var wall, cpu int64
	_, err = fmt.Sscan(stdout.String(), &wall, &cpu, &resident)
	require.NoError(t, err, stderr.String())
	t.Logf("%.1f MiB, %.1f s, exit %d: %.300s", float64(resident)/(1<<20), time.Duration(wall).Seconds(), measure.ProcessState.ExitCode(), stderr.String())
	return measure.ProcessState.ExitCode(), stderr.String(), resident
}

// TestLargestCluster runs the program on the largest cluster that is supported.
func TestLargestCluster(t *testing.T) {
	server := lyingapi.New(t, lyingapi.Size{Pools: 5_000, Blocks: 50_000, Nodes: 5_000}, nil)
	code, messages, resident := runOnLies(t, server)
	assert.Zero(t, code, messages)
	assert.Equal(t, 1, server.Writes(), "the IPv4 pool")
	assert.Less(t, resident, int64(memoryLimit))
}

// TestLies runs the program on API servers whose answers are too large, have no end, or
// are not what was requested. It ends with an error in time, takes little memory and
// writes nothing.
func TestLies(t *testing.T) {
	const (
		pools = `{"kind":"IPPoolList","apiVersion":"crd.projectcalico.org/v1","metadata":{"resourceVersion":"7"},"items":[`
		nodes = `{"kind":"NodeList","apiVersion":"v1","metadata":{},"items":[`
		named = `{"metadata":{"name":"a"}},`
		large = "takes more than "
		item  = "has an item or a field larger than 3145728 bytes"
		many  = "has more than 20000 items"
		fails = "is larger than 1048576 bytes"
		none  = "the response is not a list of the Kubernetes API"
		every = "" // any message

		// A list in protobuf that ends after 2^40 bytes.
		protobuf = "k8s\x00\x0a\x2b\x0a\x0emeta.k8s.io/v1\x12\x19PartialObjectMetadataList\x12\x80\x80\x80\x80\x80\x20"
	)
	type lie struct {
		path, name string
		answer     http.HandlerFunc
		message    string
	}
	lies := []lie{
		{lyingapi.Pools, "no end", lyingapi.Endless(200, pools, " "), item},
		{lyingapi.Pools, "bomb", lyingapi.Bomb(200, pools, " "), item},
		{lyingapi.Pools, "bomb of fields", lyingapi.Bomb(200, `{`, `"a":[],`), none},
		{lyingapi.Pools, "bomb of items", lyingapi.Bomb(200, pools, named), many},
		{lyingapi.Pools, "ten million items", lyingapi.Many(pools, named, 10_000_000, `{}]}`), many},
		{lyingapi.Pools, "ten million empty items", lyingapi.Many(pools, `{},`, 10_000_000, `{}]}`), none},
		{lyingapi.Pools, "huge name", lyingapi.Endless(200, pools+`{"metadata":{"name":"`, "a"), item},
		{lyingapi.Pools, "huge kind", lyingapi.Endless(200, `{"kind":"`, "a"), item},
		{lyingapi.Pools, "nested", lyingapi.Endless(200, pools, "["), none},
		{lyingapi.Pools, "nested field", lyingapi.Endless(200, `{"a":`, `{"a":`), none},
		{lyingapi.Pools, "large pools", lyingapi.Numbered(pools, `{"metadata":{"name":"a%d"},"spec":{"cidr":"`+strings.Repeat("&", 1<<20)+`"}}`, 10_000, `]}`), large},
		{lyingapi.Pools, "invalid UTF-8", lyingapi.Numbered(pools, `{"metadata":{"name":"a%d"},"spec":{"nodeSelector":"`+strings.Repeat("\xff", 3<<10)+`"}}`, 30_000, `]}`), every},
		{lyingapi.Pools, "managed fields", lyingapi.Numbered(pools, `{"metadata":{"name":"a%d","managedFields":[`+strings.Repeat("{},", 1_000)+`{}]}}`, 30_000, `]}`), every},
		{lyingapi.Pools, "owners", lyingapi.Numbered(pools, `{"metadata":{"name":"a%d","ownerReferences":[`+strings.Repeat("{},", 90_000)+`{}]}}`, 30_000, `]}`), large},
		{lyingapi.Pools, "labels", lyingapi.Numbered(pools, `{"metadata":{"name":"a%d","labels":{`+members(5_000)+`}}}`, 30_000, `]}`), large},
		{lyingapi.Pools, "uses", lyingapi.Numbered(pools, `{"metadata":{"name":"a%d"},"spec":{"allowedUses":[`+strings.Repeat(`"",`, 90_000)+`""]}}`, 30_000, `]}`), large},
		{lyingapi.Pools, "unreadable", lyingapi.Numbered(pools, `{"metadata":{"name":"a%d"},"spec":{"blockSize":`+strings.Repeat("1", 1<<20)+`}}`, 30_000, `]}`), every},
		{lyingapi.Pools, "the same token", lyingapi.Answer(200, `{"kind":"IPPoolList","apiVersion":"crd.projectcalico.org/v1","metadata":{"continue":"1"},"items":[]}`), "the list has no end"},
		{lyingapi.Pools, "pages", lyingapi.Continued(`{"kind":"IPPoolList","apiVersion":"crd.projectcalico.org/v1","metadata":{"continue":"%d"},"items":[]}`), "has more than 1000 pages"},
		{lyingapi.Pools, "refused token", lyingapi.Answer(200, `{"kind":"IPPoolList","apiVersion":"crd.projectcalico.org/v1","metadata":{"continue":7},"items":[]}`), none},
		{lyingapi.Pools, "other list", lyingapi.Answer(200, `{"kind":"PodList","apiVersion":"v1","items":[]}`), none},
		{lyingapi.Pools, "only a kind", lyingapi.Answer(200, `{"kind":"PodList"}`), none},
		{lyingapi.Pools, "other version", lyingapi.Answer(200, `{"kind":"IPPoolList","apiVersion":"v1","items":[]}`), none},
		{lyingapi.Pools, "no items", lyingapi.Answer(200, `{"kind":"IPPoolList","apiVersion":"crd.projectcalico.org/v1","metadata":{}}`), none},
		{lyingapi.Pools, "null items", lyingapi.Answer(200, `{"kind":"IPPoolList","apiVersion":"crd.projectcalico.org/v1","items":null}`), none},
		{lyingapi.Pools, "two lists", lyingapi.Answer(200, pools+`]}`+pools+`]}`), none},
		{lyingapi.Pools, "endless error", lyingapi.Endless(403, "", "a"), fails},
		{lyingapi.Pools, "endless Status", lyingapi.Endless(500, `{"kind":"Status","apiVersion":"v1","message":"`, "a"), fails},
		{lyingapi.Pools, "bomb as error", lyingapi.Bomb(404, "", "a"), fails},
		{lyingapi.Pools, "error in YAML", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/yaml")
			lyingapi.Many("kind: Status\napiVersion: v1\na: [", "a,", 500_000, "a]\n")(w, r)
		}, none},
		{lyingapi.Pools, "causes", lyingapi.Many(`{"kind":"Status","apiVersion":"v1","status":"Failure","code":422,"details":{"causes":[`, `{},`, 300_000, `{}]}}`), none},
		{lyingapi.Blocks, "items", lyingapi.Endless(200, `{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","items":[`, `{"metadata":{"name":"10-0-0-0-26"}},`), "has more than 250000 items"},
		{lyingapi.Blocks, "other list", lyingapi.Answer(200, `{"kind":"PodList","apiVersion":"v1","items":[]}`), none},
		{lyingapi.Blocks, "protobuf without end", lyingapi.Endless(200, protobuf, "\x12\x05\x0a\x03\x0a\x01a"), "has more than 250000 items"},
		{lyingapi.Blocks, "bomb of protobuf", lyingapi.Bomb(200, protobuf+"\x12\xff\xff\x7f", "\x00"), none},
		{lyingapi.Blocks, "huge item of protobuf", lyingapi.Bomb(200, protobuf+"\x12\xff\xff\xff\x7f", "\x00"), item},
		{lyingapi.Blocks, "protobuf is cut", lyingapi.Answer(200, protobuf+"\x12"), none},
		{lyingapi.Nodes, "labels", lyingapi.Numbered(nodes, `{"metadata":{"name":"a%d","labels":{`+members(5_000)+`}}}`, 30_000, `]}`), large},
		{lyingapi.Nodes, "items", lyingapi.Endless(200, nodes, named), many},
		{lyingapi.Nodes, "addresses", lyingapi.Numbered(nodes, `{"metadata":{"name":"a%d"},"status":{"addresses":[`+strings.Repeat(`{"type":"InternalIP","address":"10.0.0.1"},`, 40_000)+`{}]}}`, 10_000, `]}`), every},
		{lyingapi.Nodes, "bomb", lyingapi.Bomb(200, nodes, `{"metadata":{"name":"a"},"a":"`+strings.Repeat("a", 1<<20)+`"},`), every},
		{lyingapi.Services, "items", lyingapi.Endless(200, `{"kind":"ServiceCIDRList","apiVersion":"networking.k8s.io/v1","items":[`, named), "has more than 10000 items"},
		{lyingapi.Kubeadm, "no end", lyingapi.Endless(200, `{"kind":"ConfigMap","apiVersion":"v1","data":{"a":"`, "a"), "is larger than 3145728 bytes"},
	}
	for _, lie := range lies {
		t.Run(lie.path[strings.LastIndexByte(lie.path, '/')+1:]+"/"+lie.name, func(t *testing.T) {
			server := lyingapi.New(t, lyingapi.Size{Pools: 1, Blocks: 1, Nodes: 1}, map[string]http.HandlerFunc{lie.path: lie.answer})
			code, messages, resident := runOnLies(t, server)
			assert.Contains(t, []int{1, 4}, code, messages)
			assert.Contains(t, messages, lie.message)
			assert.Contains(t, messages, "Kubernetes "+server.URL)
			assert.Less(t, len(messages), 10_000)
			assert.Zero(t, server.Writes())
			assert.Less(t, resident, int64(hostileMemory))
		})
	}
}

// members returns n members of a JSON object.
func members(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, `"%d":"",`, i)
	}
	return strings.TrimSuffix(text.String(), ",")
}

// TestLargeConfigMap has the API server send a ConfigMap of 1 MB, and one whose aliases
// expand to gigabytes. Neither takes much memory; the first is skipped with a warning.
func TestLargeConfigMap(t *testing.T) {
	const networking = "networking:\n  podSubnet: 10.244.0.0/16\n"
	for name, tt := range map[string]struct {
		configuration, message string
	}{
		"1 MB":    {networking + "a: [" + strings.Repeat("a,", 500_000) + "a]\n", "no pod CIDR from kubeadm-config: ClusterConfiguration: networking.podSubnet can't be read: it is larger than 131072 bytes"},
		"aliases": {"a: &a " + strings.Repeat("x", 50<<10) + "\nb: [" + strings.Repeat("*a,", 20_000) + "]\n" + networking, ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := lyingapi.New(t, lyingapi.Size{Pools: 1}, map[string]http.HandlerFunc{lyingapi.Kubeadm: lyingapi.Kubeadmed(tt.configuration)})
			code, messages, resident := runOnLies(t, server)
			assert.Zero(t, code, messages)
			assert.Contains(t, messages, tt.message)
			assert.Less(t, resident, int64(memoryLimit))
		})
	}
}

// TestLiesAboutCreates has the API server answer a create with something else than the
// pool. The run fails, and names the pool.
func TestLiesAboutCreates(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"another name": lyingapi.Answer(201, `{"kind":"IPPool","apiVersion":"crd.projectcalico.org/v1","metadata":{"name":"other","uid":"u"}}`),
		"no metadata":  lyingapi.Answer(201, `{"kind":"IPPool","apiVersion":"crd.projectcalico.org/v1"}`),
		"another kind": lyingapi.Answer(201, `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"default-ipv4-ippool","uid":"u"}}`),
		"empty":        lyingapi.Answer(201, ""),
		"no end":       lyingapi.Endless(201, `{"kind":"`, "a"),
		"bomb":         lyingapi.Bomb(201, `{"kind":"`, "a"),
		"nested":       lyingapi.Many("", "[", 1<<20, ""),
	} {
		t.Run(name, func(t *testing.T) {
			server := lyingapi.New(t, lyingapi.Size{Pools: 1}, map[string]http.HandlerFunc{lyingapi.Creates: answer})
			code, messages, resident := runOnLies(t, server)
			assert.Equal(t, 1, code)
			assert.Contains(t, messages, `IPPool "default-ipv4-ippool" may have been written`)
			assert.Equal(t, 1, server.Writes(), "the write is not repeated")
			assert.Less(t, resident, int64(hostileMemory))
		})
	}
}
