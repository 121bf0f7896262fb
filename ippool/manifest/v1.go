package manifest

import (
	"fmt"
	"slices"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"go.yaml.in/yaml/v3"

	"github.com/calico-bootstrap/calico-bootstrap/internal/yamlnode"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// DecodeV1 converts the pools of calicoctl 1 (Calico 2), which are not those of
// Calico's v3 API: YAML or JSON, objects of apiVersion v1 and kind ipPool (or, before
// calicoctl 1.0, pool), their lists, or a plain list of them, as calicoctl 1 prints it.
//
// The names are those of "calicoctl convert": a pool of v1 has none, so it gets that of its
// CIDR, such as 10-1-0-0-16. Warnings are the fields and values that are renamed or lost,
// and objects of other kinds, which are not converted. Limits, faults and entries are
// those of Decode.
func DecodeV1(data []byte) (entries []Entry, warnings, faults []Fault) {
	d := newDecoder()
	d.Required = []string{"cidr"}
	v := v1Decoder{decoder: d, renamed: map[string]bool{}}
	return d.decode(data, v.document)
}

const (
	v1Version = "v1"
	wantV1    = "an ipPool of calicoctl 1, with apiVersion: v1 and metadata.cidr"
)

// v1Pools are the kinds of a pool in v1, without regard to case, and v1Lists those of lists.
var v1Pools, v1Lists = []string{"ippool", "pool"}, []string{"ippoollist", "poollist"}

// v1Kind returns the kind of an object of apiVersion v1, in lower case; empty for others.
func v1Kind(pairs []yamlnode.Pair) (kind string) {
	version, _ := yamlnode.Find(pairs, "apiVersion")
	given, _ := yamlnode.Find(pairs, "kind")
	if version.Value == nil || given.Value == nil || version.Value.Value != v1Version {
		return ""
	}
	return strings.ToLower(given.Value.Value)
}

// isV1 reports whether an object is a pool of v1, as a fault.
func (d *decoder) isV1(path string, pairs []yamlnode.Pair) bool {
	if kind := v1Kind(pairs); !slices.Contains(slices.Concat(v1Pools, v1Lists), kind) {
		return false
	}
	kind, _ := yamlnode.Find(pairs, "kind")
	d.Fault(kind.Line, yamlnode.Join(path, "kind"), kind.Value.Value,
		"is of calicoctl 1 (apiVersion v1); to convert the file to "+v3.SchemeGroupVersion.String()+": calico-bootstrap render --from-v1 FILE")
	return true
}

type v1Decoder struct {
	*decoder
	renamed map[string]bool // fields of which a warning says so
}

func (d v1Decoder) document(node *yaml.Node) {
	switch node = yamlnode.Follow(node); {
	case node.Kind == yaml.SequenceNode:
		d.pools("", node, d.object)
	case node.Kind == yaml.MappingNode:
		d.object("", node.Line, node)
	case yamlnode.WhatIs(node) != yamlnode.Null:
		d.Fault(node.Line, "", "", fmt.Sprintf("is %s; must be %s", yamlnode.WhatIs(node), wantV1))
	}
}

func (d v1Decoder) object(path string, line int, node *yaml.Node) {
	pairs := d.Mapping(path, node)
	kind := v1Kind(pairs)
	items, hasItems := yamlnode.Find(pairs, "items")
	isList := slices.Contains(v1Lists, kind) || kind == strings.ToLower(coreList)
	switch {
	case d.Budget < 0:
	case slices.Contains(v1Pools, kind):
		d.pool(path, line, pairs)
	case isList && hasItems && items.Value.Kind == yaml.SequenceNode:
		d.pools(yamlnode.Join(path, "items"), items.Value, d.object)
	case isList:
		d.Fault(line, yamlnode.Join(path, "items"), "", "is missing; must be a list of pools")
	case kind != "":
		given, _ := yamlnode.Find(pairs, "kind")
		d.warn(given.Line, yamlnode.Join(path, "kind"), given.Value.Value, "is not a pool; not converted")
	default:
		d.Fault(line, path, "", "must be "+wantV1)
	}
}

// rename warns once of a field that has another name in v3.
func (d v1Decoder) rename(line int, path, to string) {
	if field := path[strings.LastIndexByte(path, '.')+1:]; !d.renamed[field] {
		d.renamed[field] = true
		d.warn(line, path, "", "is "+to+" in "+v3.SchemeGroupVersion.String())
	}
}

// pool converts a pool.
func (d v1Decoder) pool(path string, line int, pairs []yamlnode.Pair) {
	p, ok := d.newPool(path, line, false)
	if !ok {
		return
	}
	p.entry.written = map[string]written{"cidr": {path: "metadata.cidr"}, "ipipMode": {path: "spec.ipip", none: "enabled: false"}, "natOutgoing": {path: "spec.nat-outgoing"}}
	for _, given := range pairs {
		at := yamlnode.Join(path, given.Key)
		switch given.Key {
		case "apiVersion", "kind":
		case "metadata":
			p.object(at, given, func(path string, given yamlnode.Pair) bool { return d.metadata(p, path, given) },
				v1MetadataFields, v1SpecFields, yamlnode.Join(path, "spec"))
		case "spec":
			p.object(at, given, func(path string, given yamlnode.Pair) bool { return d.spec(p, path, given) },
				v1SpecFields, v1MetadataFields, yamlnode.Join(path, "metadata"))
		default:
			p.unknown(path, given, []string{"apiVersion", "kind", "metadata", "spec"}, "")
		}
	}
	if d.Budget < 0 {
		return
	}
	p.need("spec.cidr", needCIDR)
	if p.entry.Pool.Name == "" {
		p.entry.invalid["name"] = true // unless the CIDR is valid
		if prefix, err := ippool.ParseCIDR(p.entry.Pool.Spec.CIDR); err == nil {
			p.entry.Pool.Name = strings.NewReplacer(".", "-", ":", "-", "/", "-").Replace(prefix.Masked().String())
			d.warn(p.entry.Lines["cidr"], yamlnode.Join(path, "metadata.name"), "", fmt.Sprintf("is not set, as in every pool of v1; the name is %q", p.entry.Pool.Name))
			delete(p.entry.invalid, "name")
		}
	}
	d.entries = append(d.entries, p.entry)
}

func (d v1Decoder) metadata(p poolDecoder, path string, given yamlnode.Pair) (known bool) {
	at, ok := yamlnode.Join(path, given.Key), false
	switch given.Key {
	case "cidr":
		p.entry.Pool.Spec.CIDR, ok = d.Line(at, given.Line, given.Value)
		d.rename(given.Line, at, "spec.cidr")
	case "name": // before calicoctl 1.0
		p.entry.Pool.Name, ok = d.Line(at, given.Line, given.Value)
	default:
		return false
	}
	p.note(given.Key, given.Line, ok)
	return true
}

func (d v1Decoder) spec(p poolDecoder, path string, given yamlnode.Pair) (known bool) {
	at, spec := yamlnode.Join(path, given.Key), &p.entry.Pool.Spec
	field, ok := given.Key, false
	switch given.Key {
	case "nat-outgoing":
		field = "natOutgoing"
		spec.NATOutgoing, ok = d.Boolean(at, given.Line, given.Value)
		d.rename(given.Line, at, "spec."+field)
	case "disabled":
		spec.Disabled, ok = d.Boolean(at, given.Line, given.Value)
	case "ipip":
		field = "ipipMode"
		spec.IPIPMode, ok = d.ipip(p, at, given)
		d.rename(given.Line, at, "spec."+field)
	default:
		return false
	}
	p.note(field, given.Line, ok)
	return true
}

// ipip converts the two fields of v1 to a mode. A mode without "enabled" has no effect.
func (d v1Decoder) ipip(p poolDecoder, path string, given yamlnode.Pair) (v3.IPIPMode, bool) {
	modes := map[string]v3.IPIPMode{"": v3.IPIPModeAlways, "always": v3.IPIPModeAlways, "cross-subnet": v3.IPIPModeCrossSubnet}
	var (
		enabled bool
		mode    string
		line    int
	)
	before := len(d.Faults)
	for _, field := range d.MappingOf(path, given) {
		at := yamlnode.Join(path, field.Key)
		switch field.Key {
		case "enabled":
			enabled, _ = d.Boolean(at, field.Line, field.Value)
		case "mode":
			text, ok := d.Line(at, field.Line, field.Value)
			mode, line = strings.ToLower(text), field.Line
			if _, known := modes[mode]; ok && !known {
				d.unlike(field.Line, at, text, []string{"always", "cross-subnet"})
			}
		default:
			p.unknown(path, field, v1IPIPFields, "")
		}
	}
	if len(d.Faults) > before {
		return "", false
	}
	if !enabled {
		if mode != "" {
			d.warn(line, yamlnode.Join(path, "mode"), mode, "has no effect without enabled: true, and is lost; ipipMode is "+string(v3.IPIPModeNever))
		}
		return v3.IPIPModeNever, true
	}
	return modes[mode], true
}
