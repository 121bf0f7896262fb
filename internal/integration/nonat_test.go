package integration

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// reportOf runs the program and returns its report in JSON.
func reportOf(t *testing.T, env []string, args ...string) bootstrap.Report {
	t.Helper()
	r := call(t, env, append(args, "-o", "json")...)
	require.Zero(t, r.code, r.stderr)
	var decoded struct {
		Pools []struct {
			Name, NAT, NoNATTo string
			Spec               *v3.IPPoolSpec
		}
		Warnings, Notes []string
	}
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &decoded))
	report := bootstrap.Report{Warnings: decoded.Warnings, Notes: decoded.Notes}
	for _, pool := range decoded.Pools {
		report.Pools = append(report.Pools, bootstrap.PoolReport{Name: pool.Name, NAT: pool.NAT, Spec: pool.Spec})
	}
	return report
}

// TestNoNATText shows the ranges of --no-nat-to in the text of plan and apply: one block, or
// one row, for each, and the same notes; JSON has every pool. A second run changes nothing. A
// run that does not request the ranges has one warning with one command for each.
func TestNoNATText(t *testing.T) {
	t.Parallel()
	world := newEtcdWorld(t)
	env := []string{"ETCD_ENDPOINTS=" + world.server.Endpoints()[0], "CALICO_IPV4POOL_CIDR=10.244.0.0/16", "CALICO_IPV6POOL_CIDR=fd00:10:244::/48", "CALICO_IPV6POOL_NAT_OUTGOING=true"}
	both := []string{"--no-nat-to", "10.0.0.0/8,fd00::/8"}
	lb := poolOf("lb", spec{CIDR: "10.1.0.0/16"})
	lb.Spec.AllowedUses = []v3.IPPoolAllowedUse{v3.IPPoolAllowedUseLoadBalancer}
	lb.Spec.Disabled = false

	planned := call(t, env, append([]string{"plan"}, both...)...)
	require.Zero(t, planned.code, planned.stderr)
	assert.Less(t, strings.Count(planned.stdout, "\n"), 65)
	for _, want := range []string{
		"\nIPv4 range 10.0.0.0/8 (flag --no-nat-to): 8 pools would be created (named after their CIDRs, such as no-nat-to-10-0-0-0-9)\n  10.0.0.0/9, 10.128.0.0/10, 10.192.0.0/11, 10.224.0.0/12, 10.240.0.0/14, 10.245.0.0/16,\n  10.246.0.0/15, 10.248.0.0/13\n  FIELD ",
		"\n  NAT: traffic to 10.0.0.0/8 is not masqueraded\n", "\nIPv6 range fd00::/8 (flag --no-nat-to): 40 pools would be created", "\n  NAT: traffic to fd00::/8 is not masqueraded\n",
		"NAT: traffic from 10.244.0.0/16 is masqueraded, except to the addresses of pool default-ipv4-ippool and of 8 pool(s) with the label calico-bootstrap/no-nat-to\n",
		"Plan: 50 to create, 0 to update",
	} {
		assert.Contains(t, planned.stdout, want)
	}
	assert.Equal(t, 2, strings.Count(planned.stdout, "traffic from"), "of the pools for pods alone")

	report := reportOf(t, env, append([]string{"plan"}, both...)...)
	assert.Len(t, report.Pools, 50)
	require.Len(t, report.Notes, 2)
	i := slices.IndexFunc(report.Pools, func(pool bootstrap.PoolReport) bool { return pool.Name == "no-nat-to-10-0-0-0-9" })
	require.GreaterOrEqual(t, i, 0)
	assert.Equal(t, "10.0.0.0/9", report.Pools[i].Spec.CIDR)
	assert.Equal(t, "traffic to 10.0.0.0/9 from pool default-ipv4-ippool is not masqueraded", report.Pools[i].NAT)

	applied := call(t, env, both...)
	require.Zero(t, applied.code, applied.stderr)
	assert.Regexp(t, `(?m)^8 pools +IPv4 +created +parts of 10\.0\.0\.0/8 +false +Never +Never +/26 +true +traffic to 10\.0\.0\.0/8 is not masqueraded$`, applied.stdout)
	assert.Regexp(t, `(?m)^40 pools +IPv6 +created +parts of fd00::/8 `, applied.stdout)
	assert.Equal(t, 5, strings.Count(applied.stdout, "\n"))
	for _, note := range report.Notes {
		assert.Contains(t, planned.stdout, "Note: "+note+"\n")
		assert.Contains(t, applied.stderr, `level=INFO msg="`+note+`"`)
	}
	assert.Contains(t, applied.stderr, `msg="40 IPv6 pools created" range=fd00::/8`)
	assert.NotContains(t, applied.stderr, "pool=no-nat-to")
	stored := world.Pools(t)
	assert.Len(t, stored, 50)

	again := call(t, env, both...)
	require.Zero(t, again.code, again.stderr)
	assert.Regexp(t, `(?m)^40 pools +IPv6 +unchanged +parts of fd00::/8 .* exists$`, again.stdout)
	assert.NotContains(t, again.stderr, "return routes", "nothing was created")
	assert.Equal(t, stored, world.Pools(t))

	dropped := reportOf(t, env)
	require.Len(t, dropped.Warnings, 2)
	for i, of := range []string{"8 IPPools for 10.0.0.0/8: ", "40 IPPools for fd00::/8: "} {
		assert.True(t, strings.HasPrefix(dropped.Warnings[i], of), dropped.Warnings[i])
		_, names, _ := strings.Cut(dropped.Warnings[i], "delete them: calicoctl delete ippool ")
		for name := range strings.FieldsSeq(names) {
			world.Delete(t, name)
		}
	}
	assert.Equal(t, []string{"default-ipv4-ippool", "default-ipv6-ippool"}, names(world.Pools(t)), "the commands name all of them")

	lb.Spec.IPIPMode, lb.Spec.VXLANMode = "", ""
	ippool.Default(lb)
	world.Write(t, lb)
	table := call(t, env, "--no-nat-to", "10.0.0.0/8")
	require.Zero(t, table.code, table.stderr)
	assert.Contains(t, table.stdout, `traffic to 10.0.0.0/8 is not masqueraded, except to 10.1.0.0/16 (IPPool "lb" for load balancers)`)
}

