package settings

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/manifest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/selector"
)

// filePool is a pool of a file.
type filePool struct {
	path      string
	entry     manifest.Entry
	conflicts []manifest.Fault // that are no errors if the existing pool has them, too
}

// skipForFiles skips default pools if pools come from files, except for families whose
// CIDR is set.
func (s *Settings) skipForFiles(config *Config) {
	if !s.HasPoolManifests() {
		return
	}
	for i := range config.Desired.Pools {
		pool := &config.Desired.Pools[i]
		if pool.Skip != "" || s.pool(pool.Family).CIDR.IsSet() {
			continue
		}
		pool.Skip = "the pools come from " + s.poolsFrom()
	}
}

// resolveFiles validates the pools of files, one by one and then together with the
// default pools, and adds them to the desired pools.
func (s *Settings) resolveFiles(config *Config, faults *Faults) {
	if s.PoolsFile.IsSet() && s.PoolManifests == nil {
		faults.Add(s.PoolsFile, "not read; call ReadPoolsFile first")
		return
	}
	if s.PoolManifests != nil && len(s.PoolManifests) == 0 && !s.PoolsFile.IsSet() {
		faults.Add(Setting{}, "an empty list of pool manifests; must have one or more, or be nil to have none")
		return
	}
	var (
		pools []filePool
		idle  Faults // warnings of objects without pools, which are faults if nothing has pools
	)
	before, read := len(*faults), 0
	for _, file := range s.PoolManifests {
		if file.Skipped != "" {
			config.Warnings = append(config.Warnings, fmt.Sprintf("%s is skipped: %s", origin.Line(file.Path, 0).String(), file.Skipped))
			continue
		}
		read++
		pools = append(pools, validateFile(file, config, faults, &idle)...)
		if len(pools) > manifest.MaxPools {
			faults.Add(Setting{Source: origin.Line(file.Path, 0)}, "more than %d pools up to this file; the rest are not read", manifest.MaxPools)
			return
		}
	}
	if (read > 0 || s.PoolManifests != nil && !s.PoolsFile.IsSet()) && // for an unread PoolsFile, ReadPoolsFile reported it
		len(pools) == 0 && len(*faults) == before {
		place := s.PoolsFile
		if !place.IsSet() {
			place.Source = origin.Line(s.PoolManifests[0].Path, 0)
		}
		faults.Add(place, "must contain one or more IPPools")
		*faults = append(*faults, idle...)
		idle = nil
	}
	for _, warning := range idle {
		config.Warnings = append(config.Warnings, warning.Error())
	}
	s.validateSet(config.Desired.Pools, pools, faults)

	slices.SortStableFunc(pools, func(a, b filePool) int { return cmp.Compare(a.entry.Pool.Name, b.entry.Pool.Name) })
	var skipped []filePool
	for _, pool := range pools {
		desired, ok := s.desiredOf(pool)
		if !ok {
			continue
		}
		config.Desired.Pools = append(config.Desired.Pools, desired)
		if desired.Skip != "" {
			skipped = append(skipped, pool)
		}
		config.warnOfSelector(desired, Given(desired.Pool.Spec.NodeSelector, origin.Line(pool.path, lineOf(pool.entry, "nodeSelector"))))
	}
	s.warnOfSkipped(skipped, config)
}

// warnOfSkipped adds one warning per file with IPv6 pools that are skipped because a setting
// turns IPv6 off.
func (s *Settings) warnOfSkipped(skipped []filePool, config *Config) {
	var paths []string
	named := map[string][]string{}
	lines := map[string]int{}
	for _, pool := range skipped {
		line := lineOf(pool.entry, "cidr")
		if first, has := lines[pool.path]; !has || line < first {
			lines[pool.path] = line
		}
		if named[pool.path] == nil {
			paths = append(paths, pool.path)
		}
		named[pool.path] = append(named[pool.path], text.Quote(pool.entry.Pool.Name))
	}
	for _, path := range slices.Sorted(slices.Values(paths)) {
		names := named[path]
		what := "IPPool " + names[0] + " is"
		if more := len(names) - text.MaxNamed; len(names) > 1 {
			what = "IPPools " + text.Join(names[:min(len(names), text.MaxNamed)])
			if more > 0 {
				what += fmt.Sprintf(", %d more", more)
			}
			what += " are"
		}
		config.Warnings = append(config.Warnings, fmt.Sprintf("%s: %s skipped: %s", origin.Line(path, lines[path]).String(), what, s.ipv6Disabled()))
	}
}

