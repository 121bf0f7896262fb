package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// odd are texts that forge lines or control a terminal: ESC, CSI as C1, DEL, the controls
// of bidirectional text, zero-width characters, and separators.
var odd = []string{
	"a\nerror: forged\nwarning: forged", "a\x1b[31m\x1b]0;t\a", "a\u009b31m\u0085b\x7f", "a\u202eb\u2066c\u2069d\u200ee\u200ff\u061cg",
	"a\u200bb\u2060c\ufeffd", "a\u2028error: forged\u2029b", "a\r\nerror: forged",
}

// oddServer is an API server whose pools, nodes and errors have an odd text.
func oddServer(t *testing.T, text string, refuses bool) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		meta := func(name string) map[string]any {
			return map[string]any{"name": name, "uid": "1", "resourceVersion": "1"}
		}
		var answer any = map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404, "reason": "NotFound", "message": text}
		switch {
		case refuses && strings.HasSuffix(r.URL.Path, "ippools"):
			w.WriteHeader(http.StatusUnprocessableEntity)
			answer = map[string]any{"kind": "Status", "status": "Failure", "code": 422, "reason": "Invalid", "message": text, "details": map[string]any{
				"causes": []any{map[string]any{"field": text, "message": text}},
			}}
		case strings.HasSuffix(r.URL.Path, "ippools"):
			answer = map[string]any{"kind": "IPPoolList", "apiVersion": "crd.projectcalico.org/v1", "metadata": map[string]any{"resourceVersion": "1"}, "items": []any{
				map[string]any{"metadata": meta(text), "spec": map[string]any{"cidr": "10.0.0.0/8", "nodeSelector": text, "ipipMode": text, "blockSize": 26}},
				map[string]any{"metadata": meta("b" + text), "spec": map[string]any{"cidr": text}},
				map[string]any{"metadata": meta("c" + text), "spec": map[string]any{"cidr": "fd00::/48", "blockSize": text}},
			}}
		case strings.HasSuffix(r.URL.Path, "nodes"):
			answer = map[string]any{"kind": "NodeList", "apiVersion": "v1", "metadata": map[string]any{}, "items": []any{map[string]any{
				"metadata": meta(text), "status": map[string]any{"addresses": []any{map[string]any{"type": "InternalIP", "address": "10.0.0.1"}}},
			}}}
		default:
			w.WriteHeader(http.StatusNotFound)
		}
		_ = json.NewEncoder(w).Encode(answer) // the client may stop reading at its limit
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestOddTexts has texts of a cluster that would forge lines. Every output has only graphic
// characters, and no line that the program doesn't write.
func TestOddTexts(t *testing.T) {
	isolate(t)
	for _, text := range odd {
		for _, refuses := range []bool{false, true} {
			endpoint := oddServer(t, text, refuses)
			for _, args := range [][]string{
				{"apply"}, {"apply", "--preflight=strict"}, {"apply", "--preflight=strict", "--log-format=json", "--log-level=debug"},
				{"plan", "--preflight=strict"}, {"plan", "-o", "json"}, {"plan", "-o", "yaml"}, {"apply", "--on-drift=fail"},
				{"firewall"}, {"firewall", "-o", "json"}, {"firewall", "-o", "firewall-cmd"},
			} {
				args = append(args, "--k8s-api-endpoint", endpoint, "--calico-api-group=crd.projectcalico.org/v1", "--timeout=5s",
					"--ipv4-pool-nat-outgoing=false", "--ipv6-pool-cidr=none")
				var stdout, stderr bytes.Buffer
				run(t.Context(), args, &stdout, &stderr)
				all := stdout.String() + stderr.String()
				for _, r := range all {
					if !unicode.IsGraphic(r) && r != '\n' {
						t.Errorf("%q: %U in %q", args, r, all)
						break
					}
				}
				for line := range strings.Lines(all) {
					assert.False(t, strings.HasPrefix(line, "error: forged") || strings.HasPrefix(line, "warning: forged"), "%q: %s", args, all)
				}
			}
		}
	}
}

// Results keep every character, escaped.
func TestEscapes(t *testing.T) {
	t.Parallel()
	for _, text := range append(odd, "plain", "größer", "\U000e0041tag", "a: b", `\x01000041\x01`) {
		for format, decode := range map[string]func([]byte, any) error{
			formatJSON: json.Unmarshal, formatYAML: func(data []byte, into any) error { return yaml.Unmarshal(data, into) },
		} {
			var out bytes.Buffer
			p := program{stdout: &out, output: format}
			require.NoError(t, p.printObject(map[string]string{text: text}))
			var decoded map[string]string
			require.NoError(t, decode(out.Bytes(), &decoded), out.String())
			assert.Equal(t, map[string]string{text: text}, decoded)
			for _, r := range out.String() {
				assert.True(t, unicode.IsGraphic(r) || r == '\n', "%U in %q", r, out.String())
			}
		}
	}
}

// TestLongTexts has a server with an error message of 5 MB, and a file with 40,000 faults.
func TestLongTexts(t *testing.T) {
	isolate(t)
	endpoint := oddServer(t, strings.Repeat("long ", 1<<20), true)
	pools := write(t, strings.Repeat("- {name: A, cidr: x}\n", 20_000))
	for _, args := range [][]string{
		{"apply", "--k8s-api-endpoint", endpoint, "--calico-api-group=crd.projectcalico.org/v1"},
		{"plan", "--pools-file", pools, "--etcd-endpoints=http://127.0.0.1:1"},
		{"plan", "--allow", strings.Repeat("a,", 1<<20), "--etcd-endpoints=http://127.0.0.1:1"},
		{"plan", "--ipv4-pool-node-selector", strings.Repeat("x", 5<<20), "--etcd-endpoints=http://127.0.0.1:1"},
	} {
		for _, format := range []string{"text", "json"} {
			var stdout, stderr bytes.Buffer
			assert.NotZero(t, run(t.Context(), append(args, "--log-format", format), &stdout, &stderr))
			assert.Less(t, stdout.Len()+stderr.Len(), 512<<10, "%.200s", stderr.String())
			assert.NotZero(t, stderr.Len())
		}
	}
}
