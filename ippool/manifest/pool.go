package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"go.yaml.in/yaml/v3"

	"github.com/calico-bootstrap/calico-bootstrap/internal/spelling"
	"github.com/calico-bootstrap/calico-bootstrap/internal/yamlnode"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// poolDecoder decodes one entry.
type poolDecoder struct {
	*decoder
	entry Entry
	meant []string // fields that are misspelt or in the wrong place
	kept  keptMetadata
}

// newPool begins an entry. It returns false if decoding has to stop.
func (d *decoder) newPool(path string, line int, flat bool) (poolDecoder, bool) {
	if len(d.entries) >= MaxPools && d.Budget >= 0 {
		d.Fault(line, path, "", fmt.Sprintf("more than %d pools; the rest are not decoded", MaxPools))
		d.Budget = -1
	}
	return poolDecoder{decoder: d, entry: Entry{
		Pool: ippool.New(""), Line: line, Lines: map[string]int{}, path: path, flat: flat, invalid: map[string]bool{},
	}}, d.Budget >= 0
}

// pool decodes a pool, whose kind and API version have been validated.
func (d *decoder) pool(path string, line int, pairs []yamlnode.Pair, flat bool) {
	p, ok := d.newPool(path, line, flat)
	if !ok {
		return
	}
	for _, given := range pairs {
		switch {
		case flat && p.metadata(path, given), flat && p.spec(path, given):
		case flat:
			p.unknown(path, given, flatFields, "")
		case given.Key == "apiVersion", given.Key == "kind":
		case given.Key == "metadata":
			p.object(yamlnode.Join(path, given.Key), given, p.metadata, metadataFields, specFields, yamlnode.Join(path, "spec"))
		case given.Key == "spec":
			p.object(yamlnode.Join(path, given.Key), given, p.spec, specFields, metadataFields, yamlnode.Join(path, "metadata"))
		case given.Key == "status":
			if yamlnode.WhatIs(given.Value) != yamlnode.Null {
				d.ignored(given.Line, yamlnode.Join(path, given.Key))
			}
		default:
			p.unknown(path, given, resourceFields, cmp.Or(
				otherPlace(given.Key, specFields, yamlnode.Join(path, "spec")), otherPlace(given.Key, metadataFields, yamlnode.Join(path, "metadata"))))
		}
	}
	if d.Budget < 0 {
		return // decoding stopped, so fields may only seem to be missing
	}
	p.need("metadata.name", "set a name")
	p.need("spec.cidr", needCIDR)
	p.mergeKept()
	d.entries = append(d.entries, p.entry)
}

// object decodes metadata or spec. For a field of the other one, the fault names
// its path there.
func (p *poolDecoder) object(path string, given yamlnode.Pair, read func(string, yamlnode.Pair) bool, known, others []string, other string) {
	if given.Value.Kind != yaml.MappingNode {
		p.meant = append(p.meant, known[0]) // the required field: name or cidr
	}
	for _, field := range p.MappingOf(path, given) {
		if !read(path, field) {
			p.unknown(path, field, known, otherPlace(field.Key, others, other))
		}
	}
}

// unknown records the field that is meant, so that it isn't reported as missing.
func (p *poolDecoder) unknown(path string, given yamlnode.Pair, known []string, otherPlace string) {
	meant := p.decoder.Unknown(path, given, known, otherPlace)
	p.meant = append(p.meant, meant[strings.LastIndexByte(meant, '.')+1:])
}

// otherPlace returns the path of the known field that key is or resembles, or an
// empty string.
func otherPlace(key string, known []string, path string) string {
	if near := spelling.Suggest(key, known, otherNames); near != "" {
		return yamlnode.Join(path, near)
	}
	return ""
}

const needCIDR = "set the range of the pool, such as 10.244.0.0/16"

// need reports a required field that is missing.
func (p *poolDecoder) need(path, hint string) {
	fault := p.entry.At(path, "", "is missing; "+hint)
	_, name, _ := strings.Cut(path, ".")
	if _, given := p.entry.Lines[name]; given {
		return
	}
	p.entry.invalid[name] = true
	if !slices.Contains(p.meant, name) {
		p.Fault(fault.Line, fault.Path, fault.Value, fault.Problem)
	}
}

