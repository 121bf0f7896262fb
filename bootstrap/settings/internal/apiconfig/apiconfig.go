// Package apiconfig reads a CalicoAPIConfig, the format of calicoctl's
// /etc/calico/calicoctl.cfg.
package apiconfig

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/calico-bootstrap/calico-bootstrap/internal/yamlnode"
)

const (
	apiVersion = "projectcalico.org/v3"
	kind       = "CalicoAPIConfig"
)

// Other is another kind of file in the place of a CalicoAPIConfig.
type Other int

// The kinds of files that are recognised.
const (
	None        Other = iota
	Kubeconfig        // a kubeconfig
	Pools             // IPPools
	Environment       // lines NAME=value
)

// Config is what was read of a CalicoAPIConfig.
type Config struct {
	// Values are the fields of the spec that are set, also invalid ones, by name. A misplaced or
	// misspelt field, which is also a fault, counts as the one that is meant.
	Values map[string]Value

	// Faults are sorted by line. They contain no value of a secret field.
	Faults []yamlnode.Fault

	// Other is the kind of another file; Line is the line that shows it. There
	// are neither values nor faults then.
	Other Other
	Line  int

	specLine int
	given    []string // fields of the spec with or without a valid value
	complete bool     // a mapping was read, and the file to its end
}

// Value is the value of a field.
type Value struct {
	Text string // empty: the value is invalid, which is a fault
	Path string // of the field, such as spec.etcdEndpoints
	Line int    // from 1
}

// maxIndicators limits the memory for a file of 1 MiB to some 20 MB: see
// yamlnode.TooLarge.
const maxIndicators = 50_000

// Decode reads one document of YAML or JSON, and reports all faults at once.
func Decode(data []byte) Config {
	d := decoder{Reader: yamlnode.NewReader(), config: Config{Values: map[string]Value{}, specLine: 1}}
	d.Required = []string{"kind", "apiVersion"}
	if line := yamlnode.TooLarge(data, maxIndicators); line > 0 {
		d.Fault(line, "", "", "more keys and items than a CalicoAPIConfig has")
		return d.result()
	}
	documents := 0
	fault := yamlnode.Parse(data, func(document *yaml.Node) bool {
		if yamlnode.WhatIs(document) == yamlnode.Null {
			return true
		}
		if documents++; documents > 1 {
			d.Fault(document.Line, "", "", "a second document; must be one CalicoAPIConfig")
			return false
		}
		d.AddDocument(document)
		d.document(document, data)
		return d.config.Other == None
	})
	switch {
	case fault != nil && documents == 0 && isEnvironment(data):
		d.config.Other, d.config.Line = Environment, 1
	case fault != nil:
		d.config.complete = false
		d.Faults = append(d.Faults, *fault)
	case documents == 0:
		d.Fault(1, "", "", "is empty; must be a CalicoAPIConfig")
	default:
		d.config.complete = d.config.complete && d.config.Other == None
	}
	return d.result()
}

// Unselected returns a fault if no field of the spec selects a datastore.
func (c Config) Unselected() (fault yamlnode.Fault, is bool) {
	if !c.complete || slices.ContainsFunc(c.given, func(name string) bool { return slices.Contains(selecting, name) }) {
		return yamlnode.Fault{}, false
	}
	problem := "names no datastore; must have " + yamlnode.Either(selecting)
	if len(c.given) > 0 {
		problem += "; it has only " + strings.Join(c.given, ", ")
	}
	return yamlnode.Fault{Line: c.specLine, Path: "spec", Problem: problem}, true
}

// decoder decodes one document.
type decoder struct {
	yamlnode.Reader
	config Config
	meant  []meant
}

// meant is the value of a misplaced or misspelt field, or of an invalid one.
type meant struct {
	name  string
	value Value
}

func (d *decoder) result() Config {
	for _, m := range d.meant {
		if before, set := d.config.Values[m.name]; !set || before.Text == "" && m.value.Text != "" {
			d.config.Values[m.name] = m.value
		}
	}
	d.config.Faults = d.Faults
	if d.config.Other != None {
		d.config.Values, d.config.Faults = nil, nil
	}
	slices.SortStableFunc(d.config.Faults, func(a, b yamlnode.Fault) int { return cmp.Compare(a.Line, b.Line) })
	return d.config
}

// assignment matches an environment file: its first line that is no comment.
var assignment = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\s*(#[^\n]*\n\s*)*(export\s+)?[A-Z][A-Z0-9_]*=`)
})

