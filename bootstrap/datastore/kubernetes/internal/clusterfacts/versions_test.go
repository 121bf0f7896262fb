package clusterfacts

import (
	"fmt"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/apitest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

var bothGroups = []schema.GroupVersion{ippool.CRDV1, v3.SchemeGroupVersion}

func resourceList(names ...string) apitest.Answer {
	var resources []string
	for _, name := range names {
		resources = append(resources, fmt.Sprintf(`{"name":%q}`, name))
	}
	return apitest.JSON(200, `{"kind":"APIResourceList","apiVersion":"v1","resources":[`+strings.Join(resources, ",")+`]}`)
}

func TestVersions(t *testing.T) {
	t.Parallel()
	const v1Path, v3Path = "/apis/crd.projectcalico.org/v1", "/apis/projectcalico.org/v3"
	server := apitest.JSON(200, `{"gitVersion":"v1.37.2"}`)
	calico := apitest.JSON(200, `{"kind":"ClusterInformation","apiVersion":"projectcalico.org/v3","metadata":{"name":"default"},"spec":{"calicoVersion":"v3.32.1"}}`)
	forbidden := apitest.Failure(403, "Forbidden", "no")
	for name, tt := range map[string]struct {
		answers apitest.Answers
		inUse   schema.GroupVersion
		want    facts.Versions
	}{
		"everything": {
			apitest.Answers{"/version": server, v1Path: resourceList("ippools", "ippools/status"), v3Path: resourceList("clusterinformations", "ippools"), v3Path + "/clusterinformations/default": calico},
			v3.SchemeGroupVersion,
			facts.Versions{
				Server: "v1.37.2", Group: "projectcalico.org/v3", Calico: "v3.32.1",
				Served: []string{"ippools.crd.projectcalico.org/v1", "clusterinformations.projectcalico.org/v3", "ippools.projectcalico.org/v3"},
			},
		},
		"the pools could not be read": {
			apitest.Answers{"/version": server, v3Path: resourceList("ippools"), v3Path + "/clusterinformations/default": calico},
			schema.GroupVersion{},
			facts.Versions{Server: "v1.37.2", Calico: "v3.32.1", Served: []string{"ippools.projectcalico.org/v3"}},
		},
		"no Calico": {
			apitest.Answers{"/version": server}, schema.GroupVersion{},
			facts.Versions{Server: "v1.37.2", Problems: []string{"the API server has no resources of Calico: the version of Calico is unknown"}},
		},
		"forbidden": {
			apitest.Answers{"/version": forbidden, v1Path: forbidden, v3Path: forbidden, "/readyz": apitest.JSON(200, "ok")}, schema.GroupVersion{},
			facts.Versions{Problems: []string{
				"the version of the API server could not be read: permission denied",
				"the resources of crd.projectcalico.org/v1 could not be read: permission denied",
				"the resources of projectcalico.org/v3 could not be read: permission denied",
				"the API server has no resources of Calico: the version of Calico is unknown",
			}},
		},
		"something else": {
			apitest.Answers{"/version": apitest.JSON(200, `[]`), v1Path: apitest.JSON(200, `{"kind":"Status"}`), v3Path: apitest.JSON(200, `{"kind":"APIResourceList","apiVersion":"v1","resources":5}`)}, schema.GroupVersion{},
			facts.Versions{Problems: []string{
				"the version of the API server could not be read: the response is not the version of an API server",
				"the resources of crd.projectcalico.org/v1 could not be read: the response is not a list of the resources of crd.projectcalico.org/v1",
				"the resources of projectcalico.org/v3 could not be read: the response is not a list of the resources of projectcalico.org/v3",
				"the API server has no resources of Calico: the version of Calico is unknown",
			}},
		},
	} {
		assert.Equal(t, tt.want, Versions(t.Context(), asking(t, tt.answers), bothGroups, tt.inUse), name)
	}
}

// An API server that is overloaded gets no further request. One with many resources is
// listed up to a limit.
func TestVersionsAreBounded(t *testing.T) {
	t.Parallel()
	busy := Versions(t.Context(), asking(t, apitest.Answers{"/version": apitest.Failure(503, "ServiceUnavailable", "busy")}), bothGroups, ippool.CRDV1)
	assert.Len(t, busy.Problems, 1)
	assert.Contains(t, busy.Problems[0], "datastore unreachable")

	var names []string
	for i := range 2 * maxServed {
		names = append(names, fmt.Sprint("r", i))
	}
	many := Versions(t.Context(), asking(t, apitest.Answers{"/apis/crd.projectcalico.org/v1": resourceList(names...), "/apis/projectcalico.org/v3": resourceList(names...)}), bothGroups, ippool.CRDV1)
	assert.Len(t, many.Served, maxServed)
}
