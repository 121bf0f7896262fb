package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/suite"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// clusterOfPools are the pools of a cluster as various tools leave them, with what Calico's
// client, kubectl, the operator and controllers add.
var clusterOfPools = map[string]string{
	"default-ipv4-ippool": `{"metadata":{"name":"default-ipv4-ippool","annotations":{"projectcalico.org/metadata":"{\"uid\":\"47132df4-a8f8-4771-b096-ccd5d2ab0391\",\"creationTimestamp\":\"2024-01-01T00:00:00Z\",\"labels\":{\"zone\":\"a\"}}"}},
		"spec":{"cidr":"10.244.0.0/16","ipipMode":"Always","vxlanMode":"Never","natOutgoing":true,"blockSize":26,"nodeSelector":"all()","allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"}}`,
	"managed": `{"metadata":{"name":"managed","labels":{"app.kubernetes.io/managed-by":"tigera-operator","team":"x"},"finalizers":["example.com/x"],
		"ownerReferences":[{"apiVersion":"operator.tigera.io/v1","kind":"Installation","name":"default","uid":"00000000-0000-4000-8000-000000000001"}]},
		"spec":{"cidr":"10.245.0.0/16","vxlanMode":"CrossSubnet","ipipMode":"Never","natOutgoing":true,"disabled":true,"blockSize":28,"nodeSelector":"has(rack)","allowedUses":["Workload"]}}`,
	"six": `{"metadata":{"name":"six","annotations":{"note":"two\nlines"}},
		"spec":{"cidr":"fd00:10:244::/64","disableBGPExport":true,"blockSize":122,"nodeSelector":"all()","assignmentMode":"Manual"}}`,
}

// exportedTo is another cluster that takes an export.
type exportedTo struct {
	suite.World
	env []string
}

// applyExport applies an export to its own cluster, where nothing changes, and then to
// others, where the pools are the same but for what belongs to a cluster.
func applyExport(t *testing.T, form, export string, own exportedTo, others []exportedTo) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pools.yaml")
	require.NoError(t, os.WriteFile(path, []byte(export), 0o600))
	before := map[string]string{}
	for _, pool := range own.Pools(t) {
		before[pool.Name] = own.Raw(t, pool.Name)
	}
	require.Len(t, before, len(clusterOfPools), form)
	for _, mode := range []string{"fail", "update"} {
		report, r := calledForReport(t, own.env, "apply", "--on-drift="+mode, "--pools-file", path)
		require.Zero(t, r.code, "%s: %s", form, r.stderr)
		for _, pool := range report.Pools {
			if pool.Action != plan.Skipped {
				assert.Equal(t, plan.Unchanged, pool.Action, "%s: %s", form, pool.Name)
				assert.Empty(t, pool.Drift, "%s: %s", form, pool.Name)
			}
		}
	}
	want := map[string]v3.IPPoolSpec{}
	for _, pool := range own.Pools(t) {
		assert.Equal(t, before[pool.Name], own.Raw(t, pool.Name), form)
		ippool.Default(&pool)
		want[pool.Name] = pool.Spec
	}
	for _, other := range others {
		for _, pool := range other.Pools(t) {
			other.Delete(t, pool.Name)
		}
		r := call(t, other.env, "apply", "--pools-file", path)
		require.Zero(t, r.code, "%s: %s", form, r.stderr)
		assert.Contains(t, r.stderr, "fields that only a server sets are ignored", form)
		got := map[string]v3.IPPoolSpec{}
		for _, pool := range other.Pools(t) {
			got[pool.Name] = pool.Spec
			assert.Empty(t, pool.OwnerReferences, form)
			assert.Empty(t, pool.Finalizers, form)
			switch pool.Name {
			case "managed":
				assert.Equal(t, map[string]string{"team": "x"}, pool.Labels, "%s: nothing manages it there", form)
			case "six":
				assert.Equal(t, map[string]string{"note": "two\nlines"}, pool.Annotations, form)
			default:
				assert.Equal(t, map[string]string{"zone": "a"}, pool.Labels, form)
				assert.Empty(t, pool.Annotations, form)
			}
		}
		assert.Equal(t, want, got, form)
	}
}

