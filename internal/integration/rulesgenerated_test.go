package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/selector"
)

const (
	generatedSeed  = 20261122
	generatedCount = 400
	requesters     = 8   // concurrent requests to the API server
	minimumOfEach  = 100 // of accepted and of refused pools
)

// generatedPools compares Validate and the API server on random pools. A pool that both
// accept must be stored with exactly the fields that Default sets.
func generatedPools(t *testing.T, world *kubernetesWorld) {
	random := generator{rand.New(rand.NewPCG(generatedSeed, 0))}
	var (
		pools          []*v3.IPPool
		sent, defaults []*unstructured.Unstructured // each pool before and after Default
	)
	for range generatedCount {
		pool := random.pool()
		filled := pool.DeepCopy()
		ippool.Default(filled)
		pools = append(pools, pool)
		sent, defaults = append(sent, world.object(t, pool)), append(defaults, world.object(t, filled))
	}
	answers, filledAnswers := world.dryCreateAll(t, sent), world.dryCreateAll(t, defaults)

	accepted, refused := 0, 0
	for i, pool := range pools {
		faults := ippool.Validate(asReadByServer(pool))
		show := func() string {
			data, _ := json.Marshal(pool)
			return fmt.Sprintf("seed %d, pool %d: %s\nour faults: %v\nthe API server: %q", generatedSeed, i, data, faults, answers[i].reasons)
		}
		require.NoError(t, answers[i].err, show())
		if len(answers[i].reasons) > 0 {
			refused++
			assert.NotEmpty(t, faults, show())
			continue
		}
		accepted++
		if !assert.Empty(t, faults, show()) {
			continue
		}
		filled := pool.DeepCopy()
		ippool.Default(filled)
		// The server sets the same defaults as Default.
		want := *pool.DeepCopy()
		want.Spec.NodeSelector, want.Spec.AssignmentMode = filled.Spec.NodeSelector, filled.Spec.AssignmentMode
		assert.Equal(t, canonical(t, want.Spec), canonical(t, answers[i].object.Object["spec"]), show())

		// Default adds the use Tunnel, which namespaceSelector does not allow.
		faults = ippool.Validate(asReadByServer(filled))
		require.NoError(t, filledAnswers[i].err, show())
		assert.Equal(t, len(faults) > 0, len(filledAnswers[i].reasons) > 0, "after Default: %q; %s", filledAnswers[i].reasons, show())
		if filledAnswers[i].object != nil {
			assert.Equal(t, canonical(t, filled.Spec), canonical(t, filledAnswers[i].object.Object["spec"]), "after Default: %s", show())
		}
	}
	t.Logf("%d accepted, %d refused", accepted, refused)
	assert.Greater(t, accepted, minimumOfEach)
	assert.Greater(t, refused, minimumOfEach)
}

// asReadByServer replaces selectors that don't parse, as the API server does not parse
// selectors: it only looks for "global(". The replacement is not all().
func asReadByServer(pool *v3.IPPool) *v3.IPPool {
	read := pool.DeepCopy()
	for _, text := range []*string{&read.Spec.NodeSelector, &read.Spec.NamespaceSelector} {
		if _, err := selector.Parse(*text); err != nil && !strings.Contains(*text, "global(") {
			*text = "has(does-not-parse)"
		}
	}
	return read
}

// dryCreateAll returns the API server's answers to a dry-run create of each object.
func (w *kubernetesWorld) dryCreateAll(t *testing.T, objects []*unstructured.Unstructured) []answer {
	answers := make([]answer, len(objects))
	resource := w.resource("ippools")
	ctx, cancel := context.WithTimeout(t.Context(), 2*waitTimeout)
	defer cancel()
	next := make(chan int)
	var wait sync.WaitGroup
	for range requesters {
		wait.Go(func() {
			for i := range next {
				answers[i] = answerOf(resource.Create(ctx, objects[i], strictly))
			}
		})
	}
	for i := range objects {
		next <- i
	}
	close(next)
	wait.Wait()
	return answers
}