// warnOfSelector warns of a pool for pods whose nodeSelector matches no node.
func (c *Config) warnOfSelector(desired plan.DesiredPool, nodes Setting) {
	spec := desired.Pool.Spec
	parsed, err := selector.Parse(spec.NodeSelector)
	if desired.Skip != "" || err != nil || !parsed.SelectsNothing() {
		return
	}
	spec.NodeSelector = ""
	if plan.Unusable(spec) != "" { // for another reason, so that it is intended
		return
	}
	hint := "set all() for every node"
	if !desired.Default {
		hint += ", or assignmentMode: Manual for a pool that pods name"
	}
	c.Warnings = append(c.Warnings, fmt.Sprintf("%s: %s matches no node: no addresses of the pool are assigned automatically; %s", nodes.Source, nodes.shown(), hint))
}

// validateFile decodes the pools of one file and validates each of them. Warnings about
// anything else than fields of a server are added to idle.
func validateFile(file PoolManifest, config *Config, faults, idle *Faults) []filePool {
	decode := manifest.Decode
	if file.V1 {
		decode = manifest.DecodeV1
	}
	entries, warnings, invalid := decode(file.Data)
	var pools []filePool
	for _, entry := range entries {
		pool := filePool{path: file.Path, entry: entry}
		for _, fault := range entry.Validate() {
			if fault.Conflict != "" {
				pool.conflicts = append(pool.conflicts, fault)
			} else {
				invalid = append(invalid, fault)
			}
		}
		pools = append(pools, pool)
	}
	slices.SortStableFunc(invalid, func(a, b manifest.Fault) int { return cmp.Compare(a.Line, b.Line) })
	for _, fault := range invalid {
		faults.addInFile(file.Path, fault)
	}
	if file.V1 {
		var converted Faults
		for _, warning := range warnings {
			converted.addInFile(file.Path, warning)
		}
		for _, warning := range converted {
			config.Warnings = append(config.Warnings, warning.Error())
		}
		return pools
	}
	var ofServer []manifest.Fault
	for _, warning := range warnings {
		if warning.ServerField {
			ofServer = append(ofServer, warning)
		} else {
			idle.addInFile(file.Path, warning)
		}
	}
	if warning := ignoredFields(file.Path, ofServer); warning != "" {
		config.Warnings = append(config.Warnings, warning)
	}
	return pools
}

// addConflicts adds the conflicts of the pools, which can't be compared with existing ones.
func (f *Faults) addConflicts(pools []plan.DesiredPool) {
	for _, pool := range pools {
		if pool.Skip != "" {
			continue
		}
		for _, conflict := range pool.Conflicts {
			before := len(*f)
			f.gather(conflict.Err)
			for i := range (*f)[before:] {
				(*f)[before+i].Problem += "; no error if the existing pool has the same"
			}
		}
	}
}

func (f *Faults) addInFile(path string, fault manifest.Fault) {
	problem := fault.Problem
	if fault.Path != "" {
		problem = fault.Path + ": " + problem
	}
	f.Add(Given(fault.Value, origin.Line(path, fault.Line)), "%s", problem)
}

// ignoredFields returns one warning per file, however many pools it contains.
func ignoredFields(path string, warnings []manifest.Fault) string {
	if len(warnings) == 0 {
		return ""
	}
	var fields []string
	for _, warning := range warnings {
		field := warning.Path
		for _, part := range []string{"metadata.", "annotations[", "status"} { // without a prefix such as items[2]
			if i := strings.Index(field, part); i >= 0 {
				field = field[i:]
				break
			}
		}
		if !slices.Contains(fields, field) {
			fields = append(fields, field)
		}
	}
	return fmt.Sprintf("%s: fields that only a server sets are ignored: %s", origin.Line(path, warnings[0].Line).String(), strings.Join(fields, ", "))
}

