package integration

import (
	"fmt"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// updateRule is a rule about an update of a stored pool.
type updateRule struct {
	rule            string
	stored, updated spec
	faults          []string // the fields of ValidateUpdate's errors
	server          string   // a part of the API server's message; empty: it accepts the update
	stricter        string   // why ValidateUpdate refuses what the API server accepts
}

const (
	bothPresent = "the CRD compares block sizes only if both are set, but blocks have the default size otherwise"
	noSuchRule  = "no CRD has this rule; Services would keep addresses of a pool that is no longer for them"
)

func updateRules() []updateRule {
	lb, manual := uses("LoadBalancer"), v3.Manual
	return []updateRule{
		{"nothing", spec{CIDR: four}, spec{CIDR: four}, nil, "", ""},
		{"all updatable fields", spec{CIDR: four, VXLANMode: "Always", AllowedUses: uses("Tunnel")},
			spec{CIDR: four, IPIPMode: "Always", NATOutgoing: true, Disabled: true, DisableBGPExport: true, NodeSelector: "has(rack)",
				NamespaceSelector: "has(team)", AllowedUses: uses("Workload"), AssignmentMode: &manual}, nil, "", ""},

		{"CIDR", spec{CIDR: four}, spec{CIDR: "10.1.0.0/16"}, []string{"spec.cidr"}, "CIDR cannot be changed", ""},
		{"wider CIDR", spec{CIDR: four}, spec{CIDR: "10.0.0.0/15"}, []string{"spec.cidr"}, "CIDR cannot be changed", ""},
		{"CIDR in another spelling", spec{CIDR: "FD00::/64"}, spec{CIDR: "fd00::/64"}, []string{"spec.cidr"}, "CIDR cannot be changed", ""},
		{"CIDR of the other family", spec{CIDR: four}, spec{CIDR: six}, []string{"spec.cidr"}, "CIDR cannot be changed", ""},
		{"no CIDR", spec{CIDR: four}, spec{}, []string{"spec.cidr", "spec.cidr"}, "must be of type cidr", ""},

		{"block size", spec{CIDR: four, BlockSize: 26}, spec{CIDR: four, BlockSize: 28}, []string{"spec.blockSize"}, "Block size cannot be changed", ""},
		{"block size of a disabled pool", spec{CIDR: four, BlockSize: 26, Disabled: true}, spec{CIDR: four, BlockSize: 28, Disabled: true},
			[]string{"spec.blockSize"}, "Block size cannot be changed", ""},
		{"default block size set", spec{CIDR: four}, spec{CIDR: four, BlockSize: 26}, nil, "", ""},
		{"default block size unset", spec{CIDR: six, BlockSize: 122}, spec{CIDR: six}, nil, "", ""},
		{"another block size set", spec{CIDR: four}, spec{CIDR: four, BlockSize: 28}, []string{"spec.blockSize"}, "", bothPresent},
		{"another block size unset", spec{CIDR: six, BlockSize: 120}, spec{CIDR: six}, []string{"spec.blockSize"}, "", bothPresent},

		{"load balancers unchanged", spec{CIDR: four, AllowedUses: lb}, spec{CIDR: four, AllowedUses: lb, Disabled: true}, nil, "", ""},
		{"workloads to load balancers", spec{CIDR: four, AllowedUses: uses("Workload")}, spec{CIDR: four, AllowedUses: lb}, nil, "", ""},
		{"load balancers to workloads", spec{CIDR: four, AllowedUses: lb}, spec{CIDR: four, AllowedUses: uses("Workload")},
			[]string{"spec.allowedUses"}, "", noSuchRule},
		{"load balancers to the default", spec{CIDR: four, AllowedUses: lb}, spec{CIDR: four}, []string{"spec.allowedUses"}, "", noSuchRule},
		{"load balancers and more", spec{CIDR: four, AllowedUses: lb}, spec{CIDR: four, AllowedUses: uses("LoadBalancer", "Tunnel")},
			[]string{"spec.allowedUses", "spec.allowedUses"}, "cannot be combined", ""},

		{"an invalid pool", spec{CIDR: six}, spec{CIDR: six, IPIPMode: "Always"}, []string{"spec.ipipMode"}, "IPIP is not supported on IPv6", ""},
	}
}

func rulesOfUpdates(t *testing.T, world *kubernetesWorld) {
	for i, rule := range updateRules() {
		t.Run(rule.rule, func(t *testing.T) {
			name := fmt.Sprintf("pool-%d", i)
			stored, updated := poolOf(name, rule.stored), poolOf(name, rule.updated)
			require.Empty(t, ippool.Validate(stored))
			created, err := world.resource("ippools").Create(t.Context(), world.object(t, stored), metav1.CreateOptions{})
			require.NoError(t, err)

			var paths []string
			for _, fault := range ippool.ValidateUpdate(updated, stored) {
				paths = append(paths, fault.Field)
			}
			assert.Equal(t, rule.faults, paths)
			answer := world.dryUpdate(t, created, updated)
			if rule.faults == nil {
				assert.Empty(t, answer.reasons)
				return
			}
			answer.assertMessage(t, rule.server, rule.stricter)
		})
	}
}

// explicitBlockSizeZero checks the only update that the API server refuses and
// ValidateUpdate accepts: from an explicit zero, which the Go type can't distinguish
// from an unset field, to the default that it means.
func explicitBlockSizeZero(t *testing.T, world *kubernetesWorld) {
	object := world.object(t, poolOf("zero", spec{CIDR: four}))
	require.NoError(t, unstructured.SetNestedField(object.Object, int64(0), "spec", "blockSize"))
	created, err := world.resource("ippools").Create(t.Context(), object, metav1.CreateOptions{})
	require.NoError(t, err)
	stored := world.Pools(t)
	require.Len(t, stored, 1)
	require.Zero(t, stored[0].Spec.BlockSize)

	set := poolOf("zero", spec{CIDR: four, BlockSize: ippool.DefaultBlockSizeIPv4})
	assert.Empty(t, ippool.ValidateUpdate(set, &stored[0]))
	world.dryUpdate(t, created, set).assertMessage(t, "Block size cannot be changed", "")

	unset := poolOf("zero", spec{CIDR: four, NATOutgoing: true})
	assert.Empty(t, ippool.ValidateUpdate(unset, &stored[0]))
	assert.Empty(t, world.dryUpdate(t, created, unset).reasons)
}

// dryUpdate returns the API server's answer to a dry-run update of the object.
func (w *kubernetesWorld) dryUpdate(t *testing.T, stored *unstructured.Unstructured, pool *v3.IPPool) answer {
	t.Helper()
	object := w.object(t, pool)
	object.SetResourceVersion(stored.GetResourceVersion())
	answer := answerOf(w.resource("ippools").Update(t.Context(), object, strictlyUpdate))
	require.NoError(t, answer.err)
	return answer
}
