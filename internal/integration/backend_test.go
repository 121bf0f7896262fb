package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
)

// aboutBackend returns a line for each finding about the networking backend.
func aboutBackend(report bootstrap.Report) []string {
	lines := []string{}
	for _, finding := range report.Findings {
		if slices.Contains([]preflight.FindingCode{preflight.NoRoutesWithoutBIRD, preflight.BIRDNotNeeded, preflight.EncapsulationPolicyOnly}, finding.Code) {
			lines = append(lines, fmt.Sprintf("%s %s", finding.Code, finding.Pool))
		}
	}
	return lines
}

// TestNetworkingBackend runs the program in the environment of calico-node, on etcd and on
// the Kubernetes API: it reports pools whose encapsulation does not fit the backend, before
// and after they exist, and nothing else depends on the variable.
func TestNetworkingBackend(t *testing.T) {
	t.Parallel()
	etcd, kubernetes := newEtcdWorld(t), newSteadyWorld(t)
	const four, six = " default-ipv4-ippool", " default-ipv6-ippool"
	for _, tt := range []struct {
		env  string
		want []string
	}{
		{"CALICO_NETWORKING_BACKEND=vxlan", []string{"NoRoutesWithoutBIRD" + four, "NoRoutesWithoutBIRD" + six}},
		{"CALICO_NETWORKING_BACKEND=vxlan CALICO_IPV4POOL_VXLAN=Always", []string{"NoRoutesWithoutBIRD" + six}},
		{"CALICO_NETWORKING_BACKEND=vxlan CALICO_IPV4POOL_VXLAN=CrossSubnet FELIX_IPV6SUPPORT=false", []string{}},
		{"CALICO_NETWORKING_BACKEND=bird CALICO_IPV4POOL_IPIP=Always", []string{}},
		{"CALICO_NETWORKING_BACKEND=bird CALICO_IPV4POOL_VXLAN=Always", []string{"BIRDNotNeeded" + four}},
		{"CALICO_NETWORKING_BACKEND=none", []string{}},
		{"CALICO_NETWORKING_BACKEND=none CALICO_IPV4POOL_IPIP=Always CALICO_IPV6POOL_VXLAN=Always", []string{"EncapsulationPolicyOnly" + four, "EncapsulationPolicyOnly" + six}},
		{"CALICO_IPV4POOL_VXLAN=Always", []string{}},
	} {
		for datastore, connection := range map[string]string{
			"etcd": "ETCD_ENDPOINTS=" + etcd.server.Endpoints()[0], "kubernetes": "KUBECONFIG=" + kubernetes.server.Kubeconfig(t),
		} {
			name := datastore + ": " + tt.env
			etcd.empty(t)
			kubernetes.empty(t)
			env := slices.Concat(preflightOn, strings.Fields(tt.env), []string{connection, "CALICO_IPV4POOL_CIDR=10.244.0.0/16"})
			if !strings.Contains(tt.env, "FELIX") {
				env = append(env, "CALICO_IPV6POOL_CIDR=fd00:10:244::/64", "CALICO_IPV6POOL_NAT_OUTGOING=true")
			}
			for _, verb := range []string{"plan", "apply", "plan"} {
				report, r := calledForReport(t, env, verb)
				assert.Zero(t, r.code, "%s: %s", name, r.stderr)
				assert.Equal(t, tt.want, aboutBackend(report), "%s: %s", name, verb)
				assert.Empty(t, report.Warnings, "%s: %s", name, verb)
			}
		}
	}

	// An unknown value is a warning, and an error with --strict.
	etcd.empty(t)
	env := slices.Concat(preflightOn, []string{"ETCD_ENDPOINTS=" + etcd.server.Endpoints()[0], "CALICO_NETWORKING_BACKEND=VXLAN", "FELIX_IPV6SUPPORT=false"})
	const unknown = `env CALICO_NETWORKING_BACKEND: "VXLAN": unknown networking backend, for which calico-node runs BIRD; must be one of bird, vxlan, none, in lower case`
	r := call(t, env, "--strict")
	assert.Equal(t, 2, r.code)
	assert.Contains(t, r.stderr, "error: "+unknown+" (an error because of flag --strict)\n")
	report, r := calledForReport(t, env, "apply")
	assert.Zero(t, r.code, r.stderr)
	assert.Equal(t, []string{unknown}, report.Warnings)
}
