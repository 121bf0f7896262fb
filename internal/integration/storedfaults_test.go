package integration

import (
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/suite"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// storedRecord returns the record of a pool with the spec.
func storedRecord(name, spec string) string {
	return `{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"` + name + `"},"spec":{` + spec + `}}`
}

// TestInvalidStoredRecords has stored pools with invalid and ignored fields: plan warns of
// each field of every pool, apply of those of the pool that its plan names. With strict
// settings, too, both exit with 0 and write nothing.
func TestInvalidStoredRecords(t *testing.T) {
	t.Parallel()
	const selector = `existing IPPool "default-ipv4-ippool": spec.nodeSelector: Invalid value: "rack = 1": `
	check := func(world suite.World, env string, records map[string]string, warnings []string) {
		t.Helper()
		for name, spec := range records {
			world.WriteRaw(t, name, storedRecord(name, spec))
		}
		before := map[string]string{}
		for name := range records {
			before[name] = world.Raw(t, name)
		}
		contained := func(warned, want []string) {
			t.Helper()
			text := strings.Join(warned, "\n")
			for _, line := range want {
				assert.Contains(t, text, line)
			}
			assert.Equal(t, len(want), strings.Count(text, "existing IPPool"), text)
		}
		settings := append([]string{env, "CALICO_IPPOOLS_STRICT=true", "CALICO_IPV6POOL_CIDR=none"}, preflightOn...)
		settings = append(settings, "CALICO_IPPOOLS_PREFLIGHT=strict")
		report, r := calledForReport(t, settings, "plan")
		assert.Zero(t, r.code, r.stderr)
		contained(report.Warnings, append([]string{selector}, warnings...))
		assert.Equal(t, plan.Unchanged, report.Pools[0].Action)
		assert.Contains(t, call(t, settings, "plan").stdout, "Warning: "+selector)

		report, r = calledForReport(t, settings, "apply")
		assert.Zero(t, r.code, r.stderr)
		contained(report.Warnings, []string{selector})
		assert.Contains(t, r.stderr, "nodeSelector")
		for name, raw := range before {
			assert.Equal(t, raw, world.Raw(t, name), "nothing is written")
		}
	}
	const valid = `"cidr":"10.244.0.0/16","natOutgoing":true,"nodeSelector":"rack = 1"`
	records := map[string]string{
		"default-ipv4-ippool": valid,
		"mode":                `"cidr":"10.1.0.0/16","ipipMode":"Off"`,
		"v1":                  `"cidr":"10.2.0.0/16","ipip":{"enabled":true},"nat-outgoing":true`,
		"blocks":              `"cidr":"10.3.0.0/16","blockSize":33`,
		"bits":                `"cidr":"10.4.5.6/16"`,
		"unknown":             `"cidr":"10.5.0.0/16","natoutgoingg":true`,
	}
	warnings := []string{
		`existing IPPool "mode": spec.ipipMode: Unsupported value: "Off": supported values: "Never", "Always", "CrossSubnet"; correct the stored pool`,
		`existing IPPool "v1": spec.ipip: Forbidden: a field of Calico's v1 API, which Calico v3 ignores; set ipipMode; correct the stored pool`,
		`existing IPPool "v1": spec.nat-outgoing: Forbidden: a field of Calico's v1 API, which Calico v3 ignores; set natOutgoing; correct the stored pool`,
		`existing IPPool "blocks": spec.blockSize: Invalid value: 33: must be between 20 and 32 for IPv4; not updatable in place; migrate to another pool, and delete this one`,
		`existing IPPool "bits": spec.cidr: Invalid value: "10.4.5.6/16": has host bits: the range is 10.4.0.0/16; not updatable in place; migrate to another pool, and delete this one`,
		`existing IPPool "unknown": spec.natoutgoingg: Forbidden: unknown field, which Calico ignores unless a newer version has it; correct the stored pool`,
	}
	etcd := newEtcdWorld(t)
	check(etcd, "ETCD_ENDPOINTS="+etcd.server.Endpoints()[0], records, warnings)

	// An API server with CRDs without validation accepts everything, too.
	kubernetes := newKubernetesWorld(t, ippool.CRDV1)
	kubeconfig := "KUBECONFIG=" + kubernetes.server.Kubeconfig(t)
	check(kubernetes, kubeconfig, records, warnings)

	// Calico's own CRDs of today don't validate selectors.
	check(newCalicoWorld(t, ippool.CRDV1), kubeconfig, map[string]string{"default-ipv4-ippool": valid}, nil)
	check(newCalicoWorld(t, v3.SchemeGroupVersion), kubeconfig, map[string]string{"default-ipv4-ippool": valid}, nil)
}
