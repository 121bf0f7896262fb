package ippool

import (
	"slices"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Conflicts returns the faults of [Validate] that are conflicts of fields whose values are
// valid alone, such as a namespaceSelector in a pool with the use Tunnel. A datastore may
// hold such a pool, because the rules were added after it was stored. Defaults count as
// values.
func Conflicts(pool *v3.IPPool) field.ErrorList {
	pool = pool.DeepCopy()
	Default(pool)
	return slices.DeleteFunc(Validate(pool), func(fault *field.Error) bool { return fault.Type != field.ErrorTypeForbidden })
}
