package clusterfacts

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// kubeadmKeys are the keys of kubeadm's configuration: today's, and that of kubeadm before
// 1.12.
var kubeadmKeys = []string{"ClusterConfiguration", "MasterConfiguration"}

// podSubnet is the field of networking with the pod CIDRs.
const podSubnet = "podSubnet"

// readKubeadm reads a field of networking in kubeadm's configuration: podSubnet or
// serviceSubnet. In kubeadm it is a string; a list is accepted too. Other fields may be
// malformed. The first key that has the field is used.
func readKubeadm(data map[string]string, member string) ([]string, error) {
	known := slices.DeleteFunc(slices.Clone(kubeadmKeys), func(key string) bool {
		_, ok := data[key]
		return !ok
	})
	others := slices.DeleteFunc(slices.Sorted(maps.Keys(data)), func(key string) bool { return slices.Contains(kubeadmKeys, key) })
	keys := slices.Concat(known, others)
	for _, key := range known {
		cidrs, err := readYAML(data[key], "networking", member)
		if err != nil {
			err = fmt.Errorf("%s: networking.%s can't be read: %s", key, member, text.Decoding(err))
			if at, value, found := searched(data, keys); found && member == podSubnet {
				err = fmt.Errorf("%w; calico-node searches the text, and uses podSubnet %s (%s)", err, value, at)
			}
			return nil, err
		}
		if len(cidrs) > 0 {
			return cidrs, nil
		}
	}
	if member == podSubnet {
		if at, value, found := searched(data, keys); found {
			return nil, fmt.Errorf("%s: podSubnet %s is ignored because it is not in networking; calico-node searches the text, and uses it", at, value)
		}
	}
	if len(known) == 0 {
		return nil, fmt.Errorf("missing key %s", kubeadmKeys[0])
	}
	return nil, nil
}

// searched returns the key and line, and the quoted value, of the pod CIDRs that calico-node
// finds in the texts. It searches every key for the first "podSubnet: ", whatever its place
// in the document, and also in comments (node/pkg/lifecycle/startup).
func searched(data map[string]string, keys []string) (at, value string, found bool) {
	for _, key := range keys {
		before, after, _ := strings.Cut(data[key], podSubnet+": ")
		value, _, _ := strings.Cut(after, "\n")
		valid := func(cidr string) bool { _, err := ippool.ParseCIDR(cidr); return err == nil }
		if slices.ContainsFunc(strings.Split(value, ","), valid) {
			value = text.Clip(text.Quote(strings.TrimSpace(value)), text.MaxProblem)
			return fmt.Sprintf("%s: line %d", text.Clip(key, text.MaxProblem), 1+strings.Count(before, "\n")), value, true
		}
	}
	return "", "", false
}
