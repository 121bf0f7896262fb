package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// blocksOf parses the report as Markdown does: a block ends at a line of at least as many
// backticks as it begins with. It returns the bodies, and the text outside of blocks.
func blocksOf(t *testing.T, report string) (blocks []string, outside string) {
	t.Helper()
	fence, body := "", ""
	for line := range strings.Lines(report) {
		ticks := line[:len(line)-len(strings.TrimLeft(line, "`"))]
		switch {
		case fence == "" && len(ticks) >= 3:
			fence, body = ticks, ""
		case fence != "" && len(ticks) >= len(fence) && strings.TrimSpace(line) == ticks:
			blocks, fence = append(blocks, body), ""
		case fence != "":
			body += line
		default:
			outside += line
		}
	}
	require.Empty(t, fence, "a block has no end")
	return blocks, outside
}

// Nothing in a line ends its block, forges a line or controls a terminal, and no content
// makes a report larger than an issue.
func TestBugReportMarkdown(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]string{
		"fence": "```", "longer fence": "a ````` b", "lines": "a\n```\n# Title\n<script>", "tildes": "~~~", "HTML": "</code></pre><img src=x>",
		"escapes": "\x1b[2J\x1b]0;x\x07", "reversed": "\u202eabc", "carriage return": "a\r```\r\n````", "invalid": "\xff```", "mention": "@all #1",
	} {
		report := markdown([]reportSection{{"One", []string{line, "last"}}, {"Two", []string{"b"}}})
		blocks, outside := blocksOf(t, report)
		require.Len(t, blocks, 2, name)
		assert.Equal(t, reportHead+"\n### One\n\n\n### Two\n\n", outside, name)
		assert.Equal(t, 2, strings.Count(blocks[0], "\n"), name)
		assert.NotContains(t, report, "\x1b", name)
		assert.NotContains(t, report, "\u202e", name)
	}

	var many []string
	for i := range 10_000 {
		many = append(many, fmt.Sprint(i, " ", strings.Repeat("`", 2*maxReportLine)))
	}
	var all []reportSection
	for range 5 {
		all = append(all, reportSection{"Title", many})
	}
	report := markdown(all)
	assert.Less(t, len(report), 64_000)
	blocks, _ := blocksOf(t, report)
	require.Len(t, blocks, 5)
	assert.Contains(t, blocks[4], "… and 9991 more lines\n")
}

func TestPoolLines(t *testing.T) {
	t.Parallel()
	record := func(raw string) *ippool.Record {
		r, err := ippool.DecodeRecord([]byte(raw))
		require.NoError(t, err)
		return r
	}
	snapshot := datastore.Snapshot{
		Pools: []*ippool.Record{
			record(`{"kind":"IPPool","metadata":{"name":"a","annotations":{"x":"hunter2"}},"spec":{"cidr":"10.0.0.0/8", "nodeSelector":"has(a) && !has(b)","later":1}}`),
			record(`{"kind":"IPPool","metadata":{"name":"b"}}`),
		},
		Unreadable: []datastore.Unreadable{{Name: "c", Err: errors.New("not JSON")}},
	}
	assert.Equal(t, []string{
		"pools: 2", "records that can't be decoded: 1", "c: can't be decoded: not JSON",
		`a: {"cidr":"10.0.0.0/8","nodeSelector":"has(a) && !has(b)","later":1}`, "b: no spec",
	}, poolLines(snapshot), "as they are stored, without metadata")
	for range 100 {
		snapshot.Pools = append(snapshot.Pools, snapshot.Pools[0])
	}
	lines := poolLines(snapshot)
	assert.Len(t, lines, 2+1+maxReportedPools+1)
	assert.Equal(t, "only the first 50 are shown", lines[len(lines)-1])
}

