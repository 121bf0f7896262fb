package manifest

import (
	"fmt"
	"slices"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"go.yaml.in/yaml/v3"

	"github.com/calico-bootstrap/calico-bootstrap/internal/spelling"
	"github.com/calico-bootstrap/calico-bootstrap/internal/yamlnode"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// listOfPools is the key of the list in openshift-ansible's variables.
const listOfPools = "ip_pools"

// coreList is the kind, of API version v1, in which kubectl prints several objects.
const coreList = "List"

// Decode decodes the IPPools in the data, YAML or JSON, one document or several:
//
//   - objects of the kinds IPPool, IPPoolList and, as kubectl prints it, List, or of the
//     list kinds of those below;
//   - the Tigera operator's Installation, or the Helm values of its chart: the pools of
//     calicoNetwork.ipPools, as the operator creates them, see
//     [installation.Spec.Pools]. The other fields and the other kinds of
//     operator.tigera.io are ignored;
//   - a HelmChartConfig or a HelmChart, as in RKE2, with such values in
//     spec.valuesContent. One of another chart is a warning;
//   - a list of pools, at the top level or as the value of the only key ip_pools,
//     whose value may also be a single item. Each item is an IPPool, with or
//     without kind and apiVersion, a flat mapping of name, labels, annotations
//     and the fields of the spec, or an IPPoolList or List.
//
// Values are those that kubectl and calicoctl read. What YAML reads as something else than
// what is written is a fault: tags other than YAML's own, numbers in other notations than
// decimal, line breaks and templates outside of annotations.
//
// Pools of calicoctl 1 are a fault: see [DecodeV1].
//
// Faults are syntax errors, unknown fields and wrong types. Warnings are fields
// that are ignored because only a server sets them, as in an export, and what has no
// effect, such as the values of another chart. Both are sorted by line, and after a thousand faults the rest is not reported. An entry
// that can be decoded in part is returned with its faults; [Entry.Validate]
// validates the rest. Empty data and empty documents have no entries and no
// faults.
//
// Aliases are followed up to a limit on the nodes that they add. Merge keys are
// not supported. Data with more than [MaxPools] pools, or more than 300,000
// keys and items, is a fault, so that decoding takes less than 200 MB of memory
// for each 8 MiB of data.
func Decode(data []byte) (entries []Entry, warnings, faults []Fault) {
	d := newDecoder()
	return d.decode(data, d.document)
}

// decode decodes the documents of the data.
func (d *decoder) decode(data []byte, read func(document *yaml.Node)) (entries []Entry, warnings, faults []Fault) {
	fault := checkSize(data, maxIndicators)
	if fault == nil {
		fault = yamlnode.Parse(data, func(document *yaml.Node) bool {
			d.AddDocument(document)
			read(document)
			return d.Budget >= 0
		})
	}
	if fault != nil {
		d.Faults = append(d.Faults, *fault)
	}
	for _, fault := range d.Faults {
		faults = append(faults, Fault{Line: fault.Line, Path: fault.Path, Value: fault.Value, Problem: fault.Problem})
	}
	slices.SortStableFunc(d.warnings, compareLines)
	slices.SortStableFunc(faults, compareLines)
	return d.entries, d.warnings, faults
}

type decoder struct {
	yamlnode.Reader
	entries  []Entry
	warnings []Fault
}

func newDecoder() *decoder {
	d := &decoder{Reader: yamlnode.NewReader()}
	d.Required, d.OtherNames = []string{"name", "cidr", "ipPools"}, otherNames
	return d
}

// unlike reports a word that is not one of the known ones.
func (d *decoder) unlike(line int, path, word string, known []string) {
	problem := "must be " + yamlnode.Either(known)
	if word == "" {
		problem = "is empty; " + problem
	}
	d.Fault(line, path, word, problem)
}

func (d *decoder) ignored(line int, path string) {
	d.warnings = append(d.warnings, Fault{Line: line, Path: path, Problem: "is set by the server; ignored", ServerField: true})
}

func (d *decoder) warn(line int, path, value, problem string) {
	d.warnings = append(d.warnings, Fault{Line: line, Path: path, Value: value, Problem: problem})
}

func (d *decoder) document(node *yaml.Node) {
	node = yamlnode.Follow(node)
	switch {
	case node.Kind == yaml.SequenceNode:
		d.pools("", node, d.anyPool)
	case node.Kind == yaml.MappingNode:
		if value, line, ok := yamlnode.LookUp(node, listOfPools); ok {
			d.listOfPools(node, value, line)
			return
		}
		_, _, isValues := yamlnode.LookUp(node, helmInstallation)
		if _, _, hasKind := yamlnode.LookUp(node, "kind"); isValues && !hasKind {
			d.helmValues("", node)
			return
		} else if !hasKind && d.nestedValues("", node) {
			return
		}
		d.object("", node)
	case yamlnode.WhatIs(node) == yamlnode.Template:
		d.Fault(node.Line, "", "", yamlnode.Unrendered)
	case yamlnode.WhatIs(node) != yamlnode.Null: // nothing is an empty document
		// Omit the value: the data may be a secret such as a token.
		d.Fault(node.Line, "", "", fmt.Sprintf("is %s; must be an IPPool, an IPPoolList or a list of pools", yamlnode.WhatIs(node)))
	}
}

// listOfPools decodes the value of ip_pools, which must be the only key.
func (d *decoder) listOfPools(around, value *yaml.Node, line int) {
	for _, pair := range d.Mapping("", around) {
		if pair.Key != listOfPools {
			d.Fault(pair.Line, yamlnode.Shortened(pair.Key), "", "not allowed next to ip_pools; ip_pools must be the only key")
		}
	}
	switch value = yamlnode.Follow(value); {
	case value.Kind == yaml.SequenceNode:
		d.pools(listOfPools, value, d.anyPool)
	case value.Kind == yaml.MappingNode && isFlat(value):
		d.pool(listOfPools, line, d.Mapping(listOfPools, value), true)
	case value.Kind == yaml.MappingNode:
		d.object(listOfPools, value)
	default:
		d.WrongType(listOfPools, line, value, "a list of pools")
	}
}

// object decodes an object that has a kind.
func (d *decoder) object(path string, node *yaml.Node) {
	pairs := d.Mapping(path, node)
	if isForOperator(pairs) || d.isV1(path, pairs) {
		return
	}
	kind, ok := typedList(pairs)
	if !ok {
		kind, ok = d.kind(path, node.Line, pairs, slices.Insert(slices.Clone(objectKinds), 1, v3.KindIPPoolList, coreList))
	}
	if !ok {
		return
	}
	d.apiVersion(path, node.Line, pairs, kind, true)
	if slices.Contains(objectKinds, kind) {
		d.objectOf(kind, path, node.Line, pairs)
		return
	}
	found := false
	for _, pair := range pairs {
		switch pair.Key {
		case "apiVersion", "kind":
		case "metadata":
			d.listMetadata(yamlnode.Join(path, pair.Key), pair)
		case "items":
			found = true
			if pair.Value.Kind != yaml.SequenceNode {
				d.WrongType(yamlnode.Join(path, pair.Key), pair.Line, pair.Value, "a list of IPPools")
				continue
			}
			d.pools(yamlnode.Join(path, pair.Key), pair.Value, func(path string, line int, item *yaml.Node) {
				d.item(path, line, item, strings.TrimSuffix(kind, coreList))
			})
		default:
			d.Unknown(path, pair, listFields, "")
		}
	}
	if !found {
		d.Fault(node.Line, yamlnode.Join(path, "items"), "", "is missing; must be a list of IPPools")
	}
}

// pools decodes a list. The line of an item that is an alias is that of the alias.
func (d *decoder) pools(path string, list *yaml.Node, read func(path string, line int, item *yaml.Node)) {
	if !d.Spend(list) {
		return
	}
	for i, item := range list.Content {
		if d.Budget < 0 {
			return
		}
		at, value := fmt.Sprintf("%s[%d]", path, i), yamlnode.Follow(item)
		if value.Kind != yaml.MappingNode {
			d.WrongType(at, item.Line, value, "an IPPool")
			continue
		}
		read(at, item.Line, value)
	}
}

// typedList returns the kind of a list of one of the objectKinds, but for IPPoolList.
func typedList(pairs []yamlnode.Pair) (string, bool) {
	kind, ok := yamlnode.Find(pairs, "kind")
	if !ok || !slices.Contains(typedLists, kind.Value.Value) {
		return "", false
	}
	return kind.Value.Value, true
}

// item decodes an item of a list of the kind of, or of a List if of is empty. In a list of a
// kind, the item's kind and API version are optional.
func (d *decoder) item(path string, line int, node *yaml.Node, of string) {
	pairs := d.Mapping(path, node)
	known := objectKinds
	if of != "" {
		known = []string{of}
	} else if isForOperator(pairs) {
		return
	}
	if d.isV1(path, pairs) {
		return
	}
	kind := of
	if _, hasKind := yamlnode.Find(pairs, "kind"); hasKind || of == "" {
		var ok bool
		if kind, ok = d.kind(path, line, pairs, known); !ok {
			return
		}
	}
	d.apiVersion(path, line, pairs, kind, of == "")
	d.objectOf(kind, path, line, pairs)
}

// objectKinds are the kinds of objects that have pools, except for lists.
var objectKinds = []string{v3.KindIPPool, kindInstallation, kindHelmChartConfig, kindHelmChart}

// typedLists are the kinds of their lists, but for IPPoolList.
var typedLists = []string{kindInstallation + coreList, kindHelmChartConfig + coreList, kindHelmChart + coreList}

// objectOf decodes an object of one of these kinds.
func (d *decoder) objectOf(kind, path string, line int, pairs []yamlnode.Pair) {
	switch kind {
	case kindInstallation:
		d.installation(yamlnode.Join(path, "spec"), line, pairs, "spec")
	case kindHelmChartConfig, kindHelmChart:
		d.helmChart(path, line, pairs)
	default:
		d.pool(path, line, pairs, false)
	}
}

// isFlat reports whether a mapping is a pool without metadata and spec.
func isFlat(node *yaml.Node) bool {
	_, _, named := yamlnode.LookUp(node, "name")
	_, _, ranged := yamlnode.LookUp(node, "cidr")
	return named || ranged
}

// anyPool decodes an item of a plain list, which may be a list object, a pool object or
// flat.
func (d *decoder) anyPool(path string, line int, node *yaml.Node) {
	if kind, _, is := yamlnode.LookUp(node, "kind"); is && slices.Contains(slices.Concat(typedLists, []string{v3.KindIPPoolList, coreList}), yamlnode.Follow(kind).Value) {
		d.object(path, node)
		return
	}
	for _, key := range []string{"kind", "apiVersion", "metadata", "spec"} {
		if _, _, is := yamlnode.LookUp(node, key); is {
			d.item(path, line, node, v3.KindIPPool)
			return
		}
	}
	d.pool(path, line, d.Mapping(path, node), true)
}

// kind returns the kind of an object, or the known kind that was probably meant.
// It returns false if there is no such kind.
func (d *decoder) kind(path string, line int, pairs []yamlnode.Pair, known []string) (string, bool) {
	if d.Budget < 0 {
		return "", false
	}
	at := yamlnode.Join(path, "kind")
	given, ok := yamlnode.Find(pairs, "kind")
	if !ok {
		_, hasSpec := yamlnode.Find(pairs, "spec")
		want := yamlnode.Either(known)
		if path == "" && !hasSpec {
			want += ", or " + listOfPools + " with a list of pools"
		}
		d.Fault(line, at, "", "is missing; must be "+want)
		return v3.KindIPPool, hasSpec
	}
	kind, ok := d.Line(at, given.Line, given.Value)
	if !ok || slices.Contains(known, kind) {
		return kind, ok
	}
	if near := spelling.Suggest(kind, known, otherNames); near != "" {
		d.Fault(given.Line, at, kind, "must be "+near)
		return near, true
	}
	d.unlike(given.Line, at, kind, known)
	return "", false
}

// apiVersion validates the API version of an object of that kind.
func (d *decoder) apiVersion(path string, line int, pairs []yamlnode.Pair, kind string, needed bool) {
	at, known := yamlnode.Join(path, "apiVersion"), []string{v3.SchemeGroupVersion.String(), ippool.CRDV1.String()}
	switch {
	case kind == coreList:
		known = []string{"v1"}
	case strings.HasPrefix(kind, kindInstallation):
		known = []string{operatorGroup + "v1"}
	case strings.HasPrefix(kind, kindHelmChart): // and HelmChartConfig
		known = []string{"helm.cattle.io/v1"}
	}
	given, ok := yamlnode.Find(pairs, "apiVersion")
	if !ok {
		if needed {
			d.Fault(line, at, "", "is missing; must be "+yamlnode.Either(known))
		}
		return
	}
	if version, ok := d.Line(at, given.Line, given.Value); ok && !slices.Contains(known, version) {
		d.unlike(given.Line, at, version, known)
	}
}

// listMetadata checks for unknown fields; the metadata of a list is ignored.
func (d *decoder) listMetadata(path string, given yamlnode.Pair) {
	if yamlnode.WhatIs(given.Value) == yamlnode.Null {
		return
	}
	for _, pair := range d.MappingOf(path, given) {
		if !slices.Contains(listServerFields, pair.Key) {
			d.Unknown(path, pair, listServerFields, "")
		}
	}
}
