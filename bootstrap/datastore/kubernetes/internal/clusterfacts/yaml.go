package clusterfacts

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxYAMLBytes limits the size of a document, which takes about a hundred times its size
// in memory. kubeadm's and kube-proxy's have a few kB.
const maxYAMLBytes = 128 << 10

// readYAML returns the comma-separated CIDRs of a field, a string or a list of strings, of
// the first YAML document that has any. An absent field has no CIDRs.
func readYAML(text string, path ...string) ([]string, error) {
	field, err := lookUp(text, path...)
	if err != nil || field == nil {
		return nil, err
	}
	return cidrTexts(field)
}

// lookUp returns the value of a field of the first YAML document in which it is not empty;
// nil if it is absent. It does not decode the rest of the documents, which may have
// aliases that expand to gigabytes. Documents after the first that has the field are not
// read.
func lookUp(text string, path ...string) (*yaml.Node, error) {
	if len(text) > maxYAMLBytes {
		return nil, fmt.Errorf("it is larger than %d bytes", maxYAMLBytes)
	}
	for decoder := yaml.NewDecoder(strings.NewReader(text)); ; {
		var document yaml.Node
		if err := decoder.Decode(&document); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return nil, err
		}
		field := resolved(document.Content[0])
		for _, name := range path {
			if field == nil || isNull(field) {
				break
			}
			if field.Kind != yaml.MappingNode {
				return nil, fmt.Errorf("line %d: %s is not in a mapping", field.Line, name)
			}
			field = member(field, name, map[*yaml.Node]bool{})
		}
		if field != nil && !isEmpty(field) {
			return field, nil
		}
	}
}

// member returns the value of a key of a mapping, the last of duplicates, or else that of
// a merged mapping (<<); nil if there is none. It visits each mapping and each list of
// merged mappings once: they may contain themselves, and anchors repeat them.
func member(mapping *yaml.Node, name string, visited map[*yaml.Node]bool) *yaml.Node {
	visited[mapping] = true
	var found, merged *yaml.Node
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		switch key := resolved(mapping.Content[i]); {
		case key.Value == name:
			found = resolved(mapping.Content[i+1])
		case key.ShortTag() == "!!merge":
			merged = resolved(mapping.Content[i+1])
		}
	}
	if found != nil || merged == nil || visited[merged] {
		return found
	}
	all := []*yaml.Node{merged}
	if merged.Kind == yaml.SequenceNode {
		all, visited[merged] = merged.Content, true
	}
	for _, one := range all {
		if one = resolved(one); one.Kind == yaml.MappingNode && !visited[one] {
			if found = member(one, name, visited); found != nil {
				return found
			}
		}
	}
	return nil
}

// cidrTexts returns the CIDRs of a string, or of a list of strings.
func cidrTexts(field *yaml.Node) ([]string, error) {
	values := []*yaml.Node{field}
	if field.Kind == yaml.SequenceNode {
		values = field.Content
	}
	var cidrs []string
	for _, value := range values {
		value = resolved(value)
		if isNull(value) {
			continue
		}
		if value.Kind != yaml.ScalarNode || value.ShortTag() != "!!str" {
			return nil, fmt.Errorf("line %d: must be a string of comma-separated CIDRs, or a list of such strings", value.Line)
		}
		for cidr := range strings.SplitSeq(value.Value, ",") {
			if cidr = strings.TrimSpace(cidr); cidr != "" {
				cidrs = append(cidrs, cidr)
			}
		}
	}
	return cidrs, nil
}

// resolved returns the node that an alias refers to.
func resolved(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

// isEmpty reports whether a value is null, an empty string or an empty list.
func isEmpty(node *yaml.Node) bool {
	return isNull(node) || node.Kind == yaml.ScalarNode && node.Value == "" || node.Kind == yaml.SequenceNode && len(node.Content) == 0
}

func isNull(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null" }
