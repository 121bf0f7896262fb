package integration

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/programs"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// hostileMemory is the limit of resident memory under any answer.
const hostileMemory = 200 << 20

// measured runs the program as it is released, and returns its exit code, its stderr,
// its peak memory in bytes and its elapsed time.
func measured(t *testing.T, env []string, args ...string) (code int, stderr string, peak int64, took time.Duration) {
	t.Helper()
	cost, err := programs.Cost()
	require.NoError(t, err)
	program := command(t, env, args...)
	cmd := exec.Command(cost, program.Args...)
	cmd.Env, cmd.Dir = program.Env, program.Dir
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	var nanoseconds, processors int64
	_, err = fmt.Sscan(out.String(), &nanoseconds, &processors, &peak)
	require.NoError(t, err, "%s", errOut.String())
	return cmd.ProcessState.ExitCode(), errOut.String(), peak, time.Duration(nanoseconds)
}

// keysOf returns a response with keys of pools.
func keysOf(more bool, value []byte, names ...string) *etcdserverpb.RangeResponse {
	response := &etcdserverpb.RangeResponse{Header: etcdtest.Header(), More: more, Count: int64(len(names))}
	if more {
		response.Count = 1 << 30
	}
	for _, name := range names {
		response.Kvs = append(response.Kvs, &mvccpb.KeyValue{Key: []byte(ippool.RecordKey(name)), Value: value, ModRevision: 3, CreateRevision: 3, Version: 1})
	}
	return response
}

// pagesOf answers each read with further keys, without end: as many as fit into size.
func pagesOf(value []byte, size int) etcdtest.Answer {
	var next atomic.Int64
	return func(w http.ResponseWriter, request []byte) {
		var read etcdserverpb.RangeRequest
		if err := proto.Unmarshal(request, &read); err != nil {
			etcdtest.Fail(3, err.Error())(w, nil)
			return
		}
		var names []string
		for range min(int(read.Limit), max(1, size/(len(value)+100))) {
			names = append(names, fmt.Sprintf("pool-%09d", next.Add(1)))
		}
		etcdtest.Reply(keysOf(true, value, names...))(w, nil)
	}
}

// wrapped returns n levels of a message in a field of itself.
func wrapped(n int, inner []byte, tags ...byte) []byte {
	for range n {
		for _, tag := range tags {
			inner = append(binary.AppendUvarint([]byte{tag}, uint64(len(inner))), inner...)
		}
	}
	return inner
}

