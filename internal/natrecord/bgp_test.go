package natrecord_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/internal/natrecord"
)

func TestBGPServices(t *testing.T) {
	t.Parallel()
	shown := func(located []facts.Located) string {
		var all []string
		for _, one := range located {
			all = append(all, one.Prefix.String()+" "+one.Source.String())
		}
		return strings.Join(all, ", ")
	}
	for name, tt := range map[string]struct{ spec, cluster, other, problems string }{
		"none":           {`{"asNumber":64512}`, "", "", ""},
		"of every kind":  {`{"serviceClusterIPs":[{"cidr":"10.96.0.0/12"},{"cidr":"fd00:96::/108"}],"serviceExternalIPs":[{"cidr":"192.0.2.0/25"}],"serviceLoadBalancerIPs":[{"cidr":"192.0.2.128/25"}]}`, "10.96.0.0/12 serviceClusterIPs of BGPConfiguration default, fd00:96::/108 serviceClusterIPs of BGPConfiguration default", "192.0.2.0/25 serviceExternalIPs of BGPConfiguration default, 192.0.2.128/25 serviceLoadBalancerIPs of BGPConfiguration default", ""},
		"host bits":      {`{"serviceExternalIPs":[{"cidr":"192.0.2.9/25"}]}`, "", "192.0.2.0/25 serviceExternalIPs of BGPConfiguration default", ""},
		"invalid":        {`{"serviceExternalIPs":[{"cidr":"here"},{}]}`, "", "", `serviceExternalIPs of BGPConfiguration default: "here" is ignored: `},
		"every address":  {`{"serviceLoadBalancerIPs":[{"cidr":"0.0.0.0/0"},{"cidr":"::/0"}]}`, "", "", `serviceLoadBalancerIPs of BGPConfiguration default: "0.0.0.0/0" is ignored: it is every address`},
		"null and empty": {`{"serviceClusterIPs":null,"serviceExternalIPs":[]}`, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			of, services, err := natrecord.BGPServices([]byte(`{"metadata":{"name":"default"},"spec":` + tt.spec + `}`))
			require.NoError(t, err)
			assert.Equal(t, "default", of)
			assert.Equal(t, tt.cluster, shown(services.ClusterIPs))
			assert.Equal(t, tt.other, shown(services.OtherIPs))
			assert.Contains(t, strings.Join(services.Problems, "\n"), tt.problems)
			assert.Equal(t, tt.problems == "", services.Problems == nil)
		})
	}
	for _, malformed := range []string{`{`, `{"spec":{"serviceExternalIPs":"hunter2"}}`, `{"spec":{"serviceClusterIPs":[` + strings.Repeat("{},", 1000) + `{}]}}`} {
		_, _, err := natrecord.BGPServices([]byte(malformed))
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "hunter2")
	}
}
