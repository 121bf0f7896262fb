package addressmap

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// The number of similar ranges that are shown one by one.
const (
	maxNodes = 8  // ranges of nodes
	maxOther = 32 // other ranges
	maxGaps  = 16 // free ranges of a private range: the largest
)

// family is what similar ranges have in common: the range around them, kind and state.
type family struct {
	parent int
	kind   Kind
	state  State
}

// siblings are the positions of the rows of similar ranges, in order. Nothing is inside of
// them, so they conflict with the same ranges: those around them.
type siblings struct{ rows []int }

// group replaces many siblings by one row.
func group(rows []Row, similar map[family]*siblings) []Row {
	dropped := map[int]bool{}
	for key, s := range similar {
		limit := maxOther
		if key.kind == NodeAddress || key.kind == NodePodCIDR {
			limit = maxNodes
		}
		if len(s.rows) <= limit {
			continue
		}
		var members []Row
		for i, position := range s.rows {
			members = append(members, rows[position])
			dropped[position] = i > 0
		}
		rows[s.rows[0]] = joined(members)
	}
	var kept []Row
	for position, row := range rows {
		if !dropped[position] {
			kept = append(kept, row)
		}
	}
	return kept
}

// joined returns the row of a group.
func joined(members []Row) Row {
	group := members[0]
	group.Prefix, group.Last, group.Count = netip.Prefix{}, members[len(members)-1].Last, len(members)
	var (
		sources             []string
		blocks              Blocks
		addresses, inBlocks float64 // of the pools whose blocks are known
		countless           bool
	)
	for _, row := range members {
		sources = append(sources, row.Sources...)
		if row.Blocks != nil {
			size := sizeOf(row.Prefix)
			addresses, inBlocks = addresses+size, inBlocks+size*row.Blocks.Percent/100
			blocks.Used += row.Blocks.Used
			blocks.Total += row.Blocks.Total
			countless = countless || row.Blocks.Total == 0 || blocks.Total >= maxTotal
		}
	}
	group.Sources = firstOf(sources)
	if addresses > 0 {
		blocks.Percent = inBlocks / addresses * 100
		group.Blocks = &blocks
	}
	if countless {
		blocks.Total = 0
	}
	return group
}

// firstOf returns the first sources, and a text that counts the rest.
func firstOf(sources []string) []string {
	if more := len(sources) - text.MaxNamed; more > 0 {
		return append(slices.Clone(sources[:text.MaxNamed]), fmt.Sprintf("%d more", more))
	}
	return sources
}
