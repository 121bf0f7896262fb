package manifest

import (
	"fmt"
	"slices"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"go.yaml.in/yaml/v3"

	"github.com/calico-bootstrap/calico-bootstrap/internal/spelling"
	"github.com/calico-bootstrap/calico-bootstrap/internal/yamlnode"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/installation"
)

const (
	kindInstallation = "Installation"
	operatorGroup    = "operator.tigera.io/"
	helmInstallation = "installation" // in the values of the operator's chart
)

// isForOperator reports whether an object is one of the operator's other kinds, such as
// the APIServer in the manifest that Calico publishes.
func isForOperator(pairs []yamlnode.Pair) bool {
	version, _ := yamlnode.Find(pairs, "apiVersion")
	kind, hasKind := yamlnode.Find(pairs, "kind")
	return hasKind && version.Value != nil && strings.HasPrefix(version.Value.Value, operatorGroup) &&
		spelling.Suggest(kind.Value.Value, slices.Concat(objectKinds, typedLists), nil) == ""
}

// helmValues decodes the values of the operator's chart, whose key installation has the
// spec of the Installation.
func (d *decoder) helmValues(path string, node *yaml.Node) {
	if given, line, ok := yamlnode.LookUp(node, helmInstallation); ok {
		at := yamlnode.Join(path, helmInstallation)
		if enabled, _, ok := yamlnode.LookUp(yamlnode.Follow(given), "enabled"); ok && yamlnode.WhatIs(yamlnode.Follow(enabled)) == yamlnode.Boolean && yamlnode.Follow(enabled).Value == "false" {
			d.warn(line, at+".enabled", "false", "the chart creates no Installation and so no pools; the pools here are created nevertheless")
		}
	}
	d.installation(yamlnode.Join(path, helmInstallation), node.Line, d.Mapping(path, node), helmInstallation)
}

// installation decodes the spec of an Installation, which is the value of the key.
func (d *decoder) installation(path string, line int, pairs []yamlnode.Pair, key string) {
	var (
		spec installation.Spec
		at   = path
	)
	for _, field := range []string{key, "calicoNetwork", "ipPools"} {
		if field != key {
			at = yamlnode.Join(at, field)
		}
		given, ok := yamlnode.Find(pairs, field)
		switch {
		case d.Budget < 0:
			return
		case !ok:
			d.withoutPools(path, at, line, pairs, field)
			return
		case field == "ipPools":
			d.operatorPools(at, given, spec)
			return
		case field == key:
			spec.KubernetesProvider = valueAt(given.Value, "kubernetesProvider")
			spec.CNI.Type = valueAt(given.Value, "cni", "type")
		}
		line, pairs = given.Line, d.MappingOf(at, given)
		if given.Value.Kind != yaml.MappingNode {
			return // MappingOf has reported it
		}
	}
}

// withoutPools reports that the pools are missing, or the misspelt field that should have
// them.
func (d *decoder) withoutPools(path, at string, line int, pairs []yamlnode.Pair, field string) {
	parent := strings.TrimSuffix(strings.TrimSuffix(at, field), ".")
	for _, pair := range pairs {
		if spelling.Suggest(pair.Key, []string{field}, nil) != "" {
			d.Unknown(parent, pair, []string{field}, "")
			return
		}
	}
	d.Fault(line, path+".calicoNetwork.ipPools", "", "is missing, so that the operator chooses a pool; must be a list of pools")
}

// valueAt returns the text at a path of mappings that haven't been validated; empty if
// there is none.
func valueAt(node *yaml.Node, path ...string) string {
	for _, key := range path {
		value, _, ok := yamlnode.LookUp(node, key)
		if !ok {
			return ""
		}
		node = yamlnode.Follow(value)
	}
	return node.Value
}