// TestExportsOfKubectl exports the pools of a whole cluster with kubectl, in each group, and
// applies them to it, to the other group of an API server and to etcd.
func TestExportsOfKubectl(t *testing.T) {
	t.Parallel()
	etcd := newEtcdWorld(t)
	toEtcd := exportedTo{etcd, []string{"ETCD_ENDPOINTS=" + etcd.server.Endpoints()[0]}}
	for name, newWorld := range map[string]func(*testing.T, schema.GroupVersion) *kubernetesWorld{"our CRDs": newKubernetesWorld, "Calico's CRDs": newCalicoWorld} {
		t.Run(name, func(t *testing.T) {
			first := newWorld(t, ippool.CRDV1)
			second := &kubernetesWorld{server: first.server, group: v3.SchemeGroupVersion, config: first.config}
			first.server.InstallCRDs(t, second.group)
			world := func(w *kubernetesWorld) exportedTo {
				return exportedTo{w, []string{"KUBECONFIG=" + w.server.Kubeconfig(t), "CALICO_API_GROUP=" + w.group.String()}}
			}
			for _, pair := range [][]*kubernetesWorld{{first, second}, {second, first}} {
				own, other := pair[0], pair[1]
				own.empty(t)
				for name, pool := range clusterOfPools {
					own.WriteRaw(t, name, `{"apiVersion":"`+own.group.String()+`","kind":"IPPool",`+pool[1:])
				}
				resource := "ippools." + own.group.Group
				kubectl(t, own.server, "get", resource, "six", "-o", "name")
				annotated := filepath.Join(t.TempDir(), "six.yaml")
				require.NoError(t, os.WriteFile(annotated, []byte(kubectl(t, own.server, "get", resource, "six", "-o", "yaml")), 0o600))
				kubectl(t, own.server, "apply", "-f", annotated) // adds the last-applied annotation
				for form, args := range map[string][]string{
					"yaml": {"-o", "yaml"}, "json": {"-o", "json"}, "managed fields": {"-o", "yaml", "--show-managed-fields"},
				} {
					export := kubectl(t, own.server, append([]string{"get", resource}, args...)...)
					assert.Contains(t, export, "last-applied-configuration")
					assert.Equal(t, form == "managed fields", strings.Contains(export, "managedFields"))
					applyExport(t, own.group.String()+" "+form, export, world(own), []exportedTo{world(other), toEtcd})
				}
				own.empty(t)
				other.empty(t)
			}
		})
	}
}

// TestExportsOfCalicoctl does the same with what "calicoctl get ippool -o yaml" prints from
// etcd.
func TestExportsOfCalicoctl(t *testing.T) {
	t.Parallel()
	etcd, another, world := newEtcdWorld(t), newEtcdWorld(t), newKubernetesWorld(t, ippool.CRDV1)
	list := map[string]any{"apiVersion": "projectcalico.org/v3", "kind": "IPPoolList", "metadata": map[string]any{"resourceVersion": "1234"}}
	var items []any
	for name, pool := range clusterOfPools {
		pool = strings.Replace(pool, `"annotations":{"projectcalico.org/metadata":"{\"uid\":\"47132df4-a8f8-4771-b096-ccd5d2ab0391\",\"creationTimestamp\":\"2024-01-01T00:00:00Z\",\"labels\":{\"zone\":\"a\"}}"}`, `"labels":{"zone":"a"}`, 1)
		pool = strings.Replace(pool, `"metadata":{`, `"metadata":{"uid":"47132df4-a8f8-4771-b096-ccd5d2ab0391","creationTimestamp":"2024-01-01T00:00:00Z",`, 1)
		etcd.WriteRaw(t, name, `{"kind":"IPPool","apiVersion":"projectcalico.org/v3",`+pool[1:])
		item := map[string]any{}
		require.NoError(t, json.Unmarshal([]byte(etcd.Raw(t, name)), &item))
		item["metadata"].(map[string]any)["resourceVersion"] = "1230"
		items = append(items, item)
	}
	list["items"] = items
	export, err := yaml.Marshal(list)
	require.NoError(t, err)
	to := func(w *etcdWorld) exportedTo {
		return exportedTo{w, []string{"ETCD_ENDPOINTS=" + w.server.Endpoints()[0]}}
	}
	applyExport(t, "calicoctl", string(export), to(etcd), []exportedTo{to(another), {world, []string{"KUBECONFIG=" + world.server.Kubeconfig(t)}}})
}
