package main

import (
	"fmt"
	"io"
	"net/netip"
	"slices"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// groupsOf returns the pools of the report, in its order, with those of a range of
// --no-nat-to that have the same action and no drift in one group, by CIDR. Any other pool is
// a group.
func groupsOf(report bootstrap.Report) [][]bootstrap.PoolReport {
	type key struct {
		of     netip.Prefix
		action plan.Action
	}
	places := map[key]int{}
	var groups [][]bootstrap.PoolReport
	for _, pool := range report.Pools {
		k := key{pool.NoNATTo, pool.Action}
		place, found := places[k]
		switch shared := pool.NoNATTo.IsValid() && pool.Spec != nil && len(pool.Drift) == 0; {
		case shared && found:
			groups[place] = append(groups[place], pool)
			continue
		case shared:
			places[k] = len(groups)
		}
		groups = append(groups, []bootstrap.PoolReport{pool})
	}
	for _, group := range groups {
		slices.SortStableFunc(group, func(a, b bootstrap.PoolReport) int { return prefixOf(a).Addr().Compare(prefixOf(b).Addr()) })
	}
	return groups
}

// prefixOf returns the range of a pool; not valid if it has none.
func prefixOf(pool bootstrap.PoolReport) netip.Prefix {
	if pool.Spec == nil {
		return netip.Prefix{}
	}
	prefix, _ := netip.ParsePrefix(pool.Spec.CIDR) // the zero Prefix if it is invalid
	return prefix
}

// rangeOf returns the range of --no-nat-to that a pool is for; zero: none.
func rangeOf(report bootstrap.Report, pool bootstrap.PoolReport) bootstrap.NoNATReport {
	i := slices.IndexFunc(report.NoNATTo, func(r bootstrap.NoNATReport) bool { return r.Range == pool.NoNATTo })
	if i < 0 {
		return bootstrap.NoNATReport{}
	}
	return report.NoNATTo[i]
}

// maxListLine is the maximum length of a line of a list, in characters.
const maxListLine = 100

// printRange prints the block of several pools of a range: their CIDRs, from which the names
// follow, the values that they share, and what they do to NAT together.
func (p *program) printRange(table io.Writer, report bootstrap.Report, pools []bootstrap.PoolReport) {
	first, of := pools[0], rangeOf(report, pools[0])
	does, why := sentence(first), "named after their CIDRs, such as "+cell(first.Name)
	if first.Action == plan.Unchanged {
		does, why = "are unchanged", cell(first.Reason)
	}
	fmt.Fprintln(table, p.marked(first.Action, fmt.Sprintf("%s range %s (%s): %d pools %s (%s)", first.Family, of.Range, cell(of.Source), len(pools), does, why)))
	line := " "
	for i, pool := range pools {
		item := cell(pool.Spec.CIDR)
		if plan.NoNATPool(prefixOf(pool), of.Range).Name != pool.Name {
			item += " (" + cell(pool.Name) + ")"
		}
		if i < len(pools)-1 {
			item += ","
		}
		if len(line)+1+len(item) > maxListLine {
			fmt.Fprintln(table, line)
			line = " "
		}
		line += " " + item
	}
	fmt.Fprintln(table, line)
	fmt.Fprintln(table, "  FIELD\tVALUE\tFROM")
	for _, value := range planValues(first) {
		same := func(pool bootstrap.PoolReport) bool {
			return slices.ContainsFunc(planValues(pool), func(other plan.Value) bool {
				return other.Field == value.Field && fmt.Sprint(other.Value) == fmt.Sprint(value.Value)
			})
		}
		if !slices.ContainsFunc(pools, func(pool bootstrap.PoolReport) bool { return !same(pool) }) {
			fmt.Fprintf(table, "  %s\t%s\t%s\n", value.Field, cell(value.Value), cell(value.Source))
		}
	}
	if of.NAT != "" && first.Action != plan.Unchanged {
		fmt.Fprintf(table, "  NAT: %s\n", text.Graphic(of.NAT))
	}
	fmt.Fprintln(table)
}
