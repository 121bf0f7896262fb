package integration

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/suite"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// refusalsReachTheUser commits pools that no planner would: what the API server
// has against them stands in the error, each reason on a line of its own, with
// the path that the server gives. For CEL rules that is all of the spec.
func refusalsReachTheUser(t *testing.T, world *kubernetesWorld) {
	manually := v3.AssignmentMode("manual")
	for _, test := range []struct {
		name  string
		wrong spec
		want  []reason
	}{
		{"one rule", spec{CIDR: "10.0.0.1/16"}, []reason{{"spec", "IPPool CIDR must be strictly masked"}}},
		{
			"several rules", spec{CIDR: "fe80::1/64", IPIPMode: "Always", VXLANMode: "Always", BlockSize: 26, AllowedUses: uses("Tunnel"), NamespaceSelector: "global()"},
			[]reason{
				{"spec", "ipipMode and vxlanMode cannot both be enabled"},
				{"spec", "IPIP is not supported on IPv6 pools"},
				{"spec", "IP Pool with AllowedUse Tunnel cannot have namespaceSelector"},
				{"spec", "global() selector is not valid for IPPool namespaceSelector"},
				{"spec", "IPPool CIDR must be strictly masked"},
				{"spec", "IPPool CIDR overlaps with IPv6 link local range fe80::/10"},
				{"spec", "blockSize must be between 20 and 32 for IPv4 pools, and between 116 and 128 for IPv6 pools"},
				{"spec", "IP pool size is too small for use with Calico IPAM."},
			},
		},
		{"one field", spec{CIDR: "pods"}, []reason{{"spec.cidr", `"pods"`}}},
		{
			"several fields", spec{CIDR: "10.0.0.0/33", IPIPMode: "always", VXLANMode: "off", AllowedUses: uses("Tunnel", "Pods", "Tunnel"), AssignmentMode: &manually},
			[]reason{
				{"spec.cidr", `"10.0.0.0/33"`},
				{"spec.ipipMode", `"always": supported values: "Never", "Always", "CrossSubnet"`},
				{"spec.vxlanMode", `"off": supported values`},
				{"spec.allowedUses[1]", `"Pods": supported values`},
				{"spec.allowedUses[2]", `Duplicate value: "Tunnel"`},
				{"spec.assignmentMode", `"manual": supported values`},
			},
		},
		{"what plays tricks on a terminal", spec{CIDR: "10.0.0.0/16\n\x1b[31mred"}, []reason{{"spec.cidr", `"10.0.0.0/16\n\x1b[31mred"`}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			world.empty(t)
			before, wrong, after := poolOf("before", spec{CIDR: "10.1.0.0/16"}), poolOf("wrong", test.wrong), poolOf("after", spec{CIDR: "10.2.0.0/16"})
			require.NotEmpty(t, ippool.Validate(wrong))
			store := world.Open(t)
			snapshot, err := store.Snapshot(t.Context())
			require.NoError(t, err)

			err = store.Commit(t.Context(), snapshot, changesOf(before, wrong, after))
			require.ErrorIs(t, err, bootstrap.ErrRefused)
			require.NotErrorIs(t, err, bootstrap.ErrConflict)
			var refused *bootstrap.DatastoreError
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, `creating IPPool "wrong"`, refused.Doing)
			assertReasons(t, test.want, err.Error(), refused.Place+`: creating IPPool "wrong": refused by the API server: `)

			// What was created before stays, and the user is told; what comes
			// after is not created.
			assert.Contains(t, err.Error(), `IPPool "before" was created nevertheless`)
			stored := world.Pools(t)
			require.Len(t, stored, 1)
			assert.Equal(t, "before", stored[0].Name)
			assert.NotEmpty(t, before.UID)
			assert.Empty(t, wrong.UID)
			assert.Empty(t, after.UID)
		})
	}
}