func TestPlannedPools(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		create, skip, shown int
		dropped             bool
	}{{0, 0, 0, false}, {maxReportedPools, 3, maxReportedPools + 3, false}, {maxReportedPools + 1, 3, maxReportedPools + 3, true}, {200, 200, 2 * maxReportedPools, true}} {
		var pools []bootstrap.PoolReport
		for range tt.create {
			pools = append(pools, bootstrap.PoolReport{Action: plan.WouldCreate})
		}
		for range tt.skip {
			pools = append(pools, bootstrap.PoolReport{Action: plan.Skipped})
		}
		lines := plannedPools(pools)
		count := fmt.Sprintf("%d to create, 0 to update, 0 unchanged, %d skipped", tt.create, tt.skip)
		assert.Equal(t, count, lines[len(lines)-1])
		if tt.dropped {
			assert.Equal(t, "only the first 50 of an action are shown", lines[len(lines)-2])
			assert.Len(t, lines, tt.shown+2)
		} else {
			assert.Len(t, lines, tt.shown+1)
		}
	}
}

func TestVersionLines(t *testing.T) {
	t.Parallel()
	assert.Empty(t, versionLines(facts.Versions{}))
	assert.Equal(t, []string{"server: 3.6.5", "members: 3", "problem: x"}, versionLines(facts.Versions{Server: "3.6.5", Members: 3, Problems: []string{"x"}}))
}

func TestHostFiles(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	root := t.TempDir() + "/"
	assert.Equal(t, []string{"system: unknown", "kernel: unknown", "in a pod: no"}, hostFiles(root))
	for name, content := range map[string]string{
		"etc/os-release": "NAME=Fedora\nPRETTY_NAME=\"Fedora Linux 43\"\n", "proc/sys/kernel/osrelease": "6.17.1\n", "var/run/secrets/kubernetes.io/serviceaccount/token": "hunter2",
	} {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	}
	assert.Equal(t, []string{"system: Fedora Linux 43", "kernel: 6.17.1", "in a pod: yes"}, hostFiles(root))
}

// Whatever the settings are, the report is printed and the exit code is 0. An invalid command
// line is refused, as is one that asks for another format.
func TestBugReportAlwaysPrints(t *testing.T) {
	isolate(t)
	for _, tt := range []struct {
		args string
		want []string
	}{
		{"", []string{"error: ", "type: kubernetes\nnot read: no connection is configured, or its settings are invalid"}},
		{"--etcd-endpoints http://127.0.0.1:1 --ipv4-pool-cidr x", []string{`error: flag --ipv4-pool-cidr: "x"`, "place: etcd http://127.0.0.1:1\nerror: etcd", "not read: see Datastore"}},
		{"--etcd-endpoints http://127.0.0.1:1 --timeout 0 --wait-for-datastore", []string{"connection refused"}},
		{"--datastore-type other", []string{"type: unknown", `error: flag --datastore-type: "other"`}},
		{"--config /nonexistent", []string{"error: file /nonexistent: can't be read", "not read"}},
		{"--etcd-endpoints http://127.0.0.1:1 --log-level loud --pools-file /nonexistent", []string{"error: flag --log-level", "error: flag --pools-file"}},
		{"--etcd-endpoints http://127.0.0.1:1 --timeout 1ns", []string{"timed out after 1ns"}},
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), append([]string{"bug-report"}, strings.Fields(tt.args)...), &stdout, &stderr)
		assert.Zero(t, code, tt.args)
		assert.Empty(t, stderr.String(), tt.args)
		blocks, _ := blocksOf(t, stdout.String())
		assert.Len(t, blocks, 5, tt.args)
		for _, want := range tt.want {
			assert.Contains(t, stdout.String(), want, tt.args)
		}
	}
	for _, args := range [][]string{{"bug-report", "-o", "json"}, {"bug-report", "--nothing"}, {"bug-report", "x"}} {
		var stdout, stderr bytes.Buffer
		assert.Equal(t, exitSettings, run(t.Context(), args, &stdout, &stderr), args)
		assert.Empty(t, stdout.String())
	}
}
