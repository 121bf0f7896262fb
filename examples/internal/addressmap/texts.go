package addressmap

import (
	"fmt"
	"strings"
)

// Range returns the range as a prefix, or the first and the last address of a group or a
// free range.
func (r Row) Range() string {
	if r.Prefix.IsValid() {
		return r.Prefix.String()
	}
	return r.First.String() + "-" + r.Last.String()
}

// Called returns what the range is used for, with the number of ranges of a group.
func (r Row) Called() string {
	called := r.Kind.Called(r.Count)
	if r.Count > 1 {
		called = fmt.Sprintf("%d %s", r.Count, called)
	}
	return called
}

// Name returns the names of pools and their state, or where the range is from; of a free
// range, its largest prefix.
func (r Row) Name() string {
	name := strings.Join(r.Sources, ", ")
	if r.Kind == Free {
		name = "largest " + r.Largest.String()
	}
	if r.State != "" {
		name += fmt.Sprintf(" (%s)", r.State)
	}
	return name
}

// BlocksText returns the use of a pool by blocks; empty if it is not known.
func (r Row) BlocksText() string {
	b := r.Blocks
	switch {
	case b == nil:
		return ""
	case b.Total == 0 && b.Used == 0:
		return "0"
	case b.Total == 0:
		return fmt.Sprintf("%d (%s)", b.Used, percent(b.Percent))
	default:
		return fmt.Sprintf("%d/%d (%s)", b.Used, b.Total, percent(b.Percent))
	}
}

// percent formats a percentage so that neither a little nor nearly all is rounded away.
func percent(p float64) string {
	switch {
	case p > 0 && p < 0.1:
		return "<0.1%"
	case p > 99.9 && p < 100:
		return ">99.9%"
	default:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", p), ".0") + "%"
	}
}

// OverlapText returns the ranges that the row conflicts with; empty if there are none.
func (r Row) OverlapText() string {
	var texts []string
	for _, overlap := range r.Overlaps {
		texts = append(texts, fmt.Sprintf("%s %s (%s)", overlap.Kind.Called(1), overlap.Prefix, overlap.Source))
	}
	if more := r.OverlapCount - len(r.Overlaps); more > 0 {
		texts = append(texts, fmt.Sprintf("%d more", more))
	}
	return strings.Join(texts, ", ")
}
