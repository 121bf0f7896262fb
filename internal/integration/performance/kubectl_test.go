package performance

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/programs"
)

// BenchmarkKubectl alternates between runs of the program and of `kubectl apply` of the
// pools that the program creates. Each run of kubectl has an empty home folder, as in a
// container, so that it has no cached discovery.
func BenchmarkKubectl(b *testing.B) {
	const runs = 20
	kubectl := func() (string, error) { return kubetest.Kubectl(b.Context()) }
	for b.Loop() {
		t := newTable("kubectl", "run", "program", "time", "ratio", "CPU time", "ratio", "memory", "ratio")
		s := openSites(b)[1]
		run(b, programs.CalicoBootstrap, s.env)
		apply := []string{"apply", "-f", s.manifest(b)}
		var ours, theirs [2][]cost
		for range runs {
			s.removePools(b)
			for i := range ours {
				ours[i] = append(ours[i], run(b, programs.CalicoBootstrap, s.env))
			}
			s.removePools(b)
			for i := range theirs {
				theirs[i] = append(theirs[i], run(b, kubectl, s.env, apply...))
			}
			require.Equal(b, 2, s.count(b))
		}
		for i, name := range runKinds {
			t.compare(ours[i], ours[i], name, "calico-bootstrap")
			t.compare(theirs[i], ours[i], name, "kubectl apply")
		}
		t.publish(b)
	}
}

// manifest returns a file with the stored pools: their names and specs.
func (s *site) manifest(b *testing.B) string {
	b.Helper()
	const api = "crd.projectcalico.org/v1"
	code, body := s.server.Do(b, http.MethodGet, "/apis/"+api+"/ippools", nil)
	require.Equal(b, http.StatusOK, code, "%s", body)
	var stored struct {
		Items []struct {
			Metadata struct {
				Name        string            `json:"name"`
				Annotations map[string]string `json:"annotations,omitempty"`
			} `json:"metadata"`
			Spec json.RawMessage `json:"spec"`
		} `json:"items"`
	}
	require.NoError(b, json.Unmarshal(body, &stored))
	require.Len(b, stored.Items, 2)
	var items []any
	for _, pool := range stored.Items {
		items = append(items, map[string]any{"apiVersion": api, "kind": "IPPool", "metadata": pool.Metadata, "spec": pool.Spec})
	}
	file := filepath.Join(b.TempDir(), "pools.json")
	require.NoError(b, os.WriteFile(file, []byte(encode(b, map[string]any{"apiVersion": "v1", "kind": "List", "items": items})), 0o600))
	return file
}