// operatorPools decodes the pools of an Installation. What the operator fills in depends on
// all of them.
func (d *decoder) operatorPools(path string, given yamlnode.Pair, spec installation.Spec) {
	if given.Value.Kind != yaml.SequenceNode {
		d.WrongType(path, given.Line, given.Value, "a list of pools")
		return
	}
	first := len(d.entries)
	d.pools(path, given.Value, func(path string, line int, item *yaml.Node) {
		if pool, ok := d.operatorPool(path, line, item); ok {
			spec.CalicoNetwork.IPPools = append(spec.CalicoNetwork.IPPools, pool)
		}
	})
	for i, pool := range spec.Pools() {
		entry := &d.entries[first+i]
		entry.Pool = pool
		if _, given := entry.Lines["name"]; !given && pool.Name == "" {
			entry.invalid["name"] = true // because the CIDR is
		}
		for _, field := range []string{"ipipMode", "vxlanMode", "natOutgoing"} {
			if _, given := entry.Lines[field]; !given {
				entry.Lines[field] = entry.Line // where the operator's default comes from
			}
		}
	}
}

// operatorPool decodes a pool of an Installation, and adds its entry, without the pool.
func (d *decoder) operatorPool(path string, line int, node *yaml.Node) (installation.IPPool, bool) {
	var pool installation.IPPool
	p, ok := d.newPool(path, line, true)
	if !ok {
		return pool, false
	}
	for _, given := range d.Mapping(path, node) {
		fields, ok := []string{given.Key}, false
		at, line, value := yamlnode.Join(path, given.Key), given.Line, given.Value
		switch given.Key {
		case "name":
			pool.Name, ok = d.Line(at, line, value)
		case "cidr":
			pool.CIDR, ok = d.Line(at, line, value)
		case "encapsulation":
			fields = []string{"ipipMode", "vxlanMode"}
			pool.Encapsulation, ok = d.oneOf(at, line, value, installation.Encapsulations())
		case "natOutgoing":
			pool.NATOutgoing, ok = d.oneOf(at, line, value, installation.NATOutgoings())
		case "blockSize":
			pool.BlockSize, ok = d.Integer(at, line, value)
		case "nodeSelector":
			pool.NodeSelector, ok = d.Line(at, line, value)
		case "disableBGPExport":
			pool.DisableBGPExport, ok = d.Boolean(at, line, value)
		case "disableNewAllocations":
			fields = []string{"disabled"}
			pool.DisableNewAllocations, ok = d.Boolean(at, line, value)
		case "allowedUses":
			pool.AllowedUses, ok = p.uses(at, given)
		case "assignmentMode":
			pool.AssignmentMode, ok = word[v3.AssignmentMode](d, at, line, value)
		default:
			p.unknown(path, given, operatorFields, "")
			continue
		}
		for _, field := range fields {
			p.note(field, line, ok)
		}
	}
	if d.Budget < 0 {
		return pool, false
	}
	encapsulation := written{"encapsulation", pool.Encapsulation, "None, VXLAN or VXLANCrossSubnet"}
	if slices.Contains(pool.AllowedUses, v3.IPPoolAllowedUseLoadBalancer) {
		encapsulation.none = "None"
	}
	p.entry.written = map[string]written{"disabled": {path: "disableNewAllocations"}, "ipipMode": encapsulation, "vxlanMode": encapsulation}
	p.need("spec.cidr", needCIDR)
	d.entries = append(d.entries, p.entry)
	return pool, true
}

// nestedValues reports values of the operator's chart within those of a parent chart, as a
// fault, and returns whether they are.
func (d *decoder) nestedValues(path string, node *yaml.Node) bool {
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, values := yamlnode.Follow(node.Content[i]).Value, yamlnode.Follow(node.Content[i+1])
		spec, line, ok := yamlnode.LookUp(values, helmInstallation)
		if !ok {
			continue
		}
		if _, _, ok := yamlnode.LookUp(yamlnode.Follow(spec), "calicoNetwork"); ok {
			d.Fault(line, yamlnode.Join(path, yamlnode.Shortened(key)), "",
				fmt.Sprintf("values of the chart within those of a parent chart; must be %s at the top level, not nested", helmInstallation))
			return true
		}
	}
	return false
}

// isOtherChart reports whether values are of another chart: they have neither the key
// installation nor a misspelling of it.
func isOtherChart(node *yaml.Node) bool {
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := yamlnode.Follow(node.Content[i])
		if key.Value == helmInstallation || spelling.Suggest(key.Value, []string{helmInstallation}, nil) != "" {
			return false
		}
	}
	return true
}
