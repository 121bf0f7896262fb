package text_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

const jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"

func TestSecret(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"-----BEGIN PRIVATE KEY-----\nMII=": "a PEM text",
		"/etc/-----BEGIN PRIVATE KEY-----":  "a PEM text",
		jwt:                                 "a token",
		"Bearer hunter2-hunter2":            "a token",
		"abcdef.0123456789abcdef":           "a token",
		`{"a":1}`:                           "a JSON text",
		` [{"a":1}]`:                        "a JSON text",
		`/etc/{"token":"x"}`:                "a JSON text",
		"a: b\nc: d":                        "a YAML text",
		"password: hunter2":                 "a YAML text",
		"one\ntwo":                          "a text of several lines",
		"https://root:hunter2@10.0.0.1":     "a URL with a password or a token",
		"https://10.0.0.1/?token=hunter2":   "a URL with a password or a token",
		"root:hunter2@10.0.0.1":             "a URL with a password or a token",
		"/etc/root:hunter2@10.0.0.1":        "a URL with a password or a token",
		"a\x1b[31m":                         "a text with control characters",
		"a\u009b31m":                        "a text with control characters",
		"d41d8cd98f00b204e9800998ecf8427e":  "a key or a token",
		strings.Repeat("x", 5000):           "a long text",
	} {
		assert.Equal(t, want, text.Secret(value), "%.99q", value)
	}
	for _, value := range []string{
		"", "true", "10.244.0.0/16", "fd00:10:244::/64", "10.244.0.0/16\r", "\u200btrue", "root", "0x1a", "90s",
		"/etc/kubernetes/pki/apiserver-etcd-client.key", "/home/user@corp.example/.kube/config:/etc/kube config", `C:\Users\A B\config`,
		"/var/lib/kubelet/pods/47132df4-a8f8-4771-b096-ccd5d2ab0391/volumes/kubernetes.io~secret/etcd-certs/tls.key",
		"/var/folders/zz/zyxvpxvq6csfxvn_n0000000000000/T/TestX123/001/kubeconfig", "..2026_11_22_17_45_23.123456789/pools.yaml",
		"kubernetes-admin@kubernetes", "arn:aws:eks:us-east-1:123456789012:cluster/production", "default/api-example-org:6443/system:admin",
		"gke_my-project-123456_europe-west1-b_cluster-1", "gke-cluster-1-default-pool-a1b2c3d4-x7y8.europe-west1-b.c.project.internal",
		"https://10.0.0.1:2379,https://[fd00::1]:2379", "[fd00::1]:2379", `zone in {"a", 'b'} && !has(node-role.kubernetes.io/control-plane)`,
		"HostInterfaceOverlap,OutsideNodePodCIDR", "crd.projectcalico.org/v1",
	} {
		assert.Empty(t, text.Secret(value), "%q", value)
		assert.Equal(t, value, text.Shown(value))
	}
}

// Random keys of 32 bytes are recognised in every encoding, but for a few in a thousand.
func TestSecretIsRandom(t *testing.T) {
	t.Parallel()
	missed, keys := 0, 2000
	for range keys {
		key := make([]byte, 32)
		_, _ = rand.Read(key)
		for _, encoded := range []string{hex.EncodeToString(key), base64.StdEncoding.EncodeToString(key), base64.RawURLEncoding.EncodeToString(key)} {
			if text.Secret(encoded) == "" {
				missed++
			}
			assert.Equal(t, text.Secret(encoded) == "", strings.Contains(text.Redact(`no key "`+encoded+`" here`), encoded), encoded)
		}
	}
	assert.Less(t, missed, keys/100)
	t.Logf("missed %d of %d", missed, 3*keys)
}

