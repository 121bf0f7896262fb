package kubetest

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// installationPath is the path of the only Installation that the operator uses.
const installationPath = "/apis/operator.tigera.io/v1/installations/default"

// InstallOperatorCRD is InstallCRDs for installations.operator.tigera.io, until the test
// ends.
func (s *Server) InstallOperatorCRD(tb testing.TB) {
	tb.Helper()
	s.installOperator(tb, ownOrigin, ownDefinitions(tb, groupOperator, "installations"))
}

// InstallTigeraCRD is InstallOperatorCRD with the definition that Tigera publishes. It skips
// the test if the definition is not available.
func (s *Server) InstallTigeraCRD(tb testing.TB) {
	tb.Helper()
	content, err := os.ReadFile(filepath.Join(sharedFolder(tb, groupOperator), groupOperator.Group+"_installations.yaml"))
	require.NoError(tb, err)
	s.installOperator(tb, "Tigera", []*unstructured.Unstructured{definition(tb, content)})
}

func (s *Server) installOperator(tb testing.TB, origin string, definitions []*unstructured.Unstructured) {
	tb.Helper()
	tb.Cleanup(func() { s.remove(tb, definitions) })
	s.install(tb, origin, definitions)
}

// PutInstallation stores the Installation with a spec in YAML or JSON, until the test ends.
// InstallOperatorCRD must be called before.
func (s *Server) PutInstallation(tb testing.TB, spec string) {
	tb.Helper()
	s.Do(tb, http.MethodDelete, installationPath, nil)
	s.Apply(tb, fmt.Appendf(nil, "apiVersion: operator.tigera.io/v1\nkind: Installation\nmetadata: {name: default}\nspec: %s\n", spec))
	tb.Cleanup(func() { s.Do(tb, http.MethodDelete, installationPath, nil) })
}
