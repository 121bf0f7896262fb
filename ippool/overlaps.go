package ippool

import v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

// Overlap is two pools that overlap, by their places in a slice.
type Overlap struct {
	Earlier, Later int // places, from 0
}

// Overlaps returns the overlaps that [ValidateSet] tells of, in the order of the
// later place, for who has more to say about the pools than their names.
func Overlaps(pools []*v3.IPPool) []Overlap {
	var all []Overlap
	for _, o := range overlaps(pools) {
		all = append(all, Overlap{Earlier: o.earlier, Later: o.later})
	}
	return all
}
