package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"go.yaml.in/yaml/v3"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// poolDecoder decodes one entry.
type poolDecoder struct {
	*decoder
	entry Entry
	meant []string // fields that are misspelt or in the wrong place
}

// pool decodes a pool, whose kind and API version have been validated.
func (d *decoder) pool(path string, line int, pairs []pair, flat bool) {
	if len(d.entries) >= MaxPools && d.budget >= 0 {
		d.fault(line, path, "", fmt.Sprintf("more than %d pools; the rest are not decoded", MaxPools))
		d.budget = -1
	}
	if d.budget < 0 {
		return
	}
	p := poolDecoder{decoder: d, entry: Entry{
		Pool: ippool.New(""), Line: line, Lines: map[string]int{}, path: path, flat: flat, invalid: map[string]bool{},
	}}
	for _, given := range pairs {
		switch {
		case flat && p.metadata(path, given), flat && p.spec(path, given):
		case flat:
			p.unknown(path, given, flatFields, "")
		case given.key == "apiVersion", given.key == "kind":
		case given.key == "metadata":
			p.object(join(path, given.key), given, p.metadata, metadataFields, specFields, join(path, "spec"))
		case given.key == "spec":
			p.object(join(path, given.key), given, p.spec, specFields, metadataFields, join(path, "metadata"))
		case given.key == "status":
			if whatIs(given.value) != nothing {
				d.ignored(given.line, join(path, given.key))
			}
		default:
			p.unknown(path, given, resourceFields, cmp.Or(
				otherPlace(given.key, specFields, join(path, "spec")), otherPlace(given.key, metadataFields, join(path, "metadata"))))
		}
	}
	if d.budget < 0 {
		return // decoding stopped, so fields may only seem to be missing
	}
	p.need("metadata.name", "set a name")
	p.need("spec.cidr", "set the range of the pool, such as 10.244.0.0/16")
	d.entries = append(d.entries, p.entry)
}

// object decodes metadata or spec. For a field of the other one, the fault names
// its path there.
func (p *poolDecoder) object(path string, given pair, read func(string, pair) bool, known, others []string, other string) {
	if given.value.Kind != yaml.MappingNode {
		p.meant = append(p.meant, known[0]) // the required field: name or cidr
	}
	for _, field := range p.mappingOf(path, given) {
		if !read(path, field) {
			p.unknown(path, field, known, otherPlace(field.key, others, other))
		}
	}
}

// unknown records the field that is meant, so that it isn't reported as missing.
func (p *poolDecoder) unknown(path string, given pair, known []string, otherPlace string) {
	meant := p.decoder.unknown(path, given, known, otherPlace)
	p.meant = append(p.meant, meant[strings.LastIndexByte(meant, '.')+1:])
}

// otherPlace returns the path of the known field that key is or resembles, or an
// empty string.
func otherPlace(key string, known []string, path string) string {
	if near := suggest(key, known); near != "" {
		return join(path, near)
	}
	return ""
}

// need reports a required field that is missing.
func (p *poolDecoder) need(path, hint string) {
	fault := p.entry.At(path, "", "is missing; "+hint)
	_, name, _ := strings.Cut(path, ".")
	if _, given := p.entry.Lines[name]; given {
		return
	}
	p.entry.invalid[name] = true
	if !slices.Contains(p.meant, name) {
		p.fault(fault.Line, fault.Path, fault.Value, fault.Problem)
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
func (p *poolDecoder) metadata(path string, given pair) bool {
	at, ok := join(path, given.key), true
	switch given.key {
	case "name":
		p.entry.Pool.Name, ok = p.text(at, given.line, given.value)
		if ok && p.entry.Pool.Name == "" {
			p.fault(given.line, at, "", "is empty; set a name")
			ok = false
		}
		p.note(given.key, given.line, ok)
	case "labels":
		p.entry.Pool.Labels = p.texts(at, given)
	case "annotations":
		p.entry.Pool.Annotations = p.texts(at, given)
	case "namespace":
		p.fault(given.line, at, "", "IPPool is cluster-scoped; remove it")
	case "generateName":
		p.fault(given.line, at, "", "is not supported; set a name")
	default:
		if p.entry.flat || !slices.Contains(serverFields, given.key) {
			return false
		}
		if whatIs(given.value) != nothing {
			p.ignored(given.line, at)
		}
	}
	return true
}

// texts decodes labels or annotations; nil if there are none.
func (p *poolDecoder) texts(path string, given pair) map[string]string {
	if whatIs(given.value) == nothing {
		return nil
	}
	var texts map[string]string
	for _, entry := range p.mappingOf(path, given) {
		if p.budget < 0 {
			break
		}
		if given.key == "annotations" && slices.Contains(serverAnnotations, entry.key) {
			p.ignored(entry.line, fmt.Sprintf("%s[%s]", path, entry.key))
			continue
		}
		text, ok := p.text(fmt.Sprintf("%s[%s]", path, shortened(entry.key)), entry.line, entry.value)
		p.note(fmt.Sprintf("%s[%s]", given.key, entry.key), entry.line, ok)
		if texts == nil {
			texts = map[string]string{}
		}
		texts[entry.key] = text
	}
	return texts
}

// spec decodes a field of the spec. It returns false if it is unknown.
func (p *poolDecoder) spec(path string, given pair) bool {
	spec, ok := &p.entry.Pool.Spec, false
	at, line, value := join(path, given.key), given.line, given.value
	switch given.key {
	case "cidr":
		spec.CIDR, ok = p.text(at, line, value)
		if ok && spec.CIDR == "" {
			p.fault(line, at, "", "is empty; set the range of the pool, such as 10.244.0.0/16")
			ok = false
		}
	case "vxlanMode":
		spec.VXLANMode, ok = mode[v3.VXLANMode](p.decoder, at, line, value)
	case "ipipMode":
		spec.IPIPMode, ok = mode[v3.IPIPMode](p.decoder, at, line, value)
	case "natOutgoing":
		spec.NATOutgoing, ok = p.boolean(at, line, value)
	case "disabled":
		spec.Disabled, ok = p.boolean(at, line, value)
	case "disableBGPExport":
		spec.DisableBGPExport, ok = p.boolean(at, line, value)
	case "blockSize":
		spec.BlockSize, ok = p.integer(at, line, value)
	case "nodeSelector":
		spec.NodeSelector, ok = p.text(at, line, value)
	case "namespaceSelector":
		spec.NamespaceSelector, ok = p.text(at, line, value)
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
	p.note(given.key, line, ok)
	return true
}

// mode decodes a mode. An empty mode is unset, as in an API server.
func mode[M ippool.Mode](d *decoder, path string, line int, node *yaml.Node) (M, bool) {
	if whatIs(node) == aText && node.Value == "" {
		return "", true
	}
	return word[M](d, path, line, node)
}

// uses decodes the list of uses; nil if it is empty.
func (p *poolDecoder) uses(path string, given pair) (uses []v3.IPPoolAllowedUse, ok bool) {
	if given.value.Kind != yaml.SequenceNode {
		p.wrongType(path, given.line, given.value, "a list, such as [Workload, Tunnel]")
		return nil, false
	}
	if !p.spend(given.value) {
		return nil, false
	}
	ok = true
	for i, item := range given.value.Content {
		use, known := word[v3.IPPoolAllowedUse](p.decoder, fmt.Sprintf("%s[%d]", path, i), item.Line, follow(item))
		p.note(fmt.Sprintf("%s[%d]", given.key, i), item.Line, known)
		uses, ok = append(uses, use), ok && known
	}
	return uses, ok
}
