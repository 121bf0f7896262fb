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

// aPool returns a pool that is valid if the CIDR and the changes are.
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

// at returns a time on the day of calicoRecord, in UTC.
func at(clock string) metav1.Time {
	var t metav1.Time
	if err := t.UnmarshalJSON([]byte(`"2026-11-22T` + clock + `Z"`)); err != nil {
		panic(err) // the callers pass constants
	}
	return t
}

// fault is an expected field.Error: its type, its path, and a part of its detail.
type fault struct {
	kind   field.ErrorType
	path   string
	detail string
}

// Short names for the types.
const (
	required     = field.ErrorTypeRequired
	invalid      = field.ErrorTypeInvalid
	notSupported = field.ErrorTypeNotSupported
	forbidden    = field.ErrorTypeForbidden
	tooLong      = field.ErrorTypeTooLong
	duplicate    = field.ErrorTypeDuplicate
)

// assertFaults checks that the faults are exactly these, in this order.
func assertFaults(t *testing.T, want []fault, got field.ErrorList) {
	t.Helper()
	have := make([]fault, len(got))
	for i, err := range got {
		have[i] = fault{err.Type, err.Field, err.Detail}
		// Compare only the expected part of the detail.
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
