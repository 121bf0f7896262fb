package kubetest

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// The API groups of Calico's resources.
var (
	// GroupV1 is the group of Calico's own custom resources.
	GroupV1 = schema.GroupVersion{Group: "crd.projectcalico.org", Version: "v1"}
	// GroupV3 is the group of the aggregated API server, and of the native custom
	// resources that replace it.
	GroupV3 = schema.GroupVersion{Group: "projectcalico.org", Version: "v3"}

	groupOperator  = schema.GroupVersion{Group: "operator.tigera.io", Version: "v1"}
	groupOpenShift = schema.GroupVersion{Group: "config.openshift.io", Version: "v1"}
)

// calicoResources are the resources that the tests use.
var calicoResources = []string{"ippools", "ipamblocks"}

// natResources decide about NAT besides the pools.
var natResources = []string{"felixconfigurations", "clusterinformations"}

// bgpResource has ranges of Services. Its definition is always our own small one.
const bgpResource = "bgpconfigurations"

var customResourceDefinitions = schema.GroupVersionResource{
	Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions",
}

// ownOrigin is the origin of the embedded definitions.
const ownOrigin = "kubetest"

//go:embed crds/*.yaml
var ownCRDs embed.FS

// InstallCRDs installs our own small definitions of pools and blocks in the group, unless
// they exist, and waits until objects can be created. That takes two seconds, for which
// the server delays creates of a new kind, so tests should share a server with the
// definitions and empty it.
func (s *Server) InstallCRDs(tb testing.TB, group schema.GroupVersion) {
	tb.Helper()
	s.install(tb, ownOrigin, ownDefinitions(tb, group, calicoResources...))
}

// InstallCalicoCRDs is InstallCRDs with the definitions that Calico publishes. They are
// not in the repository but in the folder shared/crds next to it. It skips the test if the
// folder does not exist.
func (s *Server) InstallCalicoCRDs(tb testing.TB, group schema.GroupVersion) {
	tb.Helper()
	s.installPublished(tb, group, calicoResources)
}

// InstallNATCRDs installs the definitions that decide about NAT besides the pools: those that
// Calico publishes, or our own small ones.
func (s *Server) InstallNATCRDs(tb testing.TB, group schema.GroupVersion, published bool) {
	tb.Helper()
	if published {
		s.installPublished(tb, group, natResources)
	} else {
		s.install(tb, ownOrigin, ownDefinitions(tb, group, natResources...))
	}
	s.install(tb, ownOrigin, ownDefinitions(tb, group, bgpResource))
	tb.Cleanup(func() { // Tests that share the server must not find these objects.
		s.remove(tb, slices.Concat(ownDefinitions(tb, group, natResources...), ownDefinitions(tb, group, bgpResource)))
	})
}

func (s *Server) installPublished(tb testing.TB, group schema.GroupVersion, resources []string) {
	tb.Helper()
	folder := sharedFolder(tb, group)
	var definitions []*unstructured.Unstructured
	for _, resource := range resources {
		content, err := os.ReadFile(filepath.Join(folder, group.Group+"_"+resource+".yaml"))
		require.NoError(tb, err)
		definitions = append(definitions, definition(tb, content))
	}
	s.install(tb, "Calico", definitions)
}

// sharedFolder returns the folder of the published definitions of a group. It skips the
// test if the folder does not exist.
func sharedFolder(tb testing.TB, group schema.GroupVersion) string {
	tb.Helper()
	ctx, cancel := bounded(tb)
	defer cancel()
	module, err := moduleFolder(ctx)
	require.NoError(tb, err)
	repository := filepath.Dir(filepath.Dir(module))
	folder := filepath.Join(filepath.Dir(repository), "shared", "crds", group.Group+"_"+group.Version)
	if !exists(folder) {
		tb.Skipf("the published CRDs are not available: no folder %s", folder)
	}
	return folder
}

// ownDefinitions returns the embedded definitions with the given group.
func ownDefinitions(tb testing.TB, group schema.GroupVersion, resources ...string) []*unstructured.Unstructured {
	tb.Helper()
	var all []*unstructured.Unstructured
	for _, resource := range resources {
		content, err := ownCRDs.ReadFile("crds/" + resource + ".yaml")
		require.NoError(tb, err)
		u := definition(tb, content)
		u.SetName(resource + "." + group.Group)
		require.NoError(tb, unstructured.SetNestedField(u.Object, group.Group, "spec", "group"))
		versions, _, err := unstructured.NestedSlice(u.Object, "spec", "versions")
		require.NoError(tb, err)
		versions[0].(map[string]any)["name"] = group.Version
		require.NoError(tb, unstructured.SetNestedSlice(u.Object, versions, "spec", "versions"))
		all = append(all, u)
	}
	return all
}

func definition(tb testing.TB, content []byte) *unstructured.Unstructured {
	tb.Helper()
	text, err := yaml.YAMLToJSON(content)
	require.NoError(tb, err)
	u := &unstructured.Unstructured{}
	require.NoError(tb, u.UnmarshalJSON(text))
	return u
}

// originAnnotation is the annotation of a definition with its origin.
const originAnnotation = "kubetest/origin"