// generator makes random pools: first valid ones, of which two thirds are then changed
// in one or more fields.
type generator struct{ *rand.Rand }

func one[T any](g generator, of ...T) T { return of[g.IntN(len(of))] }

// sometimes returns true with a probability of 1/n.
func (g generator) sometimes(n int) bool { return g.IntN(n) == 0 }

func (g generator) pool() *v3.IPPool {
	pool := ippool.New(one(g, "a-pool", "default-ipv4-ippool", "a.b-c.d9", "0"))
	s := &pool.Spec
	smallest, largest, assumed := 20, 32, 26
	address := netip.AddrFrom4([4]byte{one[byte](g, 10, 100, 172, 192, 203), byte(g.Uint32()), byte(g.Uint32()), byte(g.Uint32())})
	widest := 8
	if g.sometimes(2) {
		smallest, largest, assumed, widest = 116, 128, 122, 16
		bytes := [16]byte{one[byte](g, 0xfd, 0x20, 0x26)}
		for i := 1; i < len(bytes); i++ {
			bytes[i] = byte(g.Uint32())
		}
		address = netip.AddrFrom16(bytes)
	}
	if g.sometimes(2) {
		s.BlockSize = smallest + g.IntN(largest-smallest+1)
		assumed = s.BlockSize
	}
	s.Disabled = g.sometimes(6)
	if s.Disabled {
		assumed = largest
	}
	s.CIDR = netip.PrefixFrom(address, widest+g.IntN(assumed-widest+1)).Masked().String()
	s.NATOutgoing = g.sometimes(2)
	s.AssignmentMode = one(g, nil, new(v3.Automatic), new(v3.Manual))
	s.AllowedUses = one(g, nil, uses("Workload"), uses("Tunnel"), uses("Workload", "Tunnel"), uses("Tunnel", "Workload"), uses("LoadBalancer"), uses("LoadBalancer"))
	s.IPIPMode, s.VXLANMode = one[v3.IPIPMode](g, "", "Never"), one[v3.VXLANMode](g, "", "Never")
	if len(s.AllowedUses) == 1 && s.AllowedUses[0] == v3.IPPoolAllowedUseLoadBalancer {
		s.NodeSelector = one(g, "", "all()")
	} else {
		switch {
		case address.Is4() && g.sometimes(3):
			s.IPIPMode = one[v3.IPIPMode](g, "Always", "CrossSubnet")
		case g.sometimes(2):
			s.VXLANMode = one[v3.VXLANMode](g, "Always", "CrossSubnet")
		}
		s.DisableBGPExport = g.sometimes(3)
		s.NodeSelector = g.selector()
	}
	if s.AllowedUses == nil || len(s.AllowedUses) == 1 && s.AllowedUses[0] != v3.IPPoolAllowedUseTunnel {
		s.NamespaceSelector = one(g, "", g.selector())
	}
	if g.sometimes(3) {
		return pool
	}
	for range one(g, 1, 1, 2, 3) {
		g.mutate(pool)
	}
	return pool
}

func (g generator) selector() string {
	return one(g, "", "", "all()", " all( ) ", "has(rack)", "!has(rack) && zone in {'a', \"b\"}", "a == 'global'", "rack starts with '<&>'",
		"kubernetes.io/os == 'linux' || !(a not in { 'é' })", "all == 'x'", strings.Repeat("!", 1019)+"all()")
}

func (g generator) oddSelector() string {
	return one(g, "global()", "a == 'global('", "!global() && all()", "global( )", "a == 'x", "has (rack)", "x y z", "(", "all()\n", "global ()",
		"a == '"+strings.Repeat("é", 1017)+"'", "a == '"+strings.Repeat("é", 1018)+"'")
}