func TestRedact(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]string{
		"open -----BEGIN A-----\nx\n-----END A-----: no such file": "open ***: no such file",
		"cut -----BEGIN A-----\nx":                                 "cut ***",
		"the token " + jwt + " is invalid":                         "the token *** is invalid",
		`Get "https://root:pa/ss@10.0.0.1/x": EOF`:                 `Get "https://***@10.0.0.1/x": EOF`,
		"GET /x?limit=5&access_token=hunter2 fails":                "GET /x?limit=5&access_token=*** fails",
		"dial tcp 10.0.0.1:2379: connection refused":               "dial tcp 10.0.0.1:2379: connection refused",
		`User "system:node@a" cannot list resource "x"`:            `User "system:node@a" cannot list resource "x"`,
		"uid 47132df4-a8f8-4771-b096-ccd5d2ab0391 is stale":        "uid 47132df4-a8f8-4771-b096-ccd5d2ab0391 is stale",
	} {
		assert.Equal(t, want, text.Redact(message))
		assert.Equal(t, text.OneLine(want), text.OneLine(text.OneLine(message)))
	}
}

func TestWithout(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "open ***: found ***", text.Without(`open hunter2x: found "hunter2"`, "hunter2x"))
	assert.Equal(t, "invalid *** here", text.Without(`invalid "one\ntwo\nthree" here`, "one\ntwo\nthree"))
	assert.Equal(t, "must be a", text.Without("must be a", "a"), "a short text is in every message")
}

func TestIsNumber(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"1", "026", "0x1a", "-5", ".5", "1e9", "1m30s", " 5 ", "26/", "100 qps", `"5"`} {
		assert.True(t, text.IsNumber(value), value)
	}
	for _, value := range []string{"", "x", "hunter2", strings.Repeat("1", 33), "1\n2", "1{"} {
		assert.False(t, text.IsNumber(value), value)
	}
}

func TestLogger(t *testing.T) {
	t.Parallel()
	for _, odd := range []string{"a\nerror: forged", "a\x1b[31m", "a\u009b", "a\u202eb", "a\u2066b", "a\u200eb\u200fc\u061cd\u200be", "a\u2028b\u2029c\x7f", jwt} {
		var out bytes.Buffer
		for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			logger := text.Logger(slog.New(handler))
			assert.Same(t, logger, text.Logger(logger))
			logger.With("a", odd).WithGroup("g").Error(odd, "text", odd, "err", fmt.Errorf("x: %w", errors.New(odd)), "number", 5,
				slog.Group("group", "text", odd, slog.Group("inner", "err", errors.New(odd), "valuer", valuer{odd})))
		}
		assert.Equal(t, 2, strings.Count(out.String(), "\n"))
		assert.Contains(t, out.String(), `"number":5`)
		assert.Equal(t, text.Graphic(strings.ReplaceAll(out.String(), "\n", "")), strings.ReplaceAll(out.String(), "\n", ""))
		assert.NotContains(t, out.String(), "eyJ")
		assert.NotContains(t, out.String(), `\`, "nothing is left to escape: %s", out.String())
	}
}

type valuer struct{ text string }

func (v valuer) LogValue() slog.Value { return slog.GroupValue(slog.String("text", v.text)) }

func TestErrors(t *testing.T) {
	t.Parallel()
	all := make([]error, 2000)
	for i := range all {
		all[i] = errors.New("fault")
	}
	first := text.Errors(all)
	assert.Len(t, first, text.MaxErrors+1)
	assert.EqualError(t, first[text.MaxErrors], "… and 1500 more")
	assert.Len(t, text.Errors(all[:text.MaxErrors]), text.MaxErrors)
	assert.Empty(t, text.Errors[error](nil))

	long := errors.New(strings.Repeat("x", 100<<10))
	first = text.Errors([]error{long, long, long, long})
	assert.EqualError(t, first[2], "… and 2 more")
	assert.Len(t, strings.Split(text.Lines(first), "\n"), 3)
}

func TestCause(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "a; b", text.Cause(errors.New("a\nb")))
	assert.LessOrEqual(t, len(text.Cause(errors.New(strings.Repeat("a\n", 3<<20)))), text.MaxCause+len("…"))
}
