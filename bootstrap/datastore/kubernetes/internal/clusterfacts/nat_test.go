package clusterfacts

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/apitest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

const (
	felixPath   = "/apis/crd.projectcalico.org/v1/felixconfigurations"
	bgpPath     = "/apis/crd.projectcalico.org/v1/bgpconfigurations"
	versionPath = "/apis/crd.projectcalico.org/v1/clusterinformations/default"
)

func felixList(items string) apitest.Answer {
	return apitest.JSON(200, `{"kind":"FelixConfigurationList","apiVersion":"crd.projectcalico.org/v1","items":[`+items+`]}`)
}

func bgpList(items string) apitest.Answer {
	return apitest.JSON(200, `{"kind":"BGPConfigurationList","apiVersion":"crd.projectcalico.org/v1","items":[`+items+`]}`)
}

func TestNAT(t *testing.T) {
	t.Parallel()
	read, err := NAT(t.Context(), asking(t, apitest.Answers{
		felixPath:        felixList(`{"metadata":{"name":"default"},"spec":{"natOutgoingAddress":"192.0.2.1","natPortRange":7}},{"metadata":{"name":"node.n1"},"spec":{"externalNodesList":["192.0.2.0/24"]}}`),
		nodesPath:        apitest.JSON(200, `{"kind":"NodeList","apiVersion":"v1","items":[{"metadata":{"name":"n1"},"status":{"addresses":[{"type":"InternalIP","address":"172.16.0.1"}]}}]}`),
		versionPath:      apitest.JSON(200, `{"kind":"ClusterInformation","apiVersion":"crd.projectcalico.org/v1","metadata":{"name":"default"},"spec":{"calicoVersion":"v3.31.6"}}`),
		bgpPath:          bgpList(`{"metadata":{"name":"node.n1"},"spec":{"serviceExternalIPs":[{"cidr":"198.51.100.0/24"}]}},{"metadata":{"name":"default"},"spec":{"serviceClusterIPs":[{"cidr":"10.112.0.0/12"}],"serviceLoadBalancerIPs":[{"cidr":"192.0.2.0/24"}]}}`),
		serviceCIDRsPath: apitest.JSON(200, `{"kind":"ServiceCIDRList","apiVersion":"networking.k8s.io/v1","items":[{"metadata":{"name":"kubernetes"},"spec":{"cidrs":["10.96.0.0/12"]}}]}`),
	}), ippool.CRDV1)
	require.NoError(t, err)
	assert.Empty(t, read.Problems)
	require.Len(t, read.FelixConfigurations, 2)
	assert.Equal(t, "192.0.2.1", read.FelixConfigurations[0].Spec.NATOutgoingAddress)
	assert.Equal(t, []nat.Node{{Name: "n1", HostIPs: []string{"172.16.0.1"}}}, read.Nodes)
	assert.Equal(t, "v3.31.6", read.Version)
	require.Len(t, read.ServiceCIDRs, 2)
	assert.Equal(t, "10.96.0.0/12", read.ServiceCIDRs[0].Prefix.String())
	assert.Equal(t, "10.112.0.0/12", read.ServiceCIDRs[1].Prefix.String())
	require.Len(t, read.ServiceIPs, 1, "only those of default are used")
	assert.Equal(t, "192.0.2.0/24", read.ServiceIPs[0].Prefix.String())
}

