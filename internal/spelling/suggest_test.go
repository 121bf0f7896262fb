package spelling

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSuggest(t *testing.T) {
	t.Parallel()
	known, others := []string{"etcdEndpoints", "etcdKey", "natOutgoing"}, map[string]string{"nat": "natOutgoing", "gone": "elsewhere"}
	for word, want := range map[string]string{
		"etcd_endpoints": "etcdEndpoints", "ETCD-ENDPOINTS": "etcdEndpoints", "etcdEndpoint": "etcdEndpoints", "natOutgong": "natOutgoing",
		"NAT": "natOutgoing", "gone": "", "": "", "key": "", strings.Repeat("x", 50): "",
	} {
		assert.Equal(t, want, Suggest(word, known, others), word)
	}
}
