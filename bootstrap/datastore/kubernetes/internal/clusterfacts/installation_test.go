package clusterfacts

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/apitest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
)

const (
	operatorPath     = "/apis/operator.tigera.io"
	installationPath = operatorPath + "/v1/installations/default"
)

// served is the operator's group with these versions; the first is preferred.
func served(versions ...string) apitest.Answer {
	var list []string
	for _, version := range versions {
		list = append(list, `{"groupVersion":"operator.tigera.io/`+version+`","version":"`+version+`"}`)
	}
	return apitest.JSON(200, `{"kind":"APIGroup","apiVersion":"v1","name":"operator.tigera.io","versions":[`+strings.Join(list, ",")+`],"preferredVersion":`+list[0]+`}`)
}

func installed(version, spec string) apitest.Answer {
	return apitest.JSON(200, `{"kind":"Installation","apiVersion":"operator.tigera.io/`+version+`","metadata":{"name":"default"},"spec":`+spec+`}`)
}

func TestInstallation(t *testing.T) {
	t.Parallel()
	name := origin.Cluster("Installation default")
	creates := func(pools ...string) facts.Installation {
		return facts.Installation{Name: name, CreatesPools: true, Pools: pools}
	}
	none := facts.Installation{Name: name}
	unreadable := facts.Installation{Name: name, Problem: "spec.cni and spec.calicoNetwork.ipPools can't be read"}
	specs := map[string]facts.Installation{
		`{}`:                              creates(),
		`null`:                            creates(),
		`{"variant":"Calico","cni":null}`: creates(),
		`{"calicoNetwork":{}}`:            creates(),
		`{"calicoNetwork":null}`:          creates(),
		`{"calicoNetwork":{"ipPools":null,"bgp":"Enabled"}}`:                                               creates(),
		`{"calicoNetwork":{"ipPools":[]}}`:                                                                 none,
		`{"calicoNetwork":{"ipPools":[{"cidr":"10.1.0.0/16","blockSize":26},{"cidr":"fd00::/64"}]}}`:       creates("10.1.0.0/16", "fd00::/64"),
		`{"cni":{"type":"Calico"}}`:                                                                        creates(),
		`{"cni":{"type":"Calico","ipam":{"type":"Calico"}},"calicoNetwork":{"ipPools":[{"cidr":"x"}]}}`:    creates("x"),
		`{"cni":{"type":"Calico","ipam":{"type":"HostLocal"}},"calicoNetwork":{"ipPools":[{"cidr":"x"}]}}`: none,
		`{"cni":{"ipam":{"type":"HostLocal"}}}`:                                                            none,
		`{"cni":{"type":"AmazonVPC"}}`:                                                                     none,
		`{"cni":{"type":"AmazonVPC","ipam":{"type":"Calico"}}}`:                                            creates(),
		`{"kubernetesProvider":"EKS"}`:                                                                     none,
		`{"kubernetesProvider":"EKS","cni":{"type":"Calico"}}`:                                             creates(),
		`{"kubernetesProvider":"RKE2"}`:                                                                    creates(),
		`{"calicoNetwork":{"ipPools":"10.1.0.0/16"}}`:                                                      unreadable,
		`{"calicoNetwork":{"ipPools":["10.1.0.0/16"]}}`:                                                    unreadable,
		`{"cni":"Calico"}`: unreadable,
		`[]`:               unreadable,
	}
	for spec, want := range specs {
		got, err := Installation(t.Context(), asking(t, apitest.Answers{operatorPath: served("v1"), installationPath: installed("v1", spec)}))
		require.NoError(t, err)
		assert.Equal(t, want, got, spec)
	}
}

func TestInstallationVersions(t *testing.T) {
	t.Parallel()
	forbidden := apitest.Failure(403, "Forbidden", `User "x" cannot get resource "installations"`)
	found := facts.Installation{Name: origin.Cluster("Installation default"), CreatesPools: true}
	problem := func(text string) facts.Installation { return facts.Installation{Name: found.Name, Problem: text} }
	for name, tt := range map[string]struct {
		answers apitest.Answers
		want    facts.Installation
	}{
		"no operator":            {nil, facts.Installation{}},
		"no Installation":        {apitest.Answers{operatorPath: served("v1")}, facts.Installation{}},
		"the preferred version":  {apitest.Answers{operatorPath: served("v2", "v1"), operatorPath + "/v2/installations/default": installed("v2", "{}"), installationPath: installed("v1", `{"calicoNetwork":{"ipPools":[]}}`)}, found},
		"only in the other one":  {apitest.Answers{operatorPath: served("v1beta1", "v1"), installationPath: installed("v1", "{}")}, found},
		"discovery is forbidden": {apitest.Answers{operatorPath: apitest.Failure(403, "Forbidden", "no"), installationPath: installed("v1", "{}")}, found},
		"discovery is malformed": {apitest.Answers{operatorPath: apitest.JSON(200, `{"kind":"APIGroup","apiVersion":"v1","versions":[]}`), installationPath: installed("v1", "{}")}, found},
		"another kind":           {apitest.Answers{operatorPath: served("v1"), installationPath: apitest.JSON(200, `{"kind":"Status"}`)}, problem("the response is not an Installation of operator.tigera.io/v1")},
		"another version":        {apitest.Answers{operatorPath: served("v1"), installationPath: installed("v2", "{}")}, problem("the response is not an Installation of operator.tigera.io/v1")},
		"forbidden": {apitest.Answers{operatorPath: served("v1"), installationPath: forbidden}, problem("Kubernetes https://127.0.0.1:1: reading the Installation of the Tigera operator: permission denied: " +
			`User "x" cannot get resource "installations": add to a ClusterRole the rule - {apiGroups: [operator.tigera.io], resources: [installations], resourceNames: [default], verbs: [get]}`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers := apitest.Answers{"/readyz": apitest.JSON(200, "ok")}
			for path, answer := range tt.answers {
				answers[path] = answer
			}
			got, err := Installation(t.Context(), asking(t, answers))
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

// If the API server is unreachable, the run must not continue as if there were no operator.
func TestInstallationFails(t *testing.T) {
	t.Parallel()
	for _, path := range []string{operatorPath, installationPath} {
		answers := apitest.Answers{operatorPath: served("v1")}
		answers[path] = apitest.Answer{Code: 503}
		got, err := Installation(t.Context(), asking(t, answers))
		require.ErrorIs(t, err, datastore.ErrUnreachable, path)
		assert.Zero(t, got)
	}
}
