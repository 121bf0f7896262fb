package integration

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// TestHelmForeignObjects installs the chart beside objects with the names of its hooks, which
// Helm would delete before it creates the hooks.
func TestHelmForeignObjects(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	n := newNode(t, world)
	world.server.ServiceAccount(t, n.namespace, "default") // of a Pod
	const pools = "pools[0].name=a,pools[0].cidr=10.1.0.0/16,settings.ipv6Support=false"
	const ofOtherChart = "{app.kubernetes.io/instance: pools, app.kubernetes.io/managed-by: Helm, helm.sh/chart: calico-1.0.0}"
	clusterName := n.namespace + ":pools-calico-bootstrap"
	for _, tt := range []struct{ object, name, labels, set string }{
		{"ServiceAccount", "calico-node", "{}", "serviceAccount.name=calico-node"},
		{"ServiceAccount", "pools-calico-bootstrap", ofOtherChart, ""},
		{"ServiceAccount", "pools-calico-bootstrap", "{app.kubernetes.io/instance: other, app.kubernetes.io/managed-by: Helm, helm.sh/chart: calico-bootstrap-0.1.0}", ""},
		{"ServiceAccount", "pools-calico-bootstrap", "{app.kubernetes.io/instance: pools, helm.sh/chart: calico-bootstrap-0.1.0}", ""},
		{"ConfigMap", "pools-calico-bootstrap-pools", "{}", ""},
		{"Job", "pools-calico-bootstrap", "{}", ""},
		{"ClusterRole", clusterName, "{}", ""},
		{"ClusterRoleBinding", clusterName, "{}", ""},
		{"Pod", "pools-calico-bootstrap-test", "{}", ""},
	} {
		foreign, place := foreignObject(n.namespace, tt.object, tt.name, tt.labels)
		world.server.Apply(t, []byte(foreign))
		helm := helmCommand(t, append([]string{"install", "pools", chart, "--namespace", n.namespace, "--timeout", "5s", "--set", pools, "--set", tt.set}, withImage...)...)
		helm.Env = append(helm.Env, "KUBECONFIG="+world.server.Kubeconfig(t))
		out, err := helm.CombinedOutput()
		require.Error(t, err, tt.object)
		assert.Contains(t, string(out), tt.object+" "+place+" exists and does not belong to the chart calico-bootstrap of release pools")
		kubectl(t, world.server, "--namespace", n.namespace, "delete", "--now", tt.object+"/"+tt.name) // fails if it is missing
	}

	out, err := n.install(t, "--set", pools)
	require.NoError(t, err, out)
	out, err = n.install(t, "--set", pools+",nameOverride=calico,fullnameOverride=pools-calico-bootstrap")
	require.NoError(t, err, "its own Job with another label: %s", out)
}

// foreignObject returns the object in YAML, and its namespace and name.
func foreignObject(namespace, kind, name, labels string) (object, place string) {
	const container = "containers: [{name: a, image: a}]"
	more := map[string]string{
		"Job":                ", spec: {template: {spec: {restartPolicy: Never, " + container + "}}}",
		"Pod":                ", spec: {serviceAccountName: default, automountServiceAccountToken: false, " + container + "}",
		"ClusterRoleBinding": ", roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}",
	}[kind]
	version, place := "v1", namespace+"/"+name
	switch kind {
	case "Job":
		version = "batch/v1"
	case "ClusterRole", "ClusterRoleBinding":
		version, namespace, place = "rbac.authorization.k8s.io/v1", "''", name
	}
	return "{apiVersion: " + version + ", kind: " + kind + ", metadata: {name: '" + name + "', namespace: " + namespace + ", labels: " + labels + "}" + more + "}", place
}
