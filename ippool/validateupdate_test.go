package ippool_test

import (
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

func TestValidateUpdate(t *testing.T) {
	t.Parallel()
	const (
		workload     = v3.IPPoolAllowedUseWorkload
		tunnel       = v3.IPPoolAllowedUseTunnel
		loadBalancer = v3.IPPoolAllowedUseLoadBalancer
	)
	cidr := func(was, is string) fault {
		return fault{forbidden, "spec.cidr", `can't change from "` + was + `" to "` + is + `"`}
	}
	block := func(detail string) fault { return fault{forbidden, "spec.blockSize", "can't change from " + detail} }
	use := fault{forbidden, "spec.allowedUses", "can't change to another use"}

	for _, test := range []struct {
		name            string
		stored, updated *v3.IPPool
		want            []fault
	}{
		{"nothing changes", aPool("10.0.0.0/16"), aPool("10.0.0.0/16"), nil},
		{"allowed changes", aPool("10.0.0.0/16", uses(workload)), aPool("10.0.0.0/16", disabled, uses(tunnel), func(s *v3.IPPoolSpec) {
			s.NATOutgoing, s.DisableBGPExport = true, true
			s.IPIPMode = v3.IPIPModeAlways
			s.NodeSelector = "has(rack)"
			s.AssignmentMode = pointer(v3.Manual)
		}), nil},

		{"CIDR", aPool("10.0.0.0/16"), aPool("10.1.0.0/16"), []fault{cidr("10.0.0.0/16", "10.1.0.0/16")}},
		{"wider CIDR", aPool("10.0.0.0/16"), aPool("10.0.0.0/15"), []fault{cidr("10.0.0.0/16", "10.0.0.0/15")}},
		// The same range, but the API server compares the text.
		{"other spelling", aPool("FD00::/64"), aPool("fd00::/64"), []fault{cidr("FD00::/64", "fd00::/64")}},
		{"other family, no sizes", aPool("10.0.0.0/16"), aPool("fd00::/64"), []fault{cidr("10.0.0.0/16", "fd00::/64")}},
		{"other family, sizes", aPool("10.0.0.0/16", blockSize(26)), aPool("fd00::/64", blockSize(122)), []fault{
			cidr("10.0.0.0/16", "fd00::/64"), block("26 to 122"),
		}},

		{"block size", aPool("10.0.0.0/16", blockSize(26)), aPool("10.0.0.0/16", blockSize(28)), []fault{block("26 to 28")}},
		{"block size from the default", aPool("10.0.0.0/16"), aPool("10.0.0.0/16", blockSize(28)), []fault{block("26 to 28")}},
		{"block size to the default", aPool("fd00::/64", blockSize(120)), aPool("fd00::/64"), []fault{block("120 to 122")}},
		{"default block size set", aPool("10.0.0.0/16"), aPool("10.0.0.0/16", blockSize(26)), nil},
		{"default block size unset", aPool("fd00::/64", blockSize(122)), aPool("fd00::/64"), nil},

		{"load balancer unchanged", aPool("10.0.0.0/16", uses(loadBalancer)), aPool("10.0.0.0/16", uses(loadBalancer), disabled), nil},
		{"load balancer to workload", aPool("10.0.0.0/16", uses(loadBalancer)), aPool("10.0.0.0/16", uses(workload)), []fault{use}},
		{"load balancer to the default", aPool("10.0.0.0/16", uses(loadBalancer)), aPool("10.0.0.0/16"), []fault{use}},
		{"load balancer and more", aPool("10.0.0.0/16", uses(loadBalancer)), aPool("10.0.0.0/16", uses(loadBalancer, tunnel)), []fault{
			{forbidden, "spec.allowedUses", "can't be combined"}, use,
		}},
		{"workload to load balancer", aPool("10.0.0.0/16", uses(workload)), aPool("10.0.0.0/16", uses(loadBalancer)), nil},

		// The stored pool may be invalid; only the updated one is validated.
		{"stored invalid", aPool("10.0.0.1/16"), aPool("10.0.0.1/16"), []fault{{invalid, "spec.cidr", "host bits"}}},
		{"stored size invalid", aPool("10.0.0.0/16", blockSize(8)), aPool("10.0.0.0/16", blockSize(26)), []fault{block("8 to 26")}},
		{"updated invalid", aPool("10.0.0.0/16"), aPool("pods"), []fault{{invalid, "spec.cidr", "not a CIDR"}, cidr("10.0.0.0/16", "pods")}},
		{"stored CIDR invalid", aPool("pods"), aPool("10.0.0.0/16"), []fault{cidr("pods", "10.0.0.0/16")}},
		{"stored CIDR invalid, size set", aPool("pods"), aPool("10.0.0.0/16", blockSize(26)), []fault{cidr("pods", "10.0.0.0/16")}},
		{"updated without CIDR and size", aPool("10.0.0.0/16", blockSize(26)), aPool(""), []fault{
			{required, "spec.cidr", "the range of the pool"}, cidr("10.0.0.0/16", ""),
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			assertFaults(t, test.want, ippool.ValidateUpdate(test.updated, test.stored))
		})
	}
}
