package addressmap

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/calico-bootstrap/calico-bootstrap/internal/ranges"
)

// Map is the arrangement of all uses. Its rows are sorted by family, then by first address,
// then from wide to narrow.
type Map struct {
	Rows []Row
}

// Row is one range, or a group of similar ranges. Its JSON is stable: later versions only
// add fields.
type Row struct {
	Depth   int          `json:"depth"` // number of ranges around it
	Kind    Kind         `json:"kind"`
	First   netip.Addr   `json:"first"`            // first address of the range, or of the first range of a group
	Last    netip.Addr   `json:"last"`             // last address of the range, or of the last range of a group
	Prefix  netip.Prefix `json:"prefix,omitzero"`  // the range; zero for a group, and for a free range
	Count   int          `json:"count"`            // number of ranges
	Sources []string     `json:"sources"`          // names of pools, or where the range is from; the first ones of a group
	State   State        `json:"state,omitempty"`  // of a pool
	Blocks  *Blocks      `json:"blocks,omitempty"` // of a pool, if they are known
	Largest netip.Prefix `json:"largest,omitzero"` // largest prefix in a free range

	Overlaps     []Overlap `json:"overlaps"`     // the first ranges that it conflicts with
	OverlapCount int       `json:"overlapCount"` // number of all ranges that it conflicts with
}

// Overlap is a range that conflicts with another one.
type Overlap struct {
	Prefix netip.Prefix `json:"prefix"`
	Kind   Kind         `json:"kind"`
	Source string       `json:"source"`
}

// maxOverlaps is how many of the ranges that a range conflicts with are named.
const maxOverlaps = 3

// use is a Use with all its sources.
type use struct {
	Use
	sources []string
}

// cell is a range with everything that has exactly this range.
type cell struct {
	prefix netip.Prefix
	parent int // position of the narrowest range around it; -1: none
	depth  int
	inner  bool // there are ranges inside
	uses   []use
	own    tally // of the uses
	inside tally // of the uses of all ranges inside
}

// tally counts uses by kind and has the first of each kind.
type tally map[Kind]*tallied

type tallied struct {
	count int
	first []Overlap
}

func (t tally) add(kind Kind, one Overlap) {
	if t[kind] == nil {
		t[kind] = &tallied{}
	}
	t[kind].count++
	if len(t[kind].first) <= maxOverlaps { // one more, which may be the range itself
		t[kind].first = append(t[kind].first, one)
	}
}

// New arranges the uses. Uses of one kind with the same range, other than pools, become one
// row with all sources, and so do an interface and its route. Many similar ranges without
// others inside become one row.
func New(uses []Use) Map {
	cells := cellsOf(uses)
	var (
		rows    []Row
		similar = map[family]*siblings{}
	)
	for i := range cells {
		c := &cells[i]
		for _, u := range c.uses {
			row := c.row(u)
			row.Overlaps, row.OverlapCount = overlaps(cells, i, u)
			rows = append(rows, row)
			if len(c.uses) == 1 && !c.inner && u.Kind != Private {
				key := family{c.parent, u.Kind, u.State}
				if similar[key] == nil {
					similar[key] = &siblings{}
				}
				similar[key].rows = append(similar[key].rows, len(rows)-1)
			}
		}
	}
	rows = group(rows, similar)
	rows = append(rows, gaps(cells)...)
	slices.SortStableFunc(rows, func(a, b Row) int {
		return cmp.Or(a.First.Compare(b.First), cmp.Compare(a.Depth, b.Depth))
	})
	return Map{rows}
}

// cellsOf returns the ranges, sorted by ranges.Compare.
func cellsOf(uses []Use) []cell {
	uses = slices.Clone(uses)
	for _, private := range privateRanges {
		uses = append(uses, Use{Prefix: private.prefix, Kind: Private, Source: private.source})
	}
	var prefixes []netip.Prefix
	for i := range uses {
		uses[i].Prefix = uses[i].Prefix.Masked()
		if isShown(uses[i].Prefix) {
			prefixes = append(prefixes, uses[i].Prefix)
		}
	}
	index := ranges.New(prefixes)
	cells := make([]cell, len(index.Prefixes))
	position := map[netip.Prefix]int{}
	for i, prefix := range index.Prefixes {
		cells[i] = cell{prefix: prefix, parent: index.Around(i), own: tally{}, inside: tally{}}
		if parent := cells[i].parent; parent >= 0 {
			cells[i].depth = cells[parent].depth + 1
			cells[parent].inner = true
		}
		position[prefix] = i
	}
	for _, one := range uses {
		if i, shown := position[one.Prefix]; shown {
			cells[i].uses = append(cells[i].uses, use{one, []string{one.Source}})
		}
	}
	for i := range cells {
		cells[i].merge()
		for _, u := range cells[i].uses {
			one := Overlap{u.Prefix, u.Kind, u.sources[0]}
			cells[i].own.add(u.Kind, one)
			for around := cells[i].parent; around >= 0; around = cells[around].parent {
				cells[around].inside.add(u.Kind, one)
			}
		}
	}
	return cells
}

// merge sorts the uses and joins those that are shown in one row.
func (c *cell) merge() {
	slices.SortFunc(c.uses, func(a, b use) int {
		return cmp.Or(cmp.Compare(a.Kind.order(), b.Kind.order()), cmp.Compare(a.State, b.State), cmp.Compare(a.Source, b.Source))
	})
	var merged []use
	for _, u := range c.uses {
		last := len(merged) - 1
		switch {
		case last < 0 || u.Kind == Pool || u.Kind == LoadBalancer || u.Kind == NoNAT:
			merged = append(merged, u)
		case merged[last].Kind == Route && u.Kind == Interface: // the route to its network
			merged[last].Kind, merged[last].sources = Interface, slices.Concat(u.sources, merged[last].sources)
		case merged[last].Kind == u.Kind:
			if !slices.Contains(merged[last].sources, u.Source) {
				merged[last].sources = append(merged[last].sources, u.Source)
			}
		default:
			merged = append(merged, u)
		}
	}
	c.uses = merged
}

func (c *cell) row(u use) Row {
	return Row{
		Depth: c.depth, Kind: u.Kind, First: c.prefix.Addr(), Last: lastOf(c.prefix), Prefix: c.prefix, Count: 1,
		Sources: u.sources, State: u.State, Blocks: u.Blocks,
	}
}

// overlaps returns the ranges that a use in the cell at position i conflicts with: those
// around it, the others with the same range, and those inside.
func overlaps(cells []cell, i int, u use) (first []Overlap, count int) {
	self := Overlap{u.Prefix, u.Kind, u.sources[0]}
	first = []Overlap{}
	add := func(t tally, without int) {
		for _, known := range kinds {
			if found := t[known.kind]; found != nil && conflicts[[2]Kind{u.Kind, known.kind}] {
				if known.kind != u.Kind {
					count += found.count
				} else {
					count += found.count - without
				}
				for _, other := range found.first {
					if len(first) < maxOverlaps && (without == 0 || other != self) {
						first = append(first, other)
					}
				}
			}
		}
	}
	for around := cells[i].parent; around >= 0; around = cells[around].parent {
		add(cells[around].own, 0)
	}
	add(cells[i].own, 1)
	add(cells[i].inside, 0)
	return first, count
}
