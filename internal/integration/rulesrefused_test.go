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
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/suite"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// refusalsReachTheUser commits pools that Validate would refuse. The error has each of
// the API server's reasons on its own line, with the server's path; for CEL rules that
// is spec.
func refusalsReachTheUser(t *testing.T, world *kubernetesWorld) {
	manually := v3.AssignmentMode("manual")
	for _, test := range []struct {
		name    string
		invalid spec
		want    []reason
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
		{"control characters", spec{CIDR: "10.0.0.0/16\n\x1b[31mred"}, []reason{{"spec.cidr", `"10.0.0.0/16\n\x1b[31mred"`}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			world.empty(t)
			before, invalid, after := poolOf("before", spec{CIDR: "10.1.0.0/16"}), poolOf("invalid", test.invalid), poolOf("after", spec{CIDR: "10.2.0.0/16"})
			require.NotEmpty(t, ippool.Validate(invalid))
			store := world.Open(t)
			snapshot, err := store.Snapshot(t.Context())
			require.NoError(t, err)

			changes := changesOf(before, invalid, after)
			result, err := store.Commit(t.Context(), snapshot, changes)
			require.ErrorIs(t, err, datastore.ErrRefused)
			require.NotErrorIs(t, err, datastore.ErrConflict)
			var refused *datastore.Error
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, `creating IPPool "invalid"`, refused.Operation)
			assertReasons(t, test.want, err.Error(), refused.Place+`: creating IPPool "invalid": refused by the API server: `)

			// The pool before it is created and in the result; the pool after it is
			// not created.
			assert.Equal(t, []datastore.State{datastore.Written, datastore.NotWritten, datastore.NotWritten}, statesOf(result, changes))
			stored := world.Pools(t)
			require.Len(t, stored, 1)
			assert.Equal(t, "before", stored[0].Name)
			assert.NotEmpty(t, stored[0].UID)
			assert.Equal(t, stored[0].UID, result.Of(0).Stored.UID)
			assert.Empty(t, before.UID, "Commit does not modify its argument")
		})
	}
}

// reason is a line of an error: a path and a part of the message. The rest of the
// message depends on the version of Kubernetes.
type reason struct{ path, piece string }

// assertReasons checks that text has exactly one line for each reason.
func assertReasons(t *testing.T, want []reason, text, common string) {
	t.Helper()
	var reasons []string
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
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

// storedAsSent compares the stored pools with Render's: Default sets every default that
// the API server would set, and nothing that it would prune.
func storedAsSent(t *testing.T, world *kubernetesWorld) {
	both := func(set func(family *settings.PoolSettings, cidr string)) settings.Settings {
		var settings settings.Settings
		set(&settings.IPv4.PoolSettings, "10.244.0.0/16")
		set(&settings.IPv6.PoolSettings, "fd00:10:244::/64")
		return settings
	}
	given := func(value string) settings.Setting { return settings.Given(value, origin.Caller("test")) }
	defaults := both(func(s *settings.PoolSettings, cidr string) { s.CIDR = given(cidr) })
	spare := both(func(s *settings.PoolSettings, cidr string) {
		s.CIDR, s.NATOutgoing = given(cidr), given("false")
	})
	rich := both(func(s *settings.PoolSettings, cidr string) {
		s.CIDR, s.NATOutgoing, s.DisableBGPExport, s.VXLAN = given(cidr), given("true"), given("true"), given("CrossSubnet")
		s.NodeSelector = given(` rack == "<r&1>"  || zone in { 'ä', "\" } `)
	})
	rich.IPv4.BlockSize, rich.IPv6.BlockSize = given("32"), given("116")
	ipip := both(func(s *settings.PoolSettings, cidr string) { s.CIDR = given(cidr) })
	ipip.IPv4.IPIP = given("Always")

	for name, settings := range map[string]settings.Settings{"defaults": defaults, "everything disabled": spare, "everything": rich, "IP-in-IP": ipip} {
		t.Run(name, func(t *testing.T) {
			world.empty(t)
			report, err := bootstrap.New(world.Open(t), bootstrap.WithHost(suite.Host{})).Run(t.Context(), settings)
			require.NoError(t, err)
			rendered, _, err := bootstrap.Render(t.Context(), settings, bootstrap.WithHost(suite.Host{}))
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
				for _, field := range []string{"annotations", "labels", "finalizers", "ownerReferences"} {
					assert.NotContains(t, stored.Metadata, field)
				}
			}
		})
	}
}