// TestHostileEtcdReads has an etcd answer reads with what takes much memory or time, or
// lacks what it needs. The program writes nothing, ends on time, and takes less than
// 200 MB.
func TestHostileEtcdReads(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	compressed := gzip.NewWriter(&bomb)
	for range 20 << 10 {
		_, _ = compressed.Write(make([]byte, 1<<20/20))
	}
	require.NoError(t, compressed.Close())
	header, err := proto.Marshal(&etcdserverpb.RangeResponse{Header: etcdtest.Header()})
	require.NoError(t, err)
	const page = 2<<20 - 1000
	emptyKeys := append(bytes.Clone(header), bytes.Repeat([]byte{0x12, 0}, page/2)...)
	unknown := append(bytes.Clone(header), bytes.Repeat([]byte{0x7a, 0}, page/2)...)
	references := []byte(`{"metadata":{"ownerReferences":[{}` + strings.Repeat(",{}", page/3-100) + `]},"spec":{"cidr":"10.9.0.0/16"}}`)
	labels := []byte(`{"metadata":{"labels":{`)
	for i := range page / 14 {
		labels = fmt.Appendf(labels, `"%06x":"",`, i)
	}
	labels = append(labels, `"z":""}},"spec":{"cidr":"10.9.0.0/16"}}`...)
	spaces := []byte(`{"spec":{"cidr":"10.9.0.0/16"}}` + strings.Repeat(" ", page-200))

	const malformed, limit, tooMany = "malformed response: ", "larger than max", "more than "
	for name, tt := range map[string]struct {
		answer etcdtest.Answer
		text   string
	}{
		"2 GB":                      {etcdtest.Endless(1<<31 - 1), limit},
		"4 GB":                      {etcdtest.Endless(1<<32 - 1), limit},
		"3 MB":                      {etcdtest.Bytes(make([]byte, 3<<20)), limit},
		"without end":               {etcdtest.Endless(1 << 20), "etcd http://"},
		"a message after a message": {func(w http.ResponseWriter, _ []byte) { etcdtest.Begin(w, 0); etcdtest.Flood(w) }, "etcd http://"},
		"compressed": {func(w http.ResponseWriter, _ []byte) {
			w.Header().Set("Grpc-Encoding", "gzip")
			w.Header().Set("Content-Type", "application/grpc")
			_, _ = w.Write(append(binary.BigEndian.AppendUint32([]byte{1}, uint32(bomb.Len())), bomb.Bytes()...))
			etcdtest.End(w, 0, "")
		}, "etcd http://"},
		"HTTP without end":     {func(w http.ResponseWriter, _ []byte) { w.WriteHeader(http.StatusOK); etcdtest.Flood(w) }, "etcd http://"},
		"a long status":        {etcdtest.Fail(7, strings.Repeat("x", 1<<20)), "etcd http://"},
		"more with the same":   {etcdtest.Reply(keysOf(true, nil, "a")), malformed},
		"more without keys":    {etcdtest.Reply(keysOf(true, nil)), malformed},
		"more without end":     {pagesOf([]byte(`{"spec":{"cidr":"10.9.0.0/16"}}`), page), tooMany + "20000 keys"},
		"one key a page":       {pagesOf([]byte(`{}`), 1), tooMany + "100 pages"},
		"large values":         {pagesOf(spaces, page), tooMany + "16777216 bytes"},
		"values of references": {pagesOf(references, page), tooMany + "500000 values"},
		"values of labels":     {pagesOf(labels, page), tooMany + "500000 values"},
		"no header":            {etcdtest.Bytes(nil), malformed + "it has no header"},
		"an empty header":      {etcdtest.Reply(&etcdserverpb.RangeResponse{Header: &etcdserverpb.ResponseHeader{}}), malformed},
		"empty keys":           {etcdtest.Bytes(emptyKeys), malformed},
		"unknown fields":       {etcdtest.Bytes(unknown), ""},
		"no keys":              {etcdtest.Reply(&etcdserverpb.RangeResponse{Header: etcdtest.Header(), Count: 2}), malformed + "it has 0 of 2 keys"},
		"keys of another":      {etcdtest.Reply(&etcdserverpb.RangeResponse{Header: etcdtest.Header(), Count: 1, Kvs: []*mvccpb.KeyValue{{Key: []byte("/registry/a")}}}), malformed},
		"another message":      {etcdtest.Bytes([]byte("<html>")), "etcd http://"},
		"groups without end":   {etcdtest.Bytes(bytes.Repeat([]byte{0x7b}, page)), "etcd http://"},
		"headers without a use": {func(w http.ResponseWriter, _ []byte) {
			w.Header().Set("X", strings.Repeat("x", 1<<20))
			etcdtest.Bytes(header)(w, nil)
		}, "etcd http://"},
	} {
		t.Run(name, func(t *testing.T) {
			liar := etcdtest.NewLiar(t, map[string]etcdtest.Answer{"Range": tt.answer})
			code, stderr, peak, took := measured(t, append([]string{"ETCD_ENDPOINTS=" + liar.Endpoint}, bothCIDRs...), "--timeout", "4s")
			t.Logf("exit %d, %d MB, %s: %s", code, peak>>20, took, clipped(stderr))
			assert.NotContains(t, stderr, "goroutine ", "a panic")
			assert.Less(t, peak, int64(hostileMemory))
			assert.Less(t, took, 4*time.Second+soon)
			if name == "unknown fields" { // a later etcd may have further fields
				assert.Zero(t, code)
				return
			}
			assert.Contains(t, []int{1, 4}, code)
			if !strings.Contains(stderr, "timed out") { // on a busy machine
				assert.Contains(t, stderr, tt.text)
			}
			assert.Less(t, len(stderr), 200_000)
			assert.Zero(t, liar.Count("Txn"), "nothing is written after such a read")
		})
	}
}

