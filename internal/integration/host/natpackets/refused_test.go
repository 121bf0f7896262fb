//go:build host && linux

package natpackets

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/host/firewalldtest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// TestRefusedRules shows why two of the findings of package nat end Felix: what it programs
// is refused.
func TestRefusedRules(t *testing.T) {
	needNamespaces(t)
	overlap := rules{family: families[0], sources: []string{"10.0.0.0/14", "10.1.0.0/16"}}
	address := rules{family: families[1], sources: []string{"fd00:10::/48"}, address: natAddresses[0]}
	for _, d := range dataplanes {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			d.need(t)
			namespace := firewalldtest.NewNamespace(t)
			err := d.program(namespace, []rules{overlap})
			if d.answers == nat.NFTables {
				assert.ErrorContains(t, err, "conflicting intervals")
			} else {
				require.NoError(t, err)
			}
			assert.ErrorContains(t, d.program(namespace, []rules{address}), natAddresses[0])
			address := address
			address.address = ""
			require.NoError(t, d.program(namespace, []rules{address}))
		})
	}
}