// reason is a line of an error: a path, and a piece of what follows it. The
// rest is worded otherwise by every Kubernetes.
type reason struct{ path, piece string }

// assertReasons wants a line for each reason and no other reason.
func assertReasons(t *testing.T, want []reason, text, common string) {
	t.Helper()
	var reasons []string
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasSuffix(line, "was created nevertheless, and stays") {
			continue // no reasons
		}
		require.True(t, strings.HasPrefix(line, common), "%q", line)
		reasons = append(reasons, strings.TrimPrefix(line, common))
	}
	assert.Len(t, reasons, len(want), "%q", reasons)
	for _, want := range want {
		assert.True(t, slices.ContainsFunc(reasons, func(line string) bool {
			return strings.HasPrefix(line, want.path+": ") && strings.Contains(line, want.piece)
		}), "no line for %q in %q", want, reasons)
	}
}

// storedAsSent holds what is stored to what Render shows: Default leaves
// nothing for the API server to add, and sends nothing that it would drop.
func storedAsSent(t *testing.T, world *kubernetesWorld) {
	both := func(set func(family *bootstrap.PoolSettings, cidr string)) bootstrap.Settings {
		var settings bootstrap.Settings
		set(&settings.IPv4.PoolSettings, "10.244.0.0/16")
		set(&settings.IPv6.PoolSettings, "fd00:10:244::/64")
		return settings
	}
	given := func(value string) bootstrap.Setting { return bootstrap.Given(value, "test") }
	defaults := both(func(s *bootstrap.PoolSettings, cidr string) { s.CIDR = given(cidr) })
	spare := both(func(s *bootstrap.PoolSettings, cidr string) {
		s.CIDR, s.NATOutgoing = given(cidr), given("false")
	})
	rich := both(func(s *bootstrap.PoolSettings, cidr string) {
		s.CIDR, s.NATOutgoing, s.DisableBGPExport, s.VXLAN = given(cidr), given("true"), given("true"), given("CrossSubnet")
		s.NodeSelector = given(` rack == "<r&1>"  || zone in { 'ä', "\" } `)
	})
	rich.IPv4.BlockSize, rich.IPv6.BlockSize = given("32"), given("116")
	ipip := both(func(s *bootstrap.PoolSettings, cidr string) { s.CIDR = given(cidr) })
	ipip.IPv4.IPIP = given("Always")

	for name, settings := range map[string]bootstrap.Settings{"defaults": defaults, "nothing on": spare, "everything": rich, "IP-in-IP": ipip} {
		t.Run(name, func(t *testing.T) {
			world.empty(t)
			report, err := bootstrap.Run(t.Context(), world.Open(t), settings, bootstrap.WithHost(suite.Host{}))
			require.NoError(t, err)
			rendered, _, err := bootstrap.Render(settings, bootstrap.WithHost(suite.Host{}))
			require.NoError(t, err)
			require.Len(t, rendered, 2)
			require.Len(t, report.Pools, 2)
			for i, pool := range rendered {
				code, body := world.server.Do(t, http.MethodGet, "/apis/"+world.group.String()+"/ippools/"+pool.Name, nil)
				require.Equal(t, http.StatusOK, code, "%s", body)
				var stored struct {
					APIVersion, Kind string
					Metadata         map[string]any
					Spec             json.RawMessage
					Status           json.RawMessage
				}
				require.NoError(t, json.Unmarshal(body, &stored))
				assert.Equal(t, canonical(t, pool.Spec), canonical(t, stored.Spec))
				assert.Equal(t, canonical(t, pool.Spec), canonical(t, report.Pools[i].Spec), "the report")
				assert.Equal(t, world.group.String(), stored.APIVersion)
				assert.Equal(t, v3.KindIPPool, stored.Kind)
				assert.Empty(t, stored.Status)
				for _, ours := range []string{"annotations", "labels", "finalizers", "ownerReferences"} {
					assert.NotContains(t, stored.Metadata, ours)
				}
			}
		})
	}
}
