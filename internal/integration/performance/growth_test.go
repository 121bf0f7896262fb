package performance

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/faultproxy"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/programs"
)

// BenchmarkBlocks runs the program with growing numbers of IPAM blocks.
func BenchmarkBlocks(b *testing.B) {
	for b.Loop() {
		t := newTable("blocks", "datastore", "IPAM blocks", "run", "time", "ratio", "CPU time", "received", "memory", "ratio")
		p := newGrowthPicture("blocks", "IPAM blocks")
		for _, s := range openSites(b) {
			var first [2]cost
			stored := 0
			for _, n := range []int{0, 5_000, 20_000, 50_000} {
				s.putBlocks(b, stored, n)
				s.grown(b, t, p, n, &first, s.removePools)
				stored = n
			}
			s.empty(b)
		}
		p.publish(b)
		t.publish(b)
	}
}

// BenchmarkPools runs the program with growing numbers of IPv4 pools. It creates the IPv6
// pool, or the pool exists.
func BenchmarkPools(b *testing.B) {
	for b.Loop() {
		t := newTable("pools", "datastore", "IPv4 pools", "run", "time", "ratio", "CPU time", "received", "memory", "ratio")
		p := newGrowthPicture("pools", "IPv4 pools")
		for _, s := range openSites(b) {
			var first [2]cost
			stored := 0
			for _, n := range []int{0, 100, 1_000, 2_500, 5_000} {
				s.putPools(b, stored, n)
				s.grown(b, t, p, n, &first, func(b *testing.B) {
					_, err := s.etcd.Delete(b.Context(), s.pools()+"default-", clientv3.WithPrefix())
					require.NoError(b, err)
					s.settle(b)
				})
				stored = n
			}
			s.empty(b)
		}
		p.publish(b)
		t.publish(b)
	}
}

func newGrowthPicture(name, stored string) *picture {
	return newPicture(name, stored, "time (ms)", "CPU time (ms)", "memory (MB)")
}

// grown measures runs that create pools and runs whose pools exist, in turn. Each figure
// has its ratio to that of n == 0.
func (s *site) grown(b *testing.B, t *table, p *picture, n int, first *[2]cost, before func(*testing.B)) {
	b.Helper()
	const runs = 10
	var costs [2][]cost
	var received [2]int64
	for range runs {
		before(b)
		for i := range costs {
			costs[i] = append(costs[i], run(b, programs.CalicoBootstrap, s.env))
		}
	}
	before(b)
	for i := range received {
		proxy, env := s.proxied(b)
		run(b, programs.CalicoBootstrap, env)
		proxy.Close() // Passed counts closed connections only
		received[i] = proxy.Passed().Answered
	}
	for i, name := range runKinds {
		c := middle(costs[i])
		if n == 0 {
			first[i] = c
		}
		p.add(s, i, n, milliseconds(c.wall), milliseconds(c.cpu), c.resident)
		t.row(s.name, n, name, c.wall, times(c.wall.Seconds()/first[i].wall.Seconds()), c.cpu,
			size(received[i]), digits(c.resident)+" MB", times(c.resident/first[i].resident))
	}
}

func size(bytes int64) string {
	if bytes < 1e6 {
		return digits(float64(bytes)/1e3) + " kB"
	}
	return digits(float64(bytes)/1e6) + " MB"
}

// proxied returns a proxy of the server and the site's environment with its address.
func (s *site) proxied(b *testing.B) (*faultproxy.TCP, []string) {
	b.Helper()
	if s.config == nil {
		endpoint, err := url.Parse(s.server.EtcdEndpoint())
		require.NoError(b, err)
		proxy := faultproxy.NewTCP(b, endpoint.Host)
		return proxy, append(s.env[:len(s.env):len(s.env)], "ETCD_ENDPOINTS=http://"+proxy.Address())
	}
	proxy := faultproxy.NewTCP(b, s.server.Address())
	content, err := os.ReadFile(s.server.Kubeconfig(b))
	require.NoError(b, err)
	kubeconfig := b.TempDir() + "/kubeconfig"
	changed := strings.ReplaceAll(string(content), s.server.Address(), proxy.Address())
	require.NoError(b, os.WriteFile(kubeconfig, []byte(changed), 0o600))
	return proxy, append(s.env[:len(s.env):len(s.env)], "KUBECONFIG="+kubeconfig)
}