// mutate changes one field. The pool may remain valid.
func (g generator) mutate(pool *v3.IPPool) {
	s := &pool.Spec
	prefix, err := netip.ParsePrefix(s.CIDR)
	switch g.IntN(16) {
	case 0, 14:
		s.CIDR = g.oddCIDR()
	case 1: // possibly host bits
		if err == nil {
			s.CIDR = netip.PrefixFrom(prefix.Addr().Next(), prefix.Bits()).String()
		}
	case 2: // another length, which may be smaller than a block
		if err == nil {
			s.CIDR = netip.PrefixFrom(prefix.Addr(), g.IntN(prefix.Addr().BitLen()+1)).Masked().String()
		}
	case 3: // close to link-local
		s.CIDR = one(g, netip.PrefixFrom(netip.MustParseAddr("169.254.0.0"), g.IntN(33)),
			netip.PrefixFrom(netip.MustParseAddr("169.255.255.192"), g.IntN(33)),
			netip.PrefixFrom(netip.MustParseAddr("fe80::"), g.IntN(129)),
			netip.PrefixFrom(netip.MustParseAddr("febf:ffff::"), g.IntN(129)),
			netip.PrefixFrom(netip.MustParseAddr("fec0::"), g.IntN(129))).Masked().String()
	case 4:
		s.BlockSize = one(g, -1, 1, 8, 19, 20, 26, 32, 33, 64, 115, 116, 122, 128, 129, 255)
	case 5:
		s.IPIPMode = one[v3.IPIPMode](g, "Always", "CrossSubnet", "Never", "always", "Off", "\u00e9")
	case 6:
		s.VXLANMode = one[v3.VXLANMode](g, "Always", "CrossSubnet", "Never", "always", "Off", "\u00e9")
	case 7, 8:
		s.AllowedUses = nil
		for range g.IntN(4) {
			s.AllowedUses = append(s.AllowedUses, one[v3.IPPoolAllowedUse](g, "Workload", "Tunnel", "LoadBalancer", "LoadBalancer", "workload", ""))
		}
	case 9:
		s.DisableBGPExport = true
	case 10, 15:
		s.NodeSelector = one(g, g.selector(), g.oddSelector())
	case 11:
		s.NamespaceSelector = one(g, g.selector(), g.oddSelector())
	case 12:
		s.AssignmentMode = new(one[v3.AssignmentMode](g, "Automatic", "Manual", "manual", ""))
	case 13:
		pool.Name = one(g, "A", "a_b", "", "a..b", "a.b", strings.Repeat("x", 253), strings.Repeat("x", 254))
	}
}

func (g generator) oddCIDR() string {
	return one(g, "", "pods", "10.0.0.0", "fd00::", "10.0.0.0/", "/16", "10.0.0.0/16 ", "10.0.0.0/-1", "10.0.0.0/+16", "10.0.0.0/016", "10.0.0.0/33",
		"010.0.0.0/8", "10.0.0/16", "10.0.0.0.0/16", "0x0a.0.0.0/8", "10.0.0.0/255.0.0.0", "10.0.0.0/16,fd00::/64", "fd00::/129", "fd00::1::/64",
		"fd00::%eth0/64", "fe80::%1/64", "FD00:0:0::/64", "fd00:0000:0000:0000:0000:0000:0000:0000/64", "::1.2.3.4/128", "::ffff:10.0.0.0/104",
		"::ffff:0:0/96", "::FFFF:a00:0/112", "::ffff:10.0.0.1/104", "::fffe:0:0/95", "::/0", "0.0.0.0/0", "::/96", "64:ff9b::/96",
		"0000:0000:0000:0000:0000:0000:192.168.100.0/120", "0000:0000:0000:0000:0000:0000:192.168.100.128/121", "[fd00::]/64", "١٠.0.0.0/8",
		"224.0.0.0/16", "127.0.0.0/16", "255.255.255.0/24", "ff00::/64", "::1/128", "10.0.0.0/16\x00")
}
