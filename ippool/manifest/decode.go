package manifest

import (
	"fmt"
	"slices"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"go.yaml.in/yaml/v3"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// listOfPools is the key of the list in openshift-ansible's variables.
const listOfPools = "ip_pools"

// coreList is the kind, of API version v1, in which kubectl prints several objects.
const coreList = "List"

// Decode decodes the IPPools in the data, YAML or JSON, one document or several:
//
//   - objects of the kinds IPPool, IPPoolList and, as kubectl prints it, List;
//   - a list of pools, at the top level or as the value of the only key ip_pools,
//     whose value may also be a single item. Each item is an IPPool, with or
//     without kind and apiVersion, a flat mapping of name, labels, annotations
//     and the fields of the spec, or an IPPoolList or List.
//
// Faults are syntax errors, unknown fields and wrong types. Warnings are fields
// that are ignored because only a server sets them, as in an export. Both are
// sorted by line, and after a thousand faults the rest is not reported. An entry
// that can be decoded in part is returned with its faults; [Entry.Validate]
// validates the rest. Empty data and empty documents have no entries and no
// faults.
//
// Aliases are followed up to a limit on the nodes that they add. Merge keys are
// not supported. Data with more than [MaxPools] pools, or more than 300,000
// keys and items, is a fault, so that decoding takes less than 200 MB of memory
// for each 8 MiB of data.
func Decode(data []byte) (entries []Entry, warnings, faults []Fault) {
	d := decoder{budget: maxAliased}
	fault := checkSize(data, maxIndicators)
	if fault == nil {
		fault = parse(data, func(document *yaml.Node) bool {
			d.budget += size(document)
			d.document(document)
			return d.budget >= 0
		})
	}
	if fault != nil {
		d.faults = append(d.faults, *fault)
	}
	slices.SortStableFunc(d.warnings, compareLines)
	slices.SortStableFunc(d.faults, compareLines)
	return d.entries, d.warnings, d.faults
}

type decoder struct {
	entries          []Entry
	warnings, faults []Fault
	budget           int // of nodes to visit; negative: stop
}

// maxFaults is the maximum number of faults to report. Data with more faults is
// probably not a manifest.
const maxFaults = 1000

func (d *decoder) fault(line int, path, value, problem string) {
	switch {
	case len(d.faults) < maxFaults:
		d.faults = append(d.faults, Fault{Line: line, Path: path, Value: value, Problem: problem})
	case d.budget >= 0:
		d.faults = append(d.faults, Fault{Line: line, Problem: fmt.Sprintf("more than %d errors; the rest are not reported", maxFaults)})
		d.budget = -1
	}
}

// unlike reports a word that is not one of the known ones.
func (d *decoder) unlike(line int, path, word string, known []string) {
	problem := "must be " + either(known)
	if word == "" {
		problem = "is empty; " + problem
	}
	d.fault(line, path, word, problem)
}

func (d *decoder) ignored(line int, path string) {
	d.warnings = append(d.warnings, Fault{Line: line, Path: path, Problem: "is set by the server; ignored"})
}

func (d *decoder) document(node *yaml.Node) {
	node = follow(node)
	switch {
	case node.Kind == yaml.SequenceNode:
		d.pools("", node, d.anyPool)
	case node.Kind == yaml.MappingNode:
		if value, line, ok := lookUp(node, listOfPools); ok {
			d.listOfPools(node, value, line)
			return
		}
		d.object("", node)
	case whatIs(node) != nothing: // nothing is an empty document
		// Omit the value: the data may be a secret such as a token.
		d.fault(node.Line, "", "", fmt.Sprintf("is %s; must be an IPPool, an IPPoolList or a list of pools", whatIs(node)))
	}
}

// listOfPools decodes the value of ip_pools, which must be the only key.
func (d *decoder) listOfPools(around, value *yaml.Node, line int) {
	for _, pair := range d.mapping("", around) {
		if pair.key != listOfPools {
			d.fault(pair.line, shortened(pair.key), "", "not allowed next to ip_pools; ip_pools must be the only key")
		}
	}
	switch value = follow(value); {
	case value.Kind == yaml.SequenceNode:
		d.pools(listOfPools, value, d.anyPool)
	case value.Kind == yaml.MappingNode && isFlat(value):
		d.pool(listOfPools, line, d.mapping(listOfPools, value), true)
	case value.Kind == yaml.MappingNode:
		d.object(listOfPools, value)
	default:
		d.wrongType(listOfPools, line, value, "a list of pools")
	}
}

// object decodes an object that has a kind.
func (d *decoder) object(path string, node *yaml.Node) {
	pairs := d.mapping(path, node)
	kind, ok := d.kind(path, node.Line, pairs, []string{v3.KindIPPool, v3.KindIPPoolList, coreList})
	if !ok {
		return
	}
	d.apiVersion(path, node.Line, pairs, kind, true)
	if kind == v3.KindIPPool {
		d.pool(path, node.Line, pairs, false)
		return
	}
	found := false
	for _, pair := range pairs {
		switch pair.key {
		case "apiVersion", "kind":
		case "metadata":
			d.listMetadata(join(path, pair.key), pair)
		case "items":
			found = true
			if pair.value.Kind != yaml.SequenceNode {
				d.wrongType(join(path, pair.key), pair.line, pair.value, "a list of IPPools")
				continue
			}
			d.pools(join(path, pair.key), pair.value, func(path string, line int, item *yaml.Node) {
				d.item(path, line, item, kind == v3.KindIPPoolList)
			})
		default:
			d.unknown(path, pair, listFields, "")
		}
	}
	if !found {
		d.fault(node.Line, join(path, "items"), "", "is missing; must be a list of IPPools")
	}
}

// pools decodes a list. The line of an item that is an alias is that of the alias.
func (d *decoder) pools(path string, list *yaml.Node, read func(path string, line int, item *yaml.Node)) {
	if !d.spend(list) {
		return
	}
	for i, item := range list.Content {
		if d.budget < 0 {
			return
		}
		at, value := fmt.Sprintf("%s[%d]", path, i), follow(item)
		if value.Kind != yaml.MappingNode {
			d.wrongType(at, item.Line, value, "an IPPool")
			continue
		}
		read(at, item.Line, value)
	}
}

// item decodes an item of an IPPoolList or a List. In an IPPoolList, its kind and
// API version are optional.
func (d *decoder) item(path string, line int, node *yaml.Node, isPool bool) {
	pairs := d.mapping(path, node)
	_, hasKind := find(pairs, "kind")
	if hasKind || !isPool {
		if _, ok := d.kind(path, line, pairs, []string{v3.KindIPPool}); !ok {
			return
		}
	}
	d.apiVersion(path, line, pairs, v3.KindIPPool, !isPool)
	d.pool(path, line, pairs, false)
}

// isFlat reports whether a mapping is a pool without metadata and spec.
func isFlat(node *yaml.Node) bool {
	_, _, named := lookUp(node, "name")
	_, _, ranged := lookUp(node, "cidr")
	return named || ranged
}

// anyPool decodes an item of a plain list, which may be a list object, a pool object or
// flat.
func (d *decoder) anyPool(path string, line int, node *yaml.Node) {
	if kind, _, is := lookUp(node, "kind"); is && slices.Contains([]string{v3.KindIPPoolList, coreList}, follow(kind).Value) {
		d.object(path, node)
		return
	}
	for _, key := range []string{"kind", "apiVersion", "metadata", "spec"} {
		if _, _, is := lookUp(node, key); is {
			d.item(path, line, node, true)
			return
		}
	}
	d.pool(path, line, d.mapping(path, node), true)
}

// kind returns the kind of an object, or the known kind that was probably meant.
// It returns false if there is no such kind.
func (d *decoder) kind(path string, line int, pairs []pair, known []string) (string, bool) {
	if d.budget < 0 {
		return "", false
	}
	at := join(path, "kind")
	given, ok := find(pairs, "kind")
	if !ok {
		_, hasSpec := find(pairs, "spec")
		want := either(known)
		if path == "" && !hasSpec {
			want += ", or " + listOfPools + " with a list of pools"
		}
		d.fault(line, at, "", "is missing; must be "+want)
		return v3.KindIPPool, hasSpec
	}
	kind, ok := d.text(at, given.line, given.value)
	if !ok || slices.Contains(known, kind) {
		return kind, ok
	}
	if near := suggest(kind, known); near != "" {
		d.fault(given.line, at, kind, "must be "+near)
		return near, true
	}
	d.unlike(given.line, at, kind, known)
	return "", false
}

// apiVersion validates the API version of an object of that kind.
func (d *decoder) apiVersion(path string, line int, pairs []pair, kind string, needed bool) {
	at, known := join(path, "apiVersion"), []string{v3.SchemeGroupVersion.String(), ippool.CRDV1.String()}
	if kind == coreList {
		known = []string{"v1"}
	}
	given, ok := find(pairs, "apiVersion")
	if !ok {
		if needed {
			d.fault(line, at, "", "is missing; must be "+either(known))
		}
		return
	}
	if version, ok := d.text(at, given.line, given.value); ok && !slices.Contains(known, version) {
		d.unlike(given.line, at, version, known)
	}
}

// listMetadata checks for unknown fields; the metadata of a list is ignored.
func (d *decoder) listMetadata(path string, given pair) {
	if whatIs(given.value) == nothing {
		return
	}
	for _, pair := range d.mappingOf(path, given) {
		if !slices.Contains(listServerFields, pair.key) {
			d.unknown(path, pair, listServerFields, "")
		}
	}
}
