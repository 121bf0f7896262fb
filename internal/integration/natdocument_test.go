package integration

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/programs"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/typed"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// TestNATDocument runs the commands of docs/NAT.md.
func TestNATDocument(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	world.server.InstallNATCRDs(t, world.group, false)
	world.Write(t, storedDefault("10.244.0.0/16"))
	world.server.Apply(t, []byte(natDocumentObjects))
	world.server.Apply(t, []byte(natNodes))
	t.Cleanup(func() { kubectlAfter(t, world.server, "delete", "node", "nat-n1", "nat-n2") })
	program, err := programs.CalicoBootstrap()
	require.NoError(t, err)
	tools, folder := withKubectl(t), t.TempDir()
	require.NoError(t, os.Symlink(program, filepath.Join(tools, "calico-bootstrap")))
	typed.Session{
		Document: "../../docs/NAT.md", Name: "nat", Folder: folder, Update: *update,
		Env:  []string{"PATH=" + tools + ":" + os.Getenv("PATH"), "HOME=" + folder, "TMPDIR=" + folder, "KUBECONFIG=" + world.server.Kubeconfig(t)},
		Tidy: func(printed string) string { return printed },
	}.Type(t)
}

const natDocumentObjects = `
apiVersion: crd.projectcalico.org/v1
kind: FelixConfiguration
metadata: {name: default}
spec: {logSeverityScreen: Info}
---
apiVersion: crd.projectcalico.org/v1
kind: ClusterInformation
metadata: {name: default}
spec: {calicoVersion: v3.32.1, datastoreReady: true}
`
