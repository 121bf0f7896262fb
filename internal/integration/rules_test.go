package integration

import (
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// TestCalicosRules compares the validation of package ippool with that of Calico's CRDs
// (schemas and CEL rules) on a real API server.
func TestCalicosRules(t *testing.T) {
	t.Parallel()
	for _, group := range []schema.GroupVersion{ippool.CRDV1, v3.SchemeGroupVersion} {
		t.Run(group.Group, func(t *testing.T) {
			world := newCalicoWorld(t, group)
			for _, test := range []struct {
				name string
				test func(t *testing.T, world *kubernetesWorld)
			}{
				{"pools", rulesOfPools},
				{"names", rulesOfNames},
				{"updates", rulesOfUpdates},
				{"block size zero", explicitBlockSizeZero},
				{"every rule has a case", everyRuleHasACase},
				{"rules about several objects", rulesAboutSeveralObjects},
				{"generated pools", generatedPools},
				{"refusals", refusalsReachTheUser},
				{"stored as sent", storedAsSent},
			} {
				t.Run(test.name, func(t *testing.T) { test.test(t, world.empty(t)) })
			}
		})
	}
}

type spec = v3.IPPoolSpec

func poolOf(name string, s spec) *v3.IPPool {
	pool := ippool.New(name)
	pool.Spec = s
	return pool
}

func uses(all ...v3.IPPoolAllowedUse) []v3.IPPoolAllowedUse { return all }

// poolRule is a rule about a single pool, with two similar pools: Validate and the API
// server accept the valid one and refuse the invalid one.
type poolRule struct {
	rule           string
	valid, invalid spec
	field          string // the field of Validate's only error
	server         string // a part of the API server's message; empty: it accepts invalid
	stricter       string // why Validate refuses what the API server accepts
}

const (
	four = "10.0.0.0/16"
	six  = "fd00::/64"
)

func poolRules() []poolRule {
	var (
		lb    = uses("LoadBalancer")
		auto  = v3.Automatic
		odd   = v3.AssignmentMode("automatic")
		empty = v3.AssignmentMode("")
	)
	return []poolRule{
		{"CIDR is required", spec{CIDR: four}, spec{}, "spec.cidr", "must be of type cidr", ""},
		{"CIDR parses", spec{CIDR: four}, spec{CIDR: "pods"}, "spec.cidr", "must be of type cidr", ""},
		{"CIDR is not an address", spec{CIDR: four}, spec{CIDR: "10.0.0.0"}, "spec.cidr", "must be of type cidr", ""},
		{"IPv4 length", spec{CIDR: "10.0.0.1/32", BlockSize: 32}, spec{CIDR: "10.0.0.1/33", BlockSize: 32}, "spec.cidr", "must be of type cidr", ""},
		{"IPv6 length", spec{CIDR: "fd00::1/128", BlockSize: 128}, spec{CIDR: "fd00::1/129", BlockSize: 128}, "spec.cidr", "must be of type cidr", ""},
		{"IPv6 zone", spec{CIDR: "fe00::/64"}, spec{CIDR: "fe00::%eth0/64"}, "spec.cidr", "must be of type cidr", ""},
		{"leading zero in an address", spec{CIDR: four}, spec{CIDR: "010.0.0.0/16"}, "spec.cidr", "parse error", ""},
		{"leading zero in a length", spec{CIDR: "10.0.0.0/8"}, spec{CIDR: "10.0.0.0/08"}, "spec.cidr", "parse error", ""},
		{"leading zeros in IPv6", spec{CIDR: "FD00:0000:0:0::/64"}, spec{CIDR: "FD00:00000:0:0::/64"}, "spec.cidr", "parse error", ""},
		{"IPv4-mapped", spec{CIDR: "::fffe:10.0.0.0/112"}, spec{CIDR: "::ffff:10.0.0.0/112"}, "spec.cidr", "IPv4-mapped", ""},
		{"CIDR of 48 characters", spec{CIDR: "0000:0000:0000:0000:0000:0000:192.168.100.20/128", BlockSize: 128},
			spec{CIDR: "0000:0000:0000:0000:0000:0000:192.168.100.200/128", BlockSize: 128}, "spec.cidr", "48", ""},

		{"IPv4 host bits", spec{CIDR: four}, spec{CIDR: "10.0.0.1/16"}, "spec.cidr", "strictly masked", ""},
		{"IPv6 host bits", spec{CIDR: six}, spec{CIDR: "fd00::1/64"}, "spec.cidr", "strictly masked", ""},

		{"IPv4 link-local", spec{CIDR: "169.255.0.0/16"}, spec{CIDR: "169.254.0.0/16"}, "spec.cidr", "IPv4 link local range", ""},
		{"inside IPv4 link-local", spec{CIDR: "169.255.0.0/26"}, spec{CIDR: "169.254.255.192/26"}, "spec.cidr", "IPv4 link local range", ""},
		{"around IPv4 link-local", spec{CIDR: "169.252.0.0/15"}, spec{CIDR: "169.254.0.0/15"}, "spec.cidr", "IPv4 link local range", ""},
		{"all of IPv4", spec{CIDR: "0.0.0.0/1"}, spec{CIDR: "0.0.0.0/0"}, "spec.cidr", "IPv4 link local range", ""},
		{"IPv6 link-local", spec{CIDR: "fec0::/10"}, spec{CIDR: "fe80::/10"}, "spec.cidr", "IPv6 link local range", ""},
		{"inside IPv6 link-local", spec{CIDR: "fe7f:ffff::/64"}, spec{CIDR: "febf:ffff::/64"}, "spec.cidr", "IPv6 link local range", ""},
		{"around IPv6 link-local", spec{CIDR: "fe00::/9"}, spec{CIDR: "fe00::/8"}, "spec.cidr", "IPv6 link local range", ""},
		{"all of IPv6", spec{CIDR: "::/1"}, spec{CIDR: "::/0"}, "spec.cidr", "IPv6 link local range", ""},

		{"IPv4 block size, least", spec{CIDR: four, BlockSize: 20}, spec{CIDR: four, BlockSize: 19}, "spec.blockSize", "blockSize must be between", ""},
		{"IPv4 block size, most", spec{CIDR: four, BlockSize: 32}, spec{CIDR: four, BlockSize: 33}, "spec.blockSize", "blockSize must be between", ""},
		{"IPv6 block size, least", spec{CIDR: six, BlockSize: 116}, spec{CIDR: six, BlockSize: 115}, "spec.blockSize", "blockSize must be between", ""},
		{"IPv6 block size, most", spec{CIDR: six, BlockSize: 128}, spec{CIDR: six, BlockSize: 129}, "spec.blockSize", "less than or equal to 128", ""},
		{"block size of the other family", spec{CIDR: six, BlockSize: 122}, spec{CIDR: six, BlockSize: 26}, "spec.blockSize", "blockSize must be between", ""},
		{"negative block size", spec{CIDR: four}, spec{CIDR: four, BlockSize: -1}, "spec.blockSize", "greater than or equal to 0", ""},
		{"block size of a disabled pool", spec{CIDR: four, BlockSize: 20, Disabled: true}, spec{CIDR: four, BlockSize: 19, Disabled: true},
			"spec.blockSize", "blockSize must be between", ""},

		{"IPv4 default block", spec{CIDR: "10.0.0.0/26"}, spec{CIDR: "10.0.0.0/27"}, "spec.cidr", "too small", ""},
		{"IPv6 default block", spec{CIDR: "fd00::/122"}, spec{CIDR: "fd00::/123"}, "spec.cidr", "too small", ""},
		{"IPv4 block", spec{CIDR: "10.0.0.0/28", BlockSize: 28}, spec{CIDR: "10.0.0.0/29", BlockSize: 28}, "spec.cidr", "too small", ""},
		{"IPv6 block", spec{CIDR: "fd00::/116", BlockSize: 116}, spec{CIDR: "fd00::/117", BlockSize: 116}, "spec.cidr", "too small", ""},
		{"disabled pool under a block", spec{CIDR: "10.0.0.0/27", Disabled: true}, spec{CIDR: "10.0.0.0/27"}, "spec.cidr", "too small", ""},

		{"IP-in-IP and VXLAN", spec{CIDR: four, IPIPMode: "Always", VXLANMode: "Never"}, spec{CIDR: four, IPIPMode: "Always", VXLANMode: "Always"},
			"spec.vxlanMode", "cannot both be enabled", ""},
		{"both across subnets", spec{CIDR: four, IPIPMode: "Never", VXLANMode: "CrossSubnet"},
			spec{CIDR: four, IPIPMode: "CrossSubnet", VXLANMode: "CrossSubnet"}, "spec.vxlanMode", "cannot both be enabled", ""},
		{"IP-in-IP for IPv6", spec{CIDR: six, VXLANMode: "Always"}, spec{CIDR: six, IPIPMode: "Always"}, "spec.ipipMode", "IPIP is not supported on IPv6", ""},
		{"values of ipipMode", spec{CIDR: four, IPIPMode: "CrossSubnet"}, spec{CIDR: four, IPIPMode: "cross-subnet"}, "spec.ipipMode", "Unsupported value", ""},
		{"values of vxlanMode", spec{CIDR: six, VXLANMode: "Always"}, spec{CIDR: six, VXLANMode: "always"}, "spec.vxlanMode", "Unsupported value", ""},

		{"values of allowedUses", spec{CIDR: four, AllowedUses: uses("Tunnel")}, spec{CIDR: four, AllowedUses: uses("Tunnels")},
			"spec.allowedUses[0]", "Unsupported value", ""},
		{"empty use", spec{CIDR: four, AllowedUses: uses()}, spec{CIDR: four, AllowedUses: uses("")}, "spec.allowedUses[0]", "Unsupported value", ""},
		{"duplicate use", spec{CIDR: four, AllowedUses: uses("Tunnel", "Workload")}, spec{CIDR: four, AllowedUses: uses("Tunnel", "Tunnel")},
			"spec.allowedUses[1]", "Duplicate value", ""},
		{"load balancers and workloads", spec{CIDR: four, AllowedUses: lb}, spec{CIDR: four, AllowedUses: uses("LoadBalancer", "Workload")},
			"spec.allowedUses", "cannot be combined", ""},
		{"load balancers and tunnels", spec{CIDR: four, AllowedUses: lb}, spec{CIDR: four, AllowedUses: uses("Tunnel", "LoadBalancer")},
			"spec.allowedUses", "cannot be combined", ""},
		{"load balancers and IP-in-IP", spec{CIDR: four, AllowedUses: lb, IPIPMode: "Never"}, spec{CIDR: four, AllowedUses: lb, IPIPMode: "CrossSubnet"},
			"spec.ipipMode", "cannot have IPIP or VXLAN", ""},
		{"load balancers and VXLAN", spec{CIDR: six, AllowedUses: lb, VXLANMode: "Never"}, spec{CIDR: six, AllowedUses: lb, VXLANMode: "CrossSubnet"},
			"spec.vxlanMode", "cannot have IPIP or VXLAN", ""},
		{"load balancers without BGP", spec{CIDR: four, DisableBGPExport: true}, spec{CIDR: four, DisableBGPExport: true, AllowedUses: lb},
			"spec.disableBGPExport", "cannot disable BGP export", ""},
		{"load balancers on some nodes", spec{CIDR: four, AllowedUses: lb}, spec{CIDR: four, AllowedUses: lb, NodeSelector: "has(rack)"},
			"spec.nodeSelector", "set to all()", ""},
		{"load balancers on all nodes, another spelling", spec{CIDR: four, AllowedUses: lb, NodeSelector: "all()"},
			spec{CIDR: four, AllowedUses: lb, NodeSelector: "all( )"}, "spec.nodeSelector", "set to all()", ""},
		{"tunnels and namespaces", spec{CIDR: four, AllowedUses: uses("Workload"), NamespaceSelector: "all()"},
			spec{CIDR: four, AllowedUses: uses("Workload", "Tunnel"), NamespaceSelector: "all()"}, "spec.namespaceSelector", "cannot have namespaceSelector", ""},
		// The default uses, which have Tunnel, don't count.
		{"default uses and namespaces", spec{CIDR: four, NamespaceSelector: "has(team)"},
			spec{CIDR: four, AllowedUses: uses("Tunnel"), NamespaceSelector: "has(team)"}, "spec.namespaceSelector", "cannot have namespaceSelector", ""},
		{"values of assignmentMode", spec{CIDR: four, AssignmentMode: &auto}, spec{CIDR: four, AssignmentMode: &odd},
			"spec.assignmentMode", "Unsupported value", ""},
		{"empty assignment mode", spec{CIDR: four}, spec{CIDR: four, AssignmentMode: &empty}, "spec.assignmentMode", "Unsupported value", ""},

		{"global()", spec{CIDR: four, NodeSelector: "all()"}, spec{CIDR: four, NodeSelector: "global()"}, "spec.nodeSelector", "valid for IPPool nodeSelector", ""},
		{"global( in a string", spec{CIDR: four, NodeSelector: "a == 'global'"}, spec{CIDR: four, NodeSelector: "a == 'global('"},
			"spec.nodeSelector", "valid for IPPool nodeSelector", ""},
		{"global() for namespaces", spec{CIDR: four, NamespaceSelector: "all()"}, spec{CIDR: four, NamespaceSelector: "!global()"},
			"spec.namespaceSelector", "valid for IPPool namespaceSelector", ""},
		{"1024 characters", spec{CIDR: four, NodeSelector: "a == '" + strings.Repeat("é", 1017) + "'"},
			spec{CIDR: four, NodeSelector: "a == '" + strings.Repeat("é", 1018) + "'"}, "spec.nodeSelector", "Too long", ""},
		{"1024 characters for namespaces", spec{CIDR: four, NamespaceSelector: "all()" + strings.Repeat(" ", 1019)},
			spec{CIDR: four, NamespaceSelector: "all()" + strings.Repeat(" ", 1020)}, "spec.namespaceSelector", "Too long", ""},

		{"selector parses", spec{CIDR: four, NodeSelector: "rack == 'r1'"}, spec{CIDR: four, NodeSelector: "rack == r1"},
			"spec.nodeSelector", "", "CRDs do not parse selectors; Calico does when it uses them"},
		{"selector for namespaces parses", spec{CIDR: four, NamespaceSelector: "has(team)"}, spec{CIDR: four, NamespaceSelector: "has team"},
			"spec.namespaceSelector", "", "CRDs do not parse selectors; Calico does when it uses them"},
		{"selector is UTF-8", spec{CIDR: four, NodeSelector: "a == '\u00ff'"}, spec{CIDR: four, NodeSelector: "a == '\xff'"},
			"spec.nodeSelector", "", "the API server receives another selector, with U+FFFD"},
	}
}

func rulesOfPools(t *testing.T, world *kubernetesWorld) {
	for _, rule := range poolRules() {
		t.Run(rule.rule, func(t *testing.T) {
			valid, invalid := poolOf("a-pool", rule.valid), poolOf("a-pool", rule.invalid)
			assert.Empty(t, ippool.Validate(valid), "valid")
			assert.Empty(t, world.dryCreate(t, valid).reasons, "valid")

			faults := ippool.Validate(invalid)
			require.Len(t, faults, 1, "invalid: %v", faults)
			assert.Equal(t, rule.field, faults[0].Field)
			world.dryCreate(t, invalid).assertMessage(t, rule.server, rule.stricter)
		})
	}
	assert.Empty(t, world.Pools(t), "a dry run stored something")
}

func rulesOfNames(t *testing.T, world *kubernetesWorld) {
	longest := strings.Repeat("a", 253)
	for name, valid := range map[string]bool{
		"a": true, "0.a-b.c9": true, longest: true, strings.Repeat("a.", 126) + "a": true,
		"": false, "A": false, "a_b": false, "-a": false, "a-": false, ".a": false, "a.": false, "a..b": false,
		"a/b": false, "a%b": false, "ä": false, " a": false, ".": false, "..": false, longest + "a": false,
	} {
		t.Run(name, func(t *testing.T) {
			pool := poolOf(name, spec{CIDR: four})
			faults := ippool.Validate(pool)
			answer := world.dryCreate(t, pool)
			if valid {
				assert.Empty(t, faults)
				assert.Empty(t, answer.reasons)
				return
			}
			require.NotEmpty(t, faults)
			assert.Equal(t, "metadata.name", faults[0].Field)
			answer.assertMessage(t, "metadata.name: ", "")
		})
	}
}

// everyRuleHasACase checks that each CEL rule of the CRD has a case, so that the test
// fails if a new version of Calico adds a rule.
func everyRuleHasACase(t *testing.T, world *kubernetesWorld) {
	definition, err := world.server.Dynamic().Resource(schema.GroupVersionResource{
		Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions",
	}).Get(t.Context(), "ippools."+world.group.Group, metav1.GetOptions{})
	require.NoError(t, err)
	messages := messagesOfRules(definition.Object["spec"])
	require.NotEmpty(t, messages)

	for _, message := range messages {
		found := false
		for _, rule := range poolRules() {
			found = found || rule.server != "" && strings.Contains(message, rule.server)
		}
		for _, rule := range updateRules() {
			found = found || rule.server != "" && strings.Contains(message, rule.server)
		}
		assert.True(t, found, "no case for %q", message)
	}
}

// messagesOfRules returns the messages of the CEL rules of a schema.
func messagesOfRules(node any) []string {
	var all []string
	switch node := node.(type) {
	case map[string]any:
		if message, ok := node["message"].(string); ok && node["rule"] != nil {
			all = append(all, message)
		}
		for _, child := range node {
			all = append(all, messagesOfRules(child)...)
		}
	case []any:
		for _, child := range node {
			all = append(all, messagesOfRules(child)...)
		}
	}
	return all
}

// rulesAboutSeveralObjects checks rules that only package ippool has: an API server
// validates one object at a time.
func rulesAboutSeveralObjects(t *testing.T, world *kubernetesWorld) {
	wide, narrow := poolOf("wide", spec{CIDR: "10.0.0.0/8"}), poolOf("narrow", spec{CIDR: "10.1.0.0/16"})
	require.NoError(t, world.create(t, wide))
	require.NoError(t, world.create(t, narrow))
	assert.Len(t, ippool.ValidateSet([]*v3.IPPool{wide, narrow}), 1)

	world.WriteBlock(t, "10.2.0.0/28")
	require.NoError(t, world.create(t, poolOf("others-blocks", spec{CIDR: "10.2.0.0/16", BlockSize: 26})))
	assert.Len(t, ippool.ValidateBlocks(poolOf("others-blocks", spec{CIDR: "10.2.0.0/16"}), []netip.Prefix{netip.MustParsePrefix("10.2.0.0/28")}), 1)
}

// answer is the API server's answer to a create or an update.
type answer struct {
	object  *unstructured.Unstructured // the object as stored
	reasons []string                   // each "path: message"; empty: the object is accepted
	err     error                      // any other error
}

// strictly and strictlyUpdate are dry runs. An unknown field is an error and is not
// pruned.
var (
	strictly       = metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict}
	strictlyUpdate = metav1.UpdateOptions{DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict}
)

