// Package lyingapi has an API server for tests that speaks just enough of the protocol,
// and lies on request. It stores nothing.
package lyingapi

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// The paths of the requests of a run.
const (
	Pools    = "/apis/crd.projectcalico.org/v1/ippools"
	Blocks   = "/apis/crd.projectcalico.org/v1/ipamblocks"
	Nodes    = "/api/v1/nodes"
	Services = "/apis/networking.k8s.io/v1/servicecidrs"
	Kubeadm  = "/api/v1/namespaces/kube-system/configmaps/kubeadm-config"
	Creates  = "POST " + Pools
)

// Size is the size of a cluster.
type Size struct{ Pools, Blocks, Nodes int }

// Server is an API server.
type Server struct {
	URL    string
	writes atomic.Int64
}

// New starts a server of a cluster that has IPv6 pools, blocks, nodes, a ServiceCIDR and
// kubeadm's ConfigMap, until the test ends. It answers a path that is in lies with the
// handler.
func New(tb testing.TB, size Size, lies map[string]http.HandlerFunc) *Server {
	tb.Helper()
	s := &Server{}
	honest := map[string]http.HandlerFunc{
		Pools:     pages("IPPoolList", "crd.projectcalico.org/v1", size.Pools, pool),
		Blocks:    pages("PartialObjectMetadataList", "meta.k8s.io/v1", size.Blocks, block),
		Nodes:     pages("NodeList", "v1", size.Nodes, node),
		Services:  pages("ServiceCIDRList", "networking.k8s.io/v1", 1, serviceCIDR),
		Kubeadm:   Kubeadmed("networking:\n  podSubnet: 10.244.0.0/16\n"),
		Creates:   create,
		"/readyz": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") },
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		if r.Method != http.MethodGet {
			s.writes.Add(1)
			path = r.Method + " " + path
		}
		handler := lies[path]
		if handler == nil {
			handler = honest[path]
		}
		if handler == nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		handler(w, r)
	}))
	tb.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	s.URL = server.URL
	return s
}

// Writes returns the number of requests that were not reads.
func (s *Server) Writes() int { return int(s.writes.Load()) }

// Kubeadmed answers with kubeadm's ConfigMap.
func Kubeadmed(configuration string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		data, _ := json.Marshal(map[string]any{
			"kind": "ConfigMap", "apiVersion": "v1", "metadata": map[string]string{"name": "kubeadm-config"},
			"data": map[string]string{"ClusterConfiguration": configuration},
		})
		_, _ = w.Write(data)
	}
}

// pages answers with a list, in pages if the request has a limit.
func pages(kind, apiVersion string, total int, item func(i int) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		begin, _ := strconv.Atoi(r.URL.Query().Get("continue"))
		end, next := total, ""
		if limit, _ := strconv.Atoi(r.URL.Query().Get("limit")); limit > 0 && begin+limit < total {
			end = begin + limit
			next = strconv.Itoa(end)
		}
		fmt.Fprintf(w, `{"apiVersion":%q,"items":[`, apiVersion)
		for i := begin; i < end; i++ {
			if i > begin {
				_, _ = io.WriteString(w, ",")
			}
			_, _ = io.WriteString(w, item(i))
		}
		fmt.Fprintf(w, `],"kind":%q,"metadata":{"continue":%q,"resourceVersion":"7"}}`, kind, next)
	}
}

// create answers with the pool of the request.
func create(w http.ResponseWriter, r *http.Request) {
	var pool map[string]any
	if json.NewDecoder(r.Body).Decode(&pool) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	pool["metadata"].(map[string]any)["uid"] = "u"
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(pool)
}

// pool returns an IPv6 pool as kubectl creates it, with its managed fields.
func pool(i int) string {
	return fmt.Sprintf(`{"apiVersion":"crd.projectcalico.org/v1","kind":"IPPool","metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":`+
		`"{\"apiVersion\":\"crd.projectcalico.org/v1\",\"kind\":\"IPPool\",\"metadata\":{\"annotations\":{},\"name\":\"pool-%[1]d\"},\"spec\":{\"cidr\":\"fd00:1:%[1]x::/64\"}}\n"},`+
		`"creationTimestamp":"2026-11-22T17:45:23Z","generation":1,"managedFields":[{"apiVersion":"crd.projectcalico.org/v1","fieldsType":"FieldsV1","fieldsV1":`+
		`{"f:metadata":{"f:annotations":{".":{},"f:kubectl.kubernetes.io/last-applied-configuration":{}}},"f:spec":{".":{},"f:allowedUses":{},"f:assignmentMode":{},`+
		`"f:blockSize":{},"f:cidr":{},"f:ipipMode":{},"f:natOutgoing":{},"f:nodeSelector":{},"f:vxlanMode":{}}},"manager":"kubectl-client-side-apply",`+
		`"operation":"Update","time":"2026-11-22T17:45:23Z"}],"name":"pool-%[1]d","resourceVersion":"%[1]d","uid":"8d5f0b1a-0f8e-4a3b-9a53-%012[1]d"},`+
		`"spec":{"allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic","blockSize":122,"cidr":"fd00:1:%[1]x::/64","ipipMode":"Never",`+
		`"natOutgoing":true,"nodeSelector":"all()","vxlanMode":"Never"}}`, i)
}

func block(i int) string {
	name := fmt.Sprintf("10-%d-%d-%d-26", 64+i/1024, i/4%256, i%4*64)
	return fmt.Sprintf(`{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":%q,"uid":"8d5f0b1a-0f8e-4a3b-9a53-%012d",`+
		`"resourceVersion":"%d","generation":1,"creationTimestamp":"2026-11-22T17:45:23Z","annotations":{"projectcalico.org/metadata":"{\"creationTimestamp\":null}"},`+
		`"managedFields":[{"manager":"calico-ipam","operation":"Update","apiVersion":"crd.projectcalico.org/v1","time":"2026-11-22T17:45:23Z","fieldsType":"FieldsV1",`+
		`"fieldsV1":{"f:spec":{".":{},"f:affinity":{},"f:allocations":{},"f:attributes":{},"f:cidr":{}}}}]}}`, name, i, i)
}

// node returns a node of about 12 kB, most of it images.
func node(i int) string {
	image := `{"names":["registry.example.org/team/service@sha256:` + strings.Repeat("a", 64) + `","registry.example.org/team/service:v1.2.3"],"sizeBytes":123456789}`
	return fmt.Sprintf(`{"metadata":{"name":"node-%[1]d.example.org","labels":{"beta.kubernetes.io/arch":"amd64","beta.kubernetes.io/os":"linux","kubernetes.io/arch":"amd64",`+
		`"kubernetes.io/hostname":"node-%[1]d","kubernetes.io/os":"linux","node.kubernetes.io/instance-type":"m5.xlarge","topology.kubernetes.io/region":"r",`+
		`"topology.kubernetes.io/zone":"z%[2]d"},"resourceVersion":"%[1]d"},"spec":{"podCIDR":"10.%[3]d.%[2]d.0/24","podCIDRs":["10.%[3]d.%[2]d.0/24"]},"status":{"addresses":`+
		`[{"type":"InternalIP","address":"172.16.%[3]d.%[2]d"},{"type":"Hostname","address":"node-%[1]d"}],"images":[%[4]s]}}`,
		i, i%256, i/256, strings.Repeat(image+",", 49)+image)
}

func serviceCIDR(int) string {
	return `{"metadata":{"name":"kubernetes"},"spec":{"cidrs":["10.96.0.0/12"]}}`
}