// validateSet reports duplicate names and overlapping ranges, like ippool.ValidateSet,
// with both places. Default pools come first, so that a conflict with one is a fault of
// the file.
func (s *Settings) validateSet(defaults []plan.DesiredPool, files []filePool, faults *Faults) {
	var (
		set    []*v3.IPPool
		places []string // places of the names
		cidrs  []string // places of the CIDRs
	)
	for _, desired := range defaults {
		if desired.Skip != "" {
			continue
		}
		given := s.pool(desired.Family)
		name := fmt.Sprintf("the default %s pool", desired.Family)
		set = append(set, desired.Pool)
		place := fmt.Sprintf("%s, from %s", name, given.CIDR.Source)
		if given.Name.IsSet() {
			place += fmt.Sprintf(" and %s", given.Name.Source)
		}
		places = append(places, place)
		cidrs = append(cidrs, name+", "+given.CIDR.Source.String())
	}
	first := len(set)
	for _, file := range files {
		set = append(set, file.entry.Pool)
		places = append(places, origin.Line(file.path, lineOf(file.entry, "name")).String())
		cidrs = append(cidrs, origin.Line(file.path, lineOf(file.entry, "cidr")).String())
	}
	names := map[string]int{}
	for i, pool := range set {
		switch other, taken := names[pool.Name]; {
		case pool.Name == "":
		case !taken:
			names[pool.Name] = i
		case i >= first:
			file := files[i-first]
			faults.addInFile(file.path, file.entry.At("metadata.name", pool.Name, "another pool has this name ("+places[other]+"); names must be unique"))
		}
	}
	for _, overlap := range ippool.Overlaps(set) {
		if overlap.Later < first {
			continue // both are default pools
		}
		file, pool, other := files[overlap.Later-first], set[overlap.Later], set[overlap.Earlier]
		faults.addInFile(file.path, file.entry.At("spec.cidr", pool.Spec.CIDR,
			fmt.Sprintf("overlaps %s of pool %s (%s); ranges must not overlap", other.Spec.CIDR, text.Quote(other.Name), cidrs[overlap.Earlier])))
	}
}

func lineOf(entry manifest.Entry, field string) int {
	if line, given := entry.Lines[field]; given {
		return line
	}
	return entry.Line
}

// desiredOf fills in the defaults of a pool of a file. It returns false if the CIDR is
// invalid.
func (s *Settings) desiredOf(file filePool) (plan.DesiredPool, bool) {
	pool := file.entry.Pool.DeepCopy()
	prefix, err := ippool.ParseCIDR(pool.Spec.CIDR)
	if err != nil {
		return plan.DesiredPool{}, false
	}
	pool.Spec.CIDR = canonical(prefix, pool.Spec.CIDR)
	desired := plan.DesiredPool{Family: ippool.FamilyOf(prefix), Pool: pool}
	if desired.Family == ippool.IPv6 && !s.IPv6Support.Bool(true, new(Faults)) {
		desired.Skip = s.ipv6Disabled()
	}
	ippool.Default(pool)
	desired.Values = file.values(pool)
	for _, conflict := range file.conflicts {
		var faults Faults
		faults.addInFile(file.path, conflict)
		desired.Conflicts = append(desired.Conflicts, plan.Conflict{Field: conflict.Conflict, Err: faults.Err()})
	}
	return desired, true
}

// canonical returns the CIDR to store. One with host bits is a fault and is not changed.
func canonical(prefix netip.Prefix, text string) string {
	if prefix != prefix.Masked() {
		return text
	}
	return prefix.String()
}

// values returns the fields of the pool with the origins of their values. An empty field
// of the file has the default.
func (f filePool) values(pool *v3.IPPool) []plan.Value {
	spec, given := pool.Spec, f.entry.Pool.Spec
	var values []plan.Value
	add := func(field string, value any, empty bool) {
		source := origin.Default
		if line, ok := f.entry.Lines[field]; ok && !empty {
			source = origin.Line(f.path, line)
		}
		values = append(values, plan.Value{Field: field, Value: value, Source: source})
	}
	add("name", pool.Name, false)
	add("cidr", spec.CIDR, false)
	add("vxlanMode", spec.VXLANMode, given.VXLANMode == "")
	add("ipipMode", spec.IPIPMode, given.IPIPMode == "")
	add("natOutgoing", spec.NATOutgoing, false)
	add("disabled", spec.Disabled, false)
	add("disableBGPExport", spec.DisableBGPExport, false)
	add("blockSize", spec.BlockSize, given.BlockSize == 0)
	add("nodeSelector", spec.NodeSelector, given.NodeSelector == "")
	add("namespaceSelector", spec.NamespaceSelector, false)
	add("allowedUses", slices.Clone(spec.AllowedUses), len(given.AllowedUses) == 0)
	add("assignmentMode", *spec.AssignmentMode, given.AssignmentMode == nil)
	for _, key := range slices.Sorted(maps.Keys(pool.Labels)) {
		add("labels["+key+"]", pool.Labels[key], false)
	}
	for _, key := range slices.Sorted(maps.Keys(pool.Annotations)) {
		add("annotations["+key+"]", pool.Annotations[key], false)
	}
	return values
}