// put stores the records from one number to another directly in etcd, which is faster than
// through an API server.
func (s *site) put(b *testing.B, from, to int, record func(i int) (key, value string)) {
	b.Helper()
	etcdtest.Fill(b, s.etcd, to-from, func(i int) (key, value string) { return record(from + i) })
	s.settle(b)
}

// putBlocks stores full IPAM blocks of 10.0.0.0/8 like Calico, from one number to another.
func (s *site) putBlocks(b *testing.B, from, to int) {
	b.Helper()
	s.put(b, from, to, func(i int) (string, string) {
		address := netip.AddrFrom4([4]byte{10, byte(i >> 10), byte(i >> 2), byte(i << 6)})
		spec := fullBlock(address)
		if s.config == nil {
			return fmt.Sprintf("%s%s-26", etcdBlocks, address), encode(b, spec)
		}
		name := strings.ReplaceAll(address.String(), ".", "-") + "-26"
		return apiBlocks + name, encode(b, object("IPAMBlock", name, spec))
	})
}

// fullBlock returns a block with 64 addresses that are all in use, about 7 kB.
func fullBlock(address netip.Addr) map[string]any {
	var allocations []int
	var attributes []map[string]any
	for i := range 64 {
		pod := fmt.Sprintf("deployment-7d4b9c6f5-%05d", i)
		allocations = append(allocations, i)
		attributes = append(attributes, map[string]any{
			"handle_id": "k8s-pod-network.0123456789abcdef",
			"secondary": map[string]string{"namespace": "default", "node": "node-0001", "pod": pod},
		})
	}
	return map[string]any{
		"cidr": address.String() + "/26", "affinity": "host:node-0001", "strictAffinity": false,
		"allocations": allocations, "unallocated": []int{}, "attributes": attributes, "deleted": false,
	}
}

// putPools stores pools in 10.0.0.0/8, from one number to another.
func (s *site) putPools(b *testing.B, from, to int) {
	b.Helper()
	s.put(b, from, to, func(i int) (string, string) {
		name := fmt.Sprintf("pool-%05d", i)
		spec := map[string]any{
			"cidr": fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255), "blockSize": 26, "ipipMode": "Never", "vxlanMode": "Never",
			"natOutgoing": true, "nodeSelector": "all()", "allowedUses": []string{"Workload", "Tunnel"},
		}
		if s.config == nil {
			record := object("IPPool", name, spec)
			record["apiVersion"] = "projectcalico.org/v3"
			return etcdPools + name, encode(b, record)
		}
		pool := object("IPPool", name, spec)
		pool["metadata"].(map[string]any)["managedFields"] = managedFields(spec)
		return apiPools + name, encode(b, pool)
	})
}

// managedFields are those that an API server adds to a pool that kubectl creates.
func managedFields(spec map[string]any) []any {
	fields := map[string]any{".": map[string]any{}}
	for name := range spec {
		fields["f:"+name] = map[string]any{}
	}
	return []any{map[string]any{
		"manager": "kubectl-create", "operation": "Update", "apiVersion": "crd.projectcalico.org/v1",
		"time": "2026-01-02T03:04:05Z", "fieldsType": "FieldsV1", "fieldsV1": map[string]any{"f:spec": fields},
	}}
}

func object(kind, name string, spec map[string]any) map[string]any {
	return map[string]any{
		"apiVersion": "crd.projectcalico.org/v1", "kind": kind,
		"metadata": map[string]any{
			"name": name, "uid": "6b8f1c1e-7d58-4d5c-9a39-2f0d5f6f2a11",
			"creationTimestamp": "2026-01-02T03:04:05Z", "generation": 1,
		},
		"spec": spec,
	}
}

func encode(b *testing.B, value any) string {
	b.Helper()
	text, err := json.Marshal(value)
	require.NoError(b, err)
	return string(text)
}