// install creates the definitions. It keeps existing ones of the same origin with their
// objects, and first removes those of another origin: it does not update them, as there
// is no way to tell when the server serves the new definition.
func (s *Server) install(tb testing.TB, origin string, definitions []*unstructured.Unstructured) {
	tb.Helper()
	var others []*unstructured.Unstructured
	for _, u := range definitions {
		u.SetAnnotations(map[string]string{originAnnotation: origin})
		existing := s.definition(tb, u.GetName())
		if existing != nil && existing.GetAnnotations()[originAnnotation] != origin {
			others = append(others, u)
		}
	}
	s.remove(tb, others)

	ctx, cancel := bounded(tb)
	defer cancel()
	for _, u := range definitions {
		_, err := s.dynamic.Resource(customResourceDefinitions).Create(ctx, u, metav1.CreateOptions{})
		if !apierrors.IsAlreadyExists(err) {
			require.NoError(tb, err, u.GetName())
		}
	}
	for _, u := range definitions {
		s.awaitServed(tb, u)
	}
}

// definition returns the definition of the name, or nil.
func (s *Server) definition(tb testing.TB, name string) *unstructured.Unstructured {
	tb.Helper()
	ctx, cancel := bounded(tb)
	defer cancel()
	u, err := s.dynamic.Resource(customResourceDefinitions).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	require.NoError(tb, err)
	return u
}

// holdBack is how long the server delays each create of a kind that was established less
// than that ago.
const holdBack = 2 * time.Second

// awaitServed waits until the kind is established, lists work and creates are no longer
// delayed.
func (s *Server) awaitServed(tb testing.TB, u *unstructured.Unstructured) {
	tb.Helper()
	var last error
	ok := s.poll(tb, func(ctx context.Context) bool {
		var since time.Time
		if since, last = s.established(ctx, u.GetName()); last != nil {
			return false
		}
		path := listPath(tb, u)
		code, body, err := s.request(ctx, http.MethodGet, path+"?limit=1", nil)
		if err != nil || code != http.StatusOK {
			last = fmt.Errorf("list %s: %d %s %w", path, code, body, err)
			return false
		}
		last = fmt.Errorf("%s was established at %s", u.GetName(), since)
		return time.Since(since) > holdBack
	})
	require.True(tb, ok, "%v", last)
}

// established returns the time at which the kind was established, in full seconds.
func (s *Server) established(ctx context.Context, name string) (time.Time, error) {
	u, err := s.dynamic.Resource(customResourceDefinitions).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return time.Time{}, err
	}
	text, err := json.Marshal(u.Object["status"])
	if err != nil {
		return time.Time{}, err
	}
	var status struct {
		Conditions []struct {
			Type, Status, Message string
			LastTransitionTime    time.Time
		}
	}
	if err := json.Unmarshal(text, &status); err != nil {
		return time.Time{}, err
	}
	for _, condition := range status.Conditions {
		if condition.Type == "Established" && condition.Status == "True" {
			return condition.LastTransitionTime, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s is not established: %s", name, text)
}

// RemoveCRDs removes all definitions that this package installs, with their objects, and
// waits until none is served.
func (s *Server) RemoveCRDs(tb testing.TB) {
	tb.Helper()
	var existing []*unstructured.Unstructured
	for _, u := range slices.Concat(
		ownDefinitions(tb, GroupV1, calicoResources...),
		ownDefinitions(tb, GroupV3, calicoResources...),
		ownDefinitions(tb, GroupV1, natResources...),
		ownDefinitions(tb, GroupV3, natResources...),
		ownDefinitions(tb, GroupV1, bgpResource),
		ownDefinitions(tb, GroupV3, bgpResource),
		ownDefinitions(tb, groupOpenShift, "networks"),
		ownDefinitions(tb, groupOperator, "installations"),
	) {
		if s.definition(tb, u.GetName()) != nil {
			existing = append(existing, u)
		}
	}
	s.remove(tb, existing)
}

func (s *Server) remove(tb testing.TB, definitions []*unstructured.Unstructured) {
	tb.Helper()
	ctx, cancel := bounded(tb)
	defer cancel()
	for _, u := range definitions {
		err := s.dynamic.Resource(customResourceDefinitions).Delete(ctx, u.GetName(), metav1.DeleteOptions{})
		if !apierrors.IsNotFound(err) {
			require.NoError(tb, err)
		}
	}
	for _, u := range definitions {
		path := listPath(tb, u)
		var last string
		gone := s.poll(tb, func(ctx context.Context) bool {
			if s.definition(tb, u.GetName()) != nil {
				last = u.GetName() + " still exists"
				return false
			}
			code, body, err := s.request(ctx, http.MethodGet, path, nil)
			last = fmt.Sprintf("list %s: %d %s %v", path, code, body, err)
			return err == nil && code == http.StatusNotFound
		})
		require.True(tb, gone, "%s", last)
	}
}

// listPath returns the list path of a definition's first version.
func listPath(tb testing.TB, u *unstructured.Unstructured) string {
	tb.Helper()
	var spec struct {
		Group    string
		Names    struct{ Plural string }
		Versions []struct{ Name string }
	}
	text, err := json.Marshal(u.Object["spec"])
	require.NoError(tb, err)
	require.NoError(tb, json.Unmarshal(text, &spec))
	require.NotEmpty(tb, spec.Versions)
	return "/apis/" + spec.Group + "/" + spec.Versions[0].Name + "/" + spec.Names.Plural
}

// poll calls condition until it returns true, and reports whether it did within the time
// limit.
func (s *Server) poll(tb testing.TB, condition func(context.Context) bool) bool {
	tb.Helper()
	ctx, cancel := bounded(tb)
	defer cancel()
	for !condition(ctx) {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pollInterval):
		}
	}
	return true
}
