package clusterfacts

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxYAMLBytes limits the size of a document, which takes about a hundred times its size
// in memory. kubeadm's and kube-proxy's have a few kB.
const maxYAMLBytes = 128 << 10

var errNoCIDRs = errors.New("must be a string of comma-separated CIDRs, or a list of such strings")

// readYAML returns the comma-separated CIDRs of a field, a string or a list of strings,
// of the first YAML document. It does not decode the rest of the document, which may
// have aliases that expand to gigabytes. An absent field has no CIDRs.
func readYAML(text string, path ...string) ([]string, error) {
	if len(text) > maxYAMLBytes {
		return nil, fmt.Errorf("it is larger than %d bytes", maxYAMLBytes)
	}
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		return nil, err
	}
	if document.Kind == 0 { // empty
		return nil, nil
	}
	field := resolved(document.Content[0])
	for _, name := range path {
		switch {
		case isNull(field):
			return nil, nil
		case field.Kind != yaml.MappingNode:
			return nil, fmt.Errorf("%s is not in a mapping", name)
		}
		var found *yaml.Node
		for i := 0; i+1 < len(field.Content); i += 2 {
			if field.Content[i].Value == name {
				found = resolved(field.Content[i+1]) // the last of duplicates
			}
		}
		if field = found; field == nil {
			return nil, nil
		}
	}
	return cidrTexts(field)
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
			return nil, errNoCIDRs
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

func isNull(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null" }