// TestNoNATRefusals shows that a range of everything is one line, and that one that nothing
// forwards to is one warning; nothing is contacted.
func TestNoNATRefusals(t *testing.T) {
	t.Parallel()
	env := []string{"ETCD_ENDPOINTS=http://127.0.0.1:1"}
	for value, want := range map[string]string{
		"0.0.0.0/0":      `error: flag --no-nat-to: "0.0.0.0/0": all of IPv4, so that nothing would be masqueraded; set --ipv4-pool-nat-outgoing=false in its place`,
		"::/0":           `error: flag --no-nat-to: "::/0": all of IPv6, so that nothing would be masqueraded; set --ipv6-pool-nat-outgoing=false in its place`,
		"169.254.0.0/16": `error: flag --no-nat-to: "169.254.0.0/16": overlaps the link-local range 169.254.0.0/16; must be outside it`,
	} {
		r := call(t, env, "--no-nat-to", value)
		assert.Equal(t, 2, r.code)
		assert.Empty(t, r.stdout)
		assert.Equal(t, want+"\n", r.stderr)
	}
	for _, value := range []string{"127.0.0.0/8", "224.0.0.0/4", "ff00::/8", "::1/128"} {
		r := call(t, env, "--no-nat-to", value, "--strict")
		assert.Equal(t, 2, r.code, r.stderr)
		assert.Equal(t, 1, strings.Count(r.stderr, "hosts and routers do not forward packets of such addresses, so it has no effect; leave it out"), r.stderr)
	}
}
