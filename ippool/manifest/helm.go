package manifest

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/calico-bootstrap/calico-bootstrap/internal/yamlnode"
)

// The kinds of the Helm controller of RKE2 and K3s, helm.cattle.io/v1.
const (
	kindHelmChartConfig = "HelmChartConfig"
	kindHelmChart       = "HelmChart"
)

// helmChart decodes the values in spec.valuesContent, a YAML document in a string.
func (d *decoder) helmChart(path string, line int, pairs []yamlnode.Pair) {
	at := yamlnode.Join(path, "spec")
	spec, ok := yamlnode.Find(pairs, "spec")
	if !ok {
		d.Fault(line, yamlnode.Join(at, "valuesContent"), "", wantValues)
		return
	}
	fields := d.MappingOf(at, spec)
	d.helmSet(at, fields)
	at = yamlnode.Join(at, "valuesContent")
	content, ok := yamlnode.Find(fields, "valuesContent")
	switch {
	case ok:
		d.valuesContent(at, content)
	case spec.Value.Kind == yaml.MappingNode:
		d.warn(spec.Line, at, "", "is missing, so that there are no pools; the values of the chart tigera-operator or rke2-calico have them")
	}
}

// helmSet reports values of the Installation in spec.set, which take precedence over
// valuesContent in Helm, as faults: they are not read.
func (d *decoder) helmSet(path string, fields []yamlnode.Pair) {
	set, ok := yamlnode.Find(fields, "set")
	if !ok || set.Value.Kind != yaml.MappingNode {
		return
	}
	at := yamlnode.Join(path, "set")
	for _, value := range d.MappingOf(at, set) {
		if value.Key == helmInstallation || strings.HasPrefix(value.Key, helmInstallation+".") {
			d.Fault(value.Line, yamlnode.Join(at, yamlnode.Shortened(value.Key)), "", "not read; write it in spec.valuesContent")
		}
	}
}

const wantValues = "is missing; must be the values of the chart tigera-operator or rke2-calico"

// valuesContent decodes the document in a string. Its lines are those of the manifest if
// the string is a literal block, else that of the string.
func (d *decoder) valuesContent(path string, content yamlnode.Pair) {
	text, ok := d.Text(path, content.Line, content.Value)
	if !ok {
		return
	}
	first, ok := d.SpendText(content.Value)
	if !ok {
		return
	}
	lineOf := func(line int) int { return content.Value.Line }
	if content.Value.Style&yaml.LiteralStyle != 0 {
		lineOf = func(line int) int { return content.Value.Line + line }
	}
	fault := checkSize([]byte(text), maxIndicators)
	if fault == nil {
		fault = yamlnode.Parse([]byte(text), func(document *yaml.Node) bool {
			setLines(document, lineOf)
			if first {
				d.AddDocument(document)
			} // an alias of the text spends the budget, as an alias of nodes does
			switch {
			case yamlnode.WhatIs(document) == yamlnode.Null:
				return true
			case document.Kind == yaml.MappingNode && isOtherChart(document):
				if !d.nestedValues(path, document) {
					d.warn(document.Line, path, "", "values of another chart than tigera-operator; no pools are read from them")
				}
			case document.Kind == yaml.MappingNode:
				d.helmValues(path, document)
			default:
				d.WrongType(path, document.Line, document, "a mapping")
			}
			return false // Helm reads one document
		})
	}
	if fault != nil {
		d.Fault(lineOf(fault.Line), strings.TrimSuffix(path+"."+fault.Path, "."), fault.Value, fault.Problem)
	}
}

// setLines changes the lines of a document. An alias is no child of its node.
func setLines(node *yaml.Node, lineOf func(int) int) {
	node.Line = lineOf(node.Line)
	for _, child := range node.Content {
		setLines(child, lineOf)
	}
}
