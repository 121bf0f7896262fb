package apiconfig

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/calico-bootstrap/calico-bootstrap/internal/spelling"
	"github.com/calico-bootstrap/calico-bootstrap/internal/yamlnode"
)

// meantField returns the field of the spec that a key in any place means, or an empty
// string.
func meantField(key string) string {
	if name := spelling.Suggest(key, specFields, otherNames); name != "" {
		return name
	}
	if _, variable, found := strings.Cut(spelling.Simplified(key), "calico"); found { // CALICO_ETCD_ENDPOINTS
		return spelling.Suggest(variable, specFields, otherNames)
	}
	return ""
}

// unknown reports a field that is unknown in its place: with the right name or place, if
// it is a field of the spec or has such fields in it, or else with the known ones.
func (d *decoder) unknown(path string, given yamlnode.Pair, known []string) {
	at := yamlnode.Join(path, yamlnode.Shortened(given.Key))
	near, name := spelling.Suggest(given.Key, known, nil), meantField(given.Key)
	switch {
	case path == "" && near == "spec": // Spec, or specs
		d.Unknown(path, given, known, "")
		d.inside(at, given)
	case name != "" && (path == "spec" || near == ""):
		d.instead(path, at, name, given)
	case near == "" && d.inside(at, given):
	case path == "spec":
		d.Fault(given.Line, at, "", "unknown field; must be "+similar(given.Key))
	default:
		d.Unknown(path, given, known[:min(len(known), 4)], near)
	}
}

// instead reports a field in a wrong place or with a wrong name, and keeps its value.
func (d *decoder) instead(path, at, name string, given yamlnode.Pair) {
	right := name
	if path != "spec" {
		right = "spec." + name
	}
	d.Fault(given.Line, at, "", "unknown field; must be "+right)
	if value, ok := d.value(name, at, given); ok {
		d.meant = append(d.meant, meant{name, value})
	}
}

// inside reports the fields of the spec at any depth in an unknown field, and whether there
// are any. Then it reports the other fields, too.
func (d *decoder) inside(path string, given yamlnode.Pair) bool {
	if given.Aliased || given.Value.Kind != yaml.MappingNode || yamlnode.WhatIs(given.Value) == yamlnode.Template {
		return false
	}
	var others []yamlnode.Pair
	found := false
	for _, field := range d.Mapping(path, given.Value) {
		at := yamlnode.Join(path, yamlnode.Shortened(field.Key))
		if name := meantField(field.Key); name != "" {
			d.instead(path, at, name, field)
			found = true
		} else if d.inside(at, field) {
			found = true
		} else {
			others = append(others, field)
		}
	}
	if !found {
		return false
	}
	for _, field := range others {
		d.Fault(field.Line, yamlnode.Join(path, yamlnode.Shortened(field.Key)), "", "unknown field; must be "+similar(field.Key))
	}
	return true
}
