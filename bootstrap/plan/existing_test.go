package plan_test

import (
	"errors"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/poolstest"
)

// The name of a pool that pods get no addresses from is no remedy.
func TestRemedyOfUnusablePools(t *testing.T) {
	t.Parallel()
	manual := v3.Manual
	services := poolstest.Stored("services", "10.1.0.0/24", poolstest.ForLoadBalancers)
	off := poolstest.Stored("off", "10.2.0.0/16", disabled)
	tunnels := poolstest.Stored("tunnels", "10.3.0.0/16", func(p *v3.IPPool) { p.Spec.AllowedUses = []v3.IPPoolAllowedUse{v3.IPPoolAllowedUseTunnel} })
	byHand := poolstest.Stored("by-hand", "10.4.0.0/16", func(p *v3.IPPool) { p.Spec.AssignmentMode = &manual })
	mine, yours := poolstest.Stored("mine", "10.5.0.0/16"), poolstest.Stored("yours", "10.6.0.0/16")
	const add = ", no default IPv4 pool is created; to add a pool for pods, set poolsFile"
	tests := []struct {
		name     string
		existing []v3.IPPool
		broken   []datastore.Unreadable
		want     string
	}{
		{"LoadBalancer", []v3.IPPool{services}, nil, "existing: services, which is for LoadBalancer only; while it exists" + add},
		{"disabled", []v3.IPPool{off}, nil, "existing: off, which is disabled; while it exists" + add},
		{"Tunnel", []v3.IPPool{tunnels}, nil, "existing: tunnels, which is for Tunnel only; while it exists" + add},
		{"Manual", []v3.IPPool{byHand}, nil, "existing: by-hand, which has assignmentMode Manual; while it exists" + add},
		{"malformed", nil, []datastore.Unreadable{{Name: "x", CIDR: "10.9.0.0/16", Err: errors.New("no JSON")}}, "existing: x, which is malformed; while it exists" + add},
		{"several of them", []v3.IPPool{off, services}, nil, "existing: off, services, none of which assigns addresses to pods; while any exists" + add},
		{"one for pods", []v3.IPPool{mine}, nil, "existing: mine; to manage it, set ipv4.pool.name=mine"},
		{"one of several", []v3.IPPool{mine, services}, nil, "existing: mine, services; to manage mine, set ipv4.pool.name=mine"},
		{"two of several", []v3.IPPool{mine, services, yours}, nil, "existing: mine, services, yours; to manage one of them, set ipv4.pool.name"},
		{"an invalid name", []v3.IPPool{services, poolstest.Stored("Upper", "10.8.0.0/16")}, nil, "existing: services, Upper; the name of the only one for pods is invalid: no setting can manage it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			made, err := plan.Compute(settingstest.Resolved(t, noIPv6, "--ipv4-pool-nat-outgoing=false").Desired,
				datastore.Snapshot{Pools: poolstest.Records(tt.existing...), Unreadable: tt.broken}, plan.DriftReport)
			require.NoError(t, err)
			require.Len(t, made.Differences(), 1)
			assert.Equal(t, `IPPool "default-ipv4-ippool" does not exist; `+tt.want, made.Differences()[0].Remedy)
		})
	}
}