// What is absent, forbidden or malformed is a problem with what is assumed instead.
func TestNATProblems(t *testing.T) {
	t.Parallel()
	forbidden := apitest.Failure(403, "Forbidden", "no")
	var many []string
	for i := range maxNATProblems + 5 {
		many = append(many, fmt.Sprintf(`{"metadata":{"name":"node.%d"},"spec":5}`, i))
	}
	for name, tt := range map[string]struct {
		answers apitest.Answers
		want    []string
	}{
		"nothing": {apitest.Answers{}, []string{
			"the API server has no felixconfigurations: Felix's defaults are assumed", "the API server has no nodes: no address is known to be a node's",
			"no ClusterInformation default exists: the newest version of Calico is assumed", "no address is known to be a Service's: no Service CIDR is known (",
			"the API server has no bgpconfigurations: no range of Services that BGP advertises is known",
		}},
		"no rights": {apitest.Answers{felixPath: forbidden, bgpPath: forbidden, nodesPath: forbidden, versionPath: forbidden, serviceCIDRsPath: forbidden, kubeadmPath: forbidden, openShiftPath: forbidden}, []string{
			"Felix's defaults are assumed: Kubernetes https://127.0.0.1:1: reading FelixConfigurations: permission denied", "resources: [felixconfigurations], verbs: [list]",
			"no address is known to be a node's: ", "resources: [nodes]", "no range of Services that BGP advertises is known: ", "resources: [bgpconfigurations], verbs: [list]", "the newest version of Calico is assumed: ", "resources: [clusterinformations], resourceNames: [default], verbs: [get]", "no Service CIDR from",
		}},
		"malformed objects": {apitest.Answers{
			felixPath:   felixList(`{"metadata":{"name":"default"},"spec":{"bpfEnabled":"hunter2"}}`),
			bgpPath:     bgpList(`{"metadata":{"name":"default"},"spec":{"serviceExternalIPs":"hunter2"}}`),
			nodesPath:   apitest.JSON(200, `{"kind":"NodeList","apiVersion":"v1","items":[{"metadata":{"name":"n1"},"status":{"addresses":7}}]}`),
			versionPath: apitest.JSON(200, `{"kind":"ClusterInformation","apiVersion":"crd.projectcalico.org/v1","spec":{"calicoVersion":5}}`),
		}, []string{"FelixConfiguration default is ignored: ", "Node n1 is ignored: ", "BGPConfiguration default is ignored: ", "ClusterInformation default is ignored: "}},
		"another kind": {apitest.Answers{felixPath: noServices, versionPath: noServices}, []string{
			"Felix's defaults are assumed: ", "the newest version of Calico is assumed: the response is not a ClusterInformation of crd.projectcalico.org/v1",
		}},
		"Enterprise": {apitest.Answers{versionPath: apitest.JSON(200, `{"kind":"ClusterInformation","apiVersion":"crd.projectcalico.org/v1","spec":{"cnxVersion":"v3.20.0"}}`)}, []string{"Calico Enterprise"}},
		"many":       {apitest.Answers{felixPath: felixList(strings.Join(many, ","))}, []string{"5 more FelixConfigurations are ignored"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			read, err := NAT(t.Context(), asking(t, tt.answers), ippool.CRDV1)
			require.NoError(t, err)
			all := strings.Join(read.Problems, "\n")
			for _, want := range tt.want {
				assert.Contains(t, all, want)
			}
			assert.NotContains(t, all, "hunter2")
			assert.Empty(t, read.Version)
		})
	}
}

const noServicesBody = `{"kind":"ServiceList","apiVersion":"v1","items":[]}`

var noServices = apitest.JSON(200, noServicesBody)

// Failures of the connection, of the credentials and endless responses are errors.
func TestNATErrors(t *testing.T) {
	t.Parallel()
	for _, path := range []string{felixPath, nodesPath, versionPath, serviceCIDRsPath, bgpPath} {
		_, err := NAT(t.Context(), asking(t, apitest.Answers{path: apitest.Failure(401, "Unauthorized", "no")}), ippool.CRDV1)
		require.ErrorIs(t, err, datastore.ErrUnauthorized, path)
		_, err = NAT(t.Context(), asking(t, apitest.Answers{path: apitest.Failure(503, "ServiceUnavailable", "no")}), ippool.CRDV1)
		require.ErrorIs(t, err, datastore.ErrUnreachable, path)
	}
	_, _, err := FelixConfigurations(t.Context(), asking(t, apitest.Answers{felixPath: felixList(`{"metadata":{"name":"` + strings.Repeat("x", 4<<20) + `"}}`)}), ippool.CRDV1)
	require.ErrorContains(t, err, "has an item or a field larger than")
}
