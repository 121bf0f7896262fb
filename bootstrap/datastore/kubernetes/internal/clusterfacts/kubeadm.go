package clusterfacts

import (
	"errors"
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
	for _, key := range known {
		cidrs, err := readYAML(data[key], "networking", member)
		if err != nil {
			return nil, fmt.Errorf("%s: networking.%s can't be read: %s", key, member, text.Decoding(err))
		}
		if len(cidrs) > 0 {
			return cidrs, nil
		}
	}
	if member == podSubnet {
		if err := searched(data, slices.Concat(known, others)); err != nil {
			return nil, err
		}
	}
	if len(known) == 0 {
		return nil, fmt.Errorf("missing key %s", kubeadmKeys[0])
	}
	return nil, nil
}

// searched returns a problem if calico-node finds pod CIDRs in the texts. It searches
// every key for the first "podSubnet: ", whatever its place in the document, and also in
// comments (node/pkg/lifecycle/startup).
func searched(data map[string]string, keys []string) error {
	for _, key := range keys {
		before, after, found := strings.Cut(data[key], podSubnet+": ")
		if !found {
			continue
		}
		value, _, _ := strings.Cut(after, "\n")
		valid := func(cidr string) bool { _, err := ippool.ParseCIDR(cidr); return err == nil }
		if slices.ContainsFunc(strings.Split(value, ","), valid) {
			return errors.New(text.Clip(fmt.Sprintf("%s: line %d: podSubnet %s is ignored because it is not in networking; calico-node searches the text, and uses it",
				key, 1+strings.Count(before, "\n"), text.Quote(strings.TrimSpace(value))), text.MaxCause))
		}
	}
	return nil
}