func isEnvironment(data []byte) bool {
	return assignment().Match(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))
}

func (d *decoder) document(node *yaml.Node, data []byte) {
	what := yamlnode.WhatIs(node)
	switch {
	case isEnvironment(data):
		d.config.Other, d.config.Line = Environment, node.Line
		return
	case node.Kind != yaml.MappingNode || what == yamlnode.Template:
		// Omit the value: the data may be a secret such as a token.
		d.Fault(node.Line, "", "", fmt.Sprintf("is %s; must be a CalicoAPIConfig", what))
		return
	}
	pairs := d.Mapping("", node)
	if d.config.Other, d.config.Line = other(pairs); d.config.Other != None {
		return
	}
	d.config.complete = true
	if isKind, isVersion := d.kind(node.Line, pairs), d.apiVersion(node.Line, pairs); !isKind && !isVersion {
		given, has := yamlnode.Find(pairs, "kind")
		d.config.complete = has && strings.EqualFold(given.Value.Value, kind) // otherwise it is another file
	}
	for _, given := range pairs {
		switch given.Key {
		case "apiVersion", "kind":
		case "metadata":
			d.object(given.Key, given, metadataFields, func(yamlnode.Pair) bool { return true })
		case "spec":
			d.config.specLine = given.Line
			d.spec(given.Key, given)
		default:
			d.unknown("", given, topFields)
		}
	}
}

// other returns the kind of another file, and the line that shows it.
func other(pairs []yamlnode.Pair) (Other, int) {
	if given, ok := yamlnode.Find(pairs, "kind"); ok {
		switch given.Value.Value {
		case "Config":
			return Kubeconfig, given.Line
		case "IPPool", "IPPoolList":
			return Pools, given.Line
		}
		return None, 0
	}
	for _, given := range pairs {
		switch given.Key {
		case "clusters", "contexts", "current-context":
			return Kubeconfig, given.Line
		case "ip_pools":
			return Pools, given.Line
		}
	}
	return None, 0
}

// kind checks the kind, and reports whether it is right.
func (d *decoder) kind(line int, pairs []yamlnode.Pair) bool {
	given, ok := yamlnode.Find(pairs, "kind")
	if !ok {
		d.Fault(line, "kind", "", "is missing; must be "+kind)
		return false
	}
	text, ok := d.text("kind", given, false)
	if ok && text != kind {
		d.Fault(given.Line, "kind", text, "must be "+kind)
	}
	return ok && text == kind
}

// apiVersion checks the version, and reports whether it is right.
func (d *decoder) apiVersion(line int, pairs []yamlnode.Pair) bool {
	given, ok := yamlnode.Find(pairs, "apiVersion")
	if !ok {
		d.Fault(line, "apiVersion", "", "is missing; must be "+apiVersion)
		return false
	}
	text, ok := d.text("apiVersion", given, false)
	switch {
	case !ok || text == apiVersion:
	case text == "v1" && isSimilarKind(pairs):
		d.Fault(given.Line, "apiVersion", text, "the format of calicoctl 1 and 2; must be "+apiVersion+", with kind: "+kind+
			", and in spec datastoreType: etcdv3 and etcdEndpoints, or datastoreType: kubernetes and kubeconfig")
	default:
		d.Fault(given.Line, "apiVersion", text, "must be "+apiVersion)
	}
	return ok && text == apiVersion
}

// isSimilarKind reports whether the kind is missing, or that of a CalicoAPIConfig in another
// spelling, such as that of calicoctl 1 and 2.
func isSimilarKind(pairs []yamlnode.Pair) bool {
	given, ok := yamlnode.Find(pairs, "kind")
	return !ok || strings.EqualFold(given.Value.Value, kind)
}

// object reads the fields of a mapping. read returns false for one that it doesn't know,
// which is then reported.
func (d *decoder) object(path string, given yamlnode.Pair, known []string, read func(yamlnode.Pair) bool) {
	if d.indirect(path, given) || yamlnode.WhatIs(given.Value) == yamlnode.Null {
		return
	}
	for _, field := range d.MappingOf(path, given) {
		if !slices.Contains(known, field.Key) || !read(field) {
			d.unknown(path, field, known)
		}
	}
}

// spec reads the fields of the spec.
func (d *decoder) spec(path string, given yamlnode.Pair) {
	d.object(path, given, specFields, func(field yamlnode.Pair) bool {
		name := field.Key
		if value, ok := d.value(name, yamlnode.Join(path, name), field); ok {
			d.config.Values[name] = value
		}
		return true
	})
}