// note records the line of a field, and whether it is valid.
func (p *poolDecoder) note(name string, line int, ok bool) {
	p.entry.Lines[name] = line
	if !ok {
		p.entry.invalid[name] = true
	}
}

// metadata decodes a field of the metadata. It returns false if it is unknown.
func (p *poolDecoder) metadata(path string, given yamlnode.Pair) bool {
	at := yamlnode.Join(path, given.Key)
	switch given.Key {
	case "name":
		var ok bool
		p.entry.Pool.Name, ok = p.Line(at, given.Line, given.Value)
		if ok && p.entry.Pool.Name == "" {
			p.Fault(given.Line, at, "", "is empty; set a name")
			ok = false
		}
		p.note(given.Key, given.Line, ok)
	case "labels":
		p.entry.Pool.Labels = p.texts(at, given)
	case "annotations":
		p.entry.Pool.Annotations = p.texts(at, given)
	case "namespace":
		p.Fault(given.Line, at, "", "IPPool is cluster-scoped; remove it")
	case "generateName":
		p.Fault(given.Line, at, "", "is not supported; set a name")
	default:
		if p.entry.flat || !slices.Contains(serverFields, given.Key) {
			return false
		}
		if yamlnode.WhatIs(given.Value) != yamlnode.Null {
			p.ignored(given.Line, at)
		}
	}
	return true
}

// spec decodes a field of the spec. It returns false if it is unknown.
func (p *poolDecoder) spec(path string, given yamlnode.Pair) bool {
	spec, ok := &p.entry.Pool.Spec, false
	at, line, value := yamlnode.Join(path, given.Key), given.Line, given.Value
	switch given.Key {
	case "cidr":
		spec.CIDR, ok = p.Line(at, line, value)
		if ok && spec.CIDR == "" {
			p.Fault(line, at, "", "is empty; "+needCIDR)
			ok = false
		}
	case "vxlanMode":
		spec.VXLANMode, ok = mode[v3.VXLANMode](p.decoder, at, line, value)
	case "ipipMode":
		spec.IPIPMode, ok = mode[v3.IPIPMode](p.decoder, at, line, value)
	case "natOutgoing":
		spec.NATOutgoing, ok = p.Boolean(at, line, value)
	case "disabled":
		spec.Disabled, ok = p.Boolean(at, line, value)
	case "disableBGPExport":
		spec.DisableBGPExport, ok = p.Boolean(at, line, value)
	case "blockSize":
		spec.BlockSize, ok = p.Integer(at, line, value)
	case "nodeSelector":
		spec.NodeSelector, ok = p.Line(at, line, value)
	case "namespaceSelector":
		spec.NamespaceSelector, ok = p.Line(at, line, value)
	case "allowedUses":
		spec.AllowedUses, ok = p.uses(at, given)
	case "assignmentMode":
		var assignment v3.AssignmentMode
		if assignment, ok = word[v3.AssignmentMode](p.decoder, at, line, value); ok {
			spec.AssignmentMode = &assignment
		}
	default:
		return false
	}
	p.note(given.Key, line, ok)
	return true
}

// mode decodes a mode. An empty mode is unset, as in an API server.
func mode[M ippool.Mode](d *decoder, path string, line int, node *yaml.Node) (M, bool) {
	if yamlnode.WhatIs(node) == yamlnode.String && node.Value == "" {
		return "", true
	}
	return word[M](d, path, line, node)
}

// uses decodes the list of uses; nil if it is empty.
func (p *poolDecoder) uses(path string, given yamlnode.Pair) (uses []v3.IPPoolAllowedUse, ok bool) {
	if given.Value.Kind != yaml.SequenceNode {
		p.WrongType(path, given.Line, given.Value, "a list, such as [Workload, Tunnel]")
		return nil, false
	}
	if !p.Spend(given.Value) {
		return nil, false
	}
	ok = true
	for i, item := range given.Value.Content {
		use, known := word[v3.IPPoolAllowedUse](p.decoder, fmt.Sprintf("%s[%d]", path, i), item.Line, yamlnode.Follow(item))
		p.note(fmt.Sprintf("%s[%d]", given.Key, i), item.Line, known)
		uses, ok = append(uses, use), ok && known
	}
	return uses, ok
}
