package ippool

import (
	"fmt"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ValidateSet returns all faults of the pools: the faults of each pool, duplicate
// names, and ranges that overlap. Paths begin with items[i], where i is the index
// in pools.
//
// A pool that overlaps earlier pools is reported once: with the narrowest earlier
// range that contains it, or else with the earliest range inside it. So n pools
// have fewer than n reported overlaps, and the pools that are not reported don't
// overlap each other. A pool with an invalid CIDR overlaps nothing. ValidateSet
// takes O(n log n) time.
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
			fault.Detail = fmt.Sprintf("items[%d] has the same name", first)
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