func (w *kubernetesWorld) dryCreate(t *testing.T, pool *v3.IPPool) answer {
	t.Helper()
	answer := answerOf(w.resource("ippools").Create(t.Context(), w.object(t, pool), strictly))
	require.NoError(t, answer.err)
	return answer
}

func answerOf(object *unstructured.Unstructured, err error) answer {
	if err == nil {
		return answer{object: object}
	}
	var status apierrors.APIStatus
	if !apierrors.IsInvalid(err) || !errors.As(err, &status) || status.Status().Details == nil {
		return answer{err: err}
	}
	var reasons []string
	for _, cause := range status.Status().Details.Causes {
		if cause.Field != "<nil>" { // "<nil>" is not a reason, but a note that there may be more
			reasons = append(reasons, cause.Field+": "+cause.Message)
		}
	}
	if len(reasons) == 0 {
		return answer{err: err}
	}
	return answer{reasons: reasons}
}

// assertMessage checks that the API server refused the object with a message that has
// the piece. If Validate is stricter, the API server must have accepted the object, so
// that the test fails when the difference is gone.
func (a answer) assertMessage(t *testing.T, piece, stricter string) {
	t.Helper()
	require.NotEqual(t, piece == "", stricter == "", "exactly one of piece and stricter must be set")
	if stricter != "" {
		assert.Empty(t, a.reasons, "the API server refuses it, too; outdated: %s", stricter)
		return
	}
	assert.Contains(t, strings.Join(a.reasons, "\n"), piece)
}

// canonical returns the value as JSON with sorted keys.
func canonical(t *testing.T, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	require.NoError(t, err)
	var plain any
	require.NoError(t, json.Unmarshal(data, &plain))
	data, err = json.Marshal(plain)
	require.NoError(t, err)
	return string(data)
}
