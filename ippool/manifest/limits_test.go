package manifest

import (
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/yamlnode"
)

// peak returns how much the heap grows during a call at most, in MiB.
func peak(call func()) int {
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	var done atomic.Bool
	highest := make(chan uint64)
	go func() {
		var most uint64
		for !done.Load() {
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapInuse)
			time.Sleep(2 * time.Millisecond)
		}
		highest <- most
	}()
	call()
	done.Store(true)
	return int(max(<-highest, before.HeapInuse)-before.HeapInuse) >> 20
}

// Hostile manifests of the largest size take less than 200 MiB, and honest ones, too. A
// fault names what is too many.
func TestLargestManifest(t *testing.T) {
	const largest = 8 << 20
	repeat := func(before, text, after string) string {
		return before + strings.Repeat(text, (largest-len(before)-len(after))/len(text)) + after
	}
	times := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i, i>>8, i&255)
		}
		return b.String()
	}
	const keys, pools = "more than 300000 keys and items up to this line; split the file", "more than 20000 pools; the rest are not decoded"
	const aliases = "aliases add more than 100000 nodes; write the values without aliases"
	for name, test := range map[string]struct{ data, fault string }{
		"commas":                    {repeat("", "a,", ""), keys},
		"a list":                    {repeat("[", "a,", "]"), keys},
		"a JSON list":               {repeat("[", "1,", "1]"), keys},
		"lists of lists":            {repeat("", "- ", ""), keys},
		"documents":                 {repeat("", "---\n", ""), keys},
		"JSON values":               {repeat("[]", "1 ", ""), "more than 1000 errors; the rest are not reported"},
		"empty keys":                {"{" + strings.Repeat("a,", 299_000) + "}", ""},
		"empty keys of labels":      {"[{name: a, cidr: 10.0.0.0/16, labels: {" + times(290_000, "k%d%d%d,") + "}}]", ""},
		"labels":                    {"[{name: a, cidr: 10.0.0.0/16, labels: {" + times(140_000, "k%d.%d.%d: a,") + "}}]", ""},
		"labels that are not ASCII": {"[{name: a, cidr: 10.0.0.0/16, annotations: {" + times(140_000, "k%d.%d.%d: 'äääääääääääääääää',") + "}}]", ""},
		"a line that is not ASCII":  {"[{name: a, cidr: 10.0.0.0/16, annotations: {a: b, k: '" + strings.Repeat("ä", 4_000_000) + "'}}]", ""},
		"aliases of pools":          {"[&a {name: a, cidr: 10.0.0.0/16}, " + strings.Repeat("*a,", 290_000) + "]", ""},
		"aliases of labels":         {"[{name: a, cidr: 10.0.0.0/16, labels: &a {" + times(90_000, "k%d.%d.%d: a,") + "}}" + strings.Repeat(", {name: a, cidr: 10.0.0.0/16, labels: *a}", 10_000) + "]", ""},
		"aliases of kept labels": {"- {metadata: {name: a, annotations: &a {projectcalico.org/metadata: '{\"labels\":{" + strings.TrimSuffix(times(2000, `"k%d.%d.%d":"a",`), ",") + "}}'}}, spec: {cidr: 10.0.0.0/16}}\n" +
			strings.Repeat("- {metadata: {name: a, annotations: *a}, spec: {cidr: 10.0.0.0/16}}\n", 2000), aliases},
		"aliases of values": {"apiVersion: v1\nkind: List\nitems:\n- &a {apiVersion: helm.cattle.io/v1, kind: HelmChartConfig, spec: {valuesContent: '{installation: {calicoNetwork: {ipPools: []}}, a: [" +
			strings.Repeat("a,", 165_000) + "]}'}}\n" + strings.Repeat("- *a\n", 50), aliases},
		"one string":              {repeat(`"`, "a", `"`), ""},
		"comments":                {repeat("", "# a comment\n", ""), ""},
		"flat pools":              {times(25_000, "- {name: p%d, cidr: 10.%d.%d.0/24}\n"), pools},
		"the most pools":          {times(12_000, "---\napiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: p%d, labels: {a: b}}\nspec: {cidr: 10.%d.%d.0/24, natOutgoing: true, ipipMode: Always, blockSize: 26, nodeSelector: all()}\n"), ""},
		"the most pools, in JSON": {"[" + times(19_990, `{"name":"p%d","cidr":"10.%d.%d.0/24","natOutgoing":true,"labels":{"a":"b"}},`) + `{"name":"last","cidr":"fd00::/48"}]`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			require.LessOrEqual(t, len(test.data), largest)
			data := []byte(test.data)
			var faults []Fault
			var entries []Entry
			begin := time.Now()
			grown := peak(func() { entries, _, faults = Decode(data) })
			t.Logf("%d MiB, %s, %d pools, %d faults", grown, time.Since(begin), len(entries), len(faults))
			assert.Less(t, grown, 200)
			assert.LessOrEqual(t, len(faults), yamlnode.MaxFaults+1)
			assert.Less(t, time.Since(begin), 30*time.Second)
			if test.fault != "" {
				assert.Contains(t, faults[len(faults)-1].Problem, test.fault)
			}
			runtime.KeepAlive(entries)
		})
	}
}
