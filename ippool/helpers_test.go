package ippool_test

import (
	"strings"
	"testing"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// aPool is a pool that nothing is wrong with as long as the CIDR and the
// changes leave it so.
func aPool(cidr string, changes ...func(*v3.IPPoolSpec)) *v3.IPPool {
	pool := ippool.New("a-pool")
	pool.Spec.CIDR = cidr
	for _, change := range changes {
		change(&pool.Spec)
	}
	return pool
}

func blockSize(size int) func(*v3.IPPoolSpec) {
	return func(s *v3.IPPoolSpec) { s.BlockSize = size }
}

func uses(uses ...v3.IPPoolAllowedUse) func(*v3.IPPoolSpec) {
	return func(s *v3.IPPoolSpec) { s.AllowedUses = uses }
}

func disabled(s *v3.IPPoolSpec) { s.Disabled = true }

func pointer[T any](value T) *T { return &value }

// at is the moment in the record of the contract.
func at(clock string) metav1.Time {
	var t metav1.Time
	if err := t.UnmarshalJSON([]byte(`"2026-11-22T` + clock + `Z"`)); err != nil {
		panic(err) // only hard-coded clocks come here
	}
	return t
}

// fault is what a test wants of a field.Error: the type and the path exactly,
// and something that must stand in the detail, because wording may improve.
type fault struct {
	kind   field.ErrorType
	path   string
	detail string
}

// The types by the words that a reader of messages knows.
const (
	required     = field.ErrorTypeRequired
	invalid      = field.ErrorTypeInvalid
	notSupported = field.ErrorTypeNotSupported
	forbidden    = field.ErrorTypeForbidden
	tooLong      = field.ErrorTypeTooLong
	duplicate    = field.ErrorTypeDuplicate
)

// assertFaults wants these faults in this order and no others.
func assertFaults(t *testing.T, want []fault, got field.ErrorList) {
	t.Helper()
	have := make([]fault, len(got))
	for i, err := range got {
		have[i] = fault{err.Type, err.Field, err.Detail}
		// Where the detail holds the piece that is wanted, compare just that.
		if i < len(want) && want[i].detail != "" && strings.Contains(err.Detail, want[i].detail) {
			have[i].detail = want[i].detail
		}
	}
	if len(want) == 0 {
		assert.Nil(t, got)
		return
	}
	assert.Equal(t, want, have)
}
