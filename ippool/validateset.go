package ippool

import (
	"fmt"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ValidateSet returns everything that is wrong with the pools standing
// together: the faults of each by itself, names that occur twice, and ranges
// that overlap. Paths begin with items[i], i being the place in pools.
//
// A pool is told of as overlapping if it overlaps one that comes earlier in
// pools, and once: with the narrowest earlier range around it or else the
// earliest range inside it. So n pools give fewer than n overlaps, and those
// that none is told of overlap nothing among themselves. A pool whose CIDR
// doesn't parse overlaps nothing. It takes n log n steps.
func ValidateSet(pools []*v3.IPPool) field.ErrorList {
	var faults field.ErrorList
	items := field.NewPath("items")
	names := make(map[string]int, len(pools))
	for i, pool := range pools {
		for _, fault := range Validate(pool) {
			fault.Field = items.Index(i).String() + "." + fault.Field
			faults = append(faults, fault)
		}
		if first, taken := names[pool.Name]; taken {
			fault := field.Duplicate(items.Index(i).Child("metadata", "name"), pool.Name)
			fault.Detail = fmt.Sprintf("items[%d] has this name too", first)
			faults = append(faults, fault)
			continue
		}
		names[pool.Name] = i
	}
	for _, o := range Overlaps(pools) {
		faults = append(faults, field.Invalid(items.Index(o.Later).Child("spec", "cidr"), pools[o.Later].Spec.CIDR,
			fmt.Sprintf("overlaps %s of pool %q", pools[o.Earlier].Spec.CIDR, pools[o.Earlier].Name)))
	}
	return faults
}
