package firewalld

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestForwarded(t *testing.T) {
	t.Parallel()
	const (
		source      = `rule family="ipv4" source address="10.244.0.0/16" accept`
		destination = `rule family="ipv4" destination address="10.244.0.0/16" accept`
	)
	tests := []struct {
		name     string
		policies []Policy
		want     bool
	}{
		{"no policy", nil, false},
		{"both", []Policy{{Rules: Rules{Rich: []string{source, destination}}}}, true},
		{"in two policies", []Policy{{Rules: Rules{Rich: []string{source}}}, {Rules: Rules{Rich: []string{destination}}}}, true},
		{"one way", []Policy{{Rules: Rules{Rich: []string{source}}}}, false},
		{"the other way", []Policy{{Rules: Rules{Rich: []string{destination}}}}, false},
		{"everything", []Policy{{Rules: Rules{Target: "ACCEPT"}}}, true},
		{"a larger range", []Policy{{Rules: Rules{Rich: []string{destination, `rule source address="10.0.0.0/8" accept`}}}}, true},
		{"a smaller range", []Policy{{Rules: Rules{Rich: []string{destination, `rule source address="10.244.0.0/17" accept`}}}}, false},
		{"another range", []Policy{{Rules: Rules{Rich: []string{destination, `rule source address="10.245.0.0/16" accept`}}}}, false},
		{"all but the range", []Policy{{Rules: Rules{Rich: []string{destination, `rule source NOT address="10.244.0.0/16" accept`}}}}, false},
		{"only between pods", []Policy{{Rules: Rules{Rich: []string{`rule source address="10.244.0.0/16" destination address="10.244.0.0/16" accept`}}}}, false},
		{"dropped", []Policy{{Rules: Rules{Rich: []string{destination, `rule source address="10.244.0.0/16" drop`}}}}, false},
		{"only a port", []Policy{{Rules: Rules{Rich: []string{destination, `rule source address="10.244.0.0/16" port port="80" protocol="tcp" accept`}}}}, false},
		{"a set", []Policy{{Rules: Rules{Rich: []string{destination, `rule source ipset="pods" accept`}}}}, false},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, forwarded(tt.policies, netip.MustParsePrefix("10.244.0.0/16")), tt.name)
	}
}
