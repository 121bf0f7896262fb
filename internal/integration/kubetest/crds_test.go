package kubetest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
)

func TestCRDs(t *testing.T) {
	s := kubetest.Shared(t)
	t.Cleanup(func() { s.RemoveCRDs(t) })
	s.RemoveCRDs(t)
	for _, definitions := range []struct {
		name    string
		install func(testing.TB, schema.GroupVersion)
	}{
		{"our CRDs", s.InstallCRDs},
		{"Calico's CRDs", s.InstallCalicoCRDs},
	} {
		for _, group := range []schema.GroupVersion{kubetest.GroupV1, kubetest.GroupV3} {
			t.Run(definitions.name+" "+group.Group, func(t *testing.T) {
				path := "/apis/" + group.String() + "/ippools"
				definitions.install(t, group)
				code, answer := create(t, s, path, group, `"x", "finalizers": ["example.org/a"]`, `{"cidr": "10.0.0.0/8", "natOutgoing": true, "blockSize": 26}`)
				require.Equal(t, http.StatusCreated, code, answer)

				code, answer = create(t, s, path, group, `"x"`, `{"cidr": "10.0.0.0/8"}`)
				assert.Equal(t, http.StatusConflict, code, answer)
				code, answer = create(t, s, path, group, `"y"`, `{"cidr": "10.0.0.0/8", "natOutgoing": "true"}`)
				assert.Equal(t, http.StatusUnprocessableEntity, code, answer)
				code, answer = create(t, s, path, group, `"y"`, `{}`)
				assert.Equal(t, http.StatusUnprocessableEntity, code, answer)

				s.Empty(t, group)
				code, _ = s.Do(t, http.MethodGet, path+"/x", nil)
				assert.Equal(t, http.StatusNotFound, code)
			})
		}
	}
	s.RemoveCRDs(t)
	for _, group := range []schema.GroupVersion{kubetest.GroupV1, kubetest.GroupV3} {
		for _, resource := range []string{"ippools", "ipamblocks"} {
			code, _ := s.Do(t, http.MethodGet, "/apis/"+group.String()+"/"+resource, nil)
			assert.Equal(t, http.StatusNotFound, code)
		}
		s.Empty(t, group) // no error if the kinds are not served
	}
}

func create(t *testing.T, s *kubetest.Server, path string, group schema.GroupVersion, name, spec string) (int, string) {
	t.Helper()
	code, answer := s.Do(t, http.MethodPost, path, []byte(`{
		"apiVersion": "`+group.String()+`", "kind": "IPPool", "metadata": {"name": `+name+`}, "spec": `+spec+`}`))
	return code, string(answer)
}

// TestFirstCreateIsNotHeld checks that the server does not delay the first create, as it
// does for two seconds with new kinds. It tries three times, as a busy machine may be slow
// once.
func TestFirstCreateIsNotHeld(t *testing.T) {
	s := kubetest.Shared(t)
	t.Cleanup(func() { s.RemoveCRDs(t) })
	const held = 1900 * time.Millisecond
	took := held
	for i := 0; i < 3 && took >= held; i++ {
		s.RemoveCRDs(t)
		s.InstallCRDs(t, kubetest.GroupV3)
		before := time.Now()
		code, answer := create(t, s, "/apis/projectcalico.org/v3/ippools", kubetest.GroupV3, `"x"`, `{"cidr": "10.0.0.0/8"}`)
		took = time.Since(before)
		require.Equal(t, http.StatusCreated, code, answer)
	}
	assert.Less(t, took, held)

	s.InstallCRDs(t, kubetest.GroupV3)
	code, _ := s.Do(t, http.MethodGet, "/apis/projectcalico.org/v3/ippools/x", nil)
	assert.Equal(t, http.StatusOK, code, "installed twice")
}

func TestConfigMaps(t *testing.T) {
	s := kubetest.Shared(t)
	const path = "/api/v1/namespaces/kube-system/configmaps/kubetest"
	for _, value := range []string{"one", "two"} {
		s.PutConfigMap(t, "kube-system", "kubetest", map[string]string{"key": value})
		code, answer := s.Do(t, http.MethodGet, path, nil)
		require.Equal(t, http.StatusOK, code)
		assert.Contains(t, string(answer), `"data":{"key":"`+value+`"}`)
	}
	for range 2 {
		s.DeleteConfigMap(t, "kube-system", "kubetest")
		code, _ := s.Do(t, http.MethodGet, path, nil)
		assert.Equal(t, http.StatusNotFound, code)
	}
}

func TestOpenShiftNetwork(t *testing.T) {
	s := kubetest.Shared(t)
	t.Cleanup(func() { s.RemoveCRDs(t) })
	const path = "/apis/config.openshift.io/v1/networks/cluster"
	s.InstallOpenShiftCRD(t)
	s.PutOpenShiftNetwork(t, kubetest.ClusterNetwork{CIDR: "10.128.0.0/14", HostPrefix: 23}, kubetest.ClusterNetwork{CIDR: "fd01::/48"})
	code, answer := s.Do(t, http.MethodGet, path, nil)
	require.Equal(t, http.StatusOK, code)
	assert.Contains(t, string(answer), `"spec":{"clusterNetwork":[{"cidr":"10.128.0.0/14","hostPrefix":23},{"cidr":"fd01::/48"}]}`)
	s.DeleteOpenShiftNetwork(t)
	code, _ = s.Do(t, http.MethodGet, path, nil)
	assert.Equal(t, http.StatusNotFound, code)
}