func clipped(text string) string { return text[:min(len(text), 300)] }

// TestHostileEtcdCommits has an etcd answer a transaction with what is not an answer to
// it: the outcome is unknown, and the error says so.
func TestHostileEtcdCommits(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]etcdtest.Answer{
		"2 GB":        etcdtest.Endless(1<<31 - 1),
		"too large":   etcdtest.Bytes(make([]byte, 70<<10)),
		"without end": etcdtest.Endless(60 << 10),
		"nothing":     etcdtest.Bytes(nil),
		"no header":   etcdtest.Reply(&etcdserverpb.TxnResponse{Succeeded: true}),
		"no results":  etcdtest.Reply(&etcdserverpb.TxnResponse{Succeeded: true, Header: etcdtest.Header()}),
		"one result":  etcdtest.Reply(etcdtest.Applied(1)),
		"no success":  etcdtest.Reply(&etcdserverpb.TxnResponse{Header: etcdtest.Header(), Responses: etcdtest.Applied(2).Responses}),
		"not decoded": etcdtest.Bytes([]byte("<html>")),
		"nested":      etcdtest.Bytes(wrapped(8000, nil, 0x22, 0x1a)), // a transaction in a result in a transaction
		"an HTTP page": func(w http.ResponseWriter, _ []byte) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusForbidden)
		},
		"no status": func(w http.ResponseWriter, _ []byte) { etcdtest.Begin(w, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			liar := etcdtest.NewLiar(t, map[string]etcdtest.Answer{"Txn": answer})
			code, stderr, peak, took := measured(t, append([]string{"ETCD_ENDPOINTS=" + liar.Endpoint}, bothCIDRs...), "--timeout", "4s")
			t.Logf("exit %d, %d MB, %s: %s", code, peak>>20, took, clipped(stderr))
			assert.Contains(t, []int{1, 4}, code)
			assert.NotContains(t, stderr, "goroutine ", "a panic")
			for _, name := range defaultNames {
				assert.Contains(t, stderr, fmt.Sprintf("IPPool %q may have been written: there was no valid response", name))
			}
			assert.Less(t, peak, int64(hostileMemory))
			assert.Less(t, took, 4*time.Second+soon)
		})
	}
}

// TestHostileEtcdAuthentication has an etcd answer the request of a token with one that is
// too large, or with none.
func TestHostileEtcdAuthentication(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]etcdtest.Answer{
		"2 GB":    etcdtest.Endless(1<<31 - 1),
		"nothing": etcdtest.Bytes(nil),
		"HTML":    etcdtest.Bytes([]byte("<html>")),
	} {
		t.Run(name, func(t *testing.T) {
			liar := etcdtest.NewLiar(t, map[string]etcdtest.Answer{"Authenticate": answer})
			code, stderr, peak, _ := measured(t, append([]string{"ETCD_ENDPOINTS=" + liar.Endpoint, "ETCD_USERNAME=calico", "ETCD_PASSWORD=hunter2secret"}, bothCIDRs...), "--timeout", "4s")
			t.Logf("exit %d, %d MB: %s", code, peak>>20, clipped(stderr))
			assert.NotContains(t, stderr, "goroutine ", "a panic")
			assert.NotContains(t, stderr, "hunter2secret")
			assert.Contains(t, stderr, "the password can be read on the way")
			assert.Less(t, peak, int64(hostileMemory))
			assert.Equal(t, name == "nothing", code == 0, "etcd without a token has no authentication")
		})
	}
}

// TestHonestEtcdIsWritten has the same server answer as etcd does.
func TestHonestEtcdIsWritten(t *testing.T) {
	t.Parallel()
	liar := etcdtest.NewLiar(t, nil)
	code, stderr, peak, _ := measured(t, append([]string{"ETCD_ENDPOINTS=" + liar.Endpoint}, bothCIDRs...), "--timeout", "4s")
	assert.Zero(t, code, stderr)
	assert.Equal(t, 1, liar.Count("Txn"))
	if runtime.GOOS == "linux" {
		assert.NotZero(t, peak)
	}
}
