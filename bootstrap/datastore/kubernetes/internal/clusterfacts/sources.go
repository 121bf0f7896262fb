package clusterfacts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/api"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// cidrSource is an object of the cluster that may contain CIDRs.
type cidrSource struct {
	name   origin.Origin
	action api.Action
	path   []string
	read   func(body []byte) ([]string, error) // returns the CIDRs in the order of the source
}

// kubeadm returns the source for a field of networking in kubeadm's configuration.
func kubeadm(member string) cidrSource {
	return configMap("kubeadm-config", func(data map[string]string) ([]string, error) { return readKubeadm(data, member) })
}

func openShift(read func(body []byte) ([]string, error)) cidrSource {
	return cidrSource{
		name: origin.Cluster("networks.config.openshift.io"),
		action: api.Action{
			Operation: "reading OpenShift's network config", Verb: "get",
			Group: "config.openshift.io", Resource: "networks", Name: "cluster",
		},
		path: []string{"apis", "config.openshift.io", "v1", "networks", "cluster"},
		read: read,
	}
}

func configMap(name string, read func(data map[string]string) ([]string, error)) cidrSource {
	const namespace = "kube-system"
	return cidrSource{
		name: origin.Cluster(name),
		action: api.Action{
			Operation: "reading ConfigMap " + namespace + "/" + name, Verb: "get",
			Resource: "configmaps", Namespace: namespace, Name: name,
		},
		path: []string{"api", "v1", "namespaces", namespace, "configmaps", name},
		read: func(body []byte) ([]string, error) {
			var object struct {
				Data map[string]string `json:"data"`
			}
			if err := json.Unmarshal(body, &object); err != nil {
				return nil, errors.New("not a ConfigMap")
			}
			return read(object.Data)
		},
	}
}

// fetch reads the CIDRs of the source. A source that is absent, forbidden or
// malformed is a problem, not an error.
func (s cidrSource) fetch(ctx context.Context, client *api.Client) (facts.PodCIDRSource, error) {
	source := facts.PodCIDRSource{Name: s.name}
	body, err := client.Call(ctx, s.action, client.Get(s.path...))
	switch {
	case errors.Is(err, datastore.ErrNotInstalled):
		source.Problem, source.Absent = "not found", true
	case errors.Is(err, datastore.ErrForbidden):
		source.Problem = err.Error()
	case err != nil:
		return source, err
	default:
		texts, err := s.read(body)
		source.Prefixes, source.Problem = prefixesOf(texts)
		switch {
		case err != nil:
			source.Problem = err.Error()
		case len(texts) == 0:
			source.Problem, source.Absent = "none configured", true
		}
	}
	return source, nil
}

// readKubeadm reads a field of networking in kubeadm's ClusterConfiguration: podSubnet
// or serviceSubnet. In kubeadm it is a string; a list is accepted too. Other fields may
// be malformed.
func readKubeadm(data map[string]string, member string) ([]string, error) {
	const key = "ClusterConfiguration"
	content, ok := data[key]
	if !ok {
		return nil, fmt.Errorf("missing key %s", key)
	}
	var config struct {
		Networking map[string]json.RawMessage `json:"networking"`
	}
	var cidrs cidrList
	err := yaml.Unmarshal([]byte(content), &config)
	if value, named := config.Networking[member]; err == nil && named {
		err = json.Unmarshal(value, &cidrs)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: networking.%s can't be read: %s", key, member, text.Decoding(err))
	}
	return cidrs, nil
}

// readKubeProxy reads clusterCIDR of kube-proxy's KubeProxyConfiguration.
func readKubeProxy(data map[string]string) ([]string, error) {
	const key = "config.conf"
	content, ok := data[key]
	if !ok {
		return nil, fmt.Errorf("missing key %s", key)
	}
	var config struct {
		ClusterCIDR cidrList `json:"clusterCIDR"`
	}
	if err := yaml.Unmarshal([]byte(content), &config); err != nil {
		return nil, fmt.Errorf("%s: clusterCIDR can't be read: %s", key, text.Decoding(err))
	}
	return config.ClusterCIDR, nil
}

// readClusterNetwork reads spec.clusterNetwork of OpenShift's Network.
func readClusterNetwork(body []byte) ([]string, error) {
	var network struct {
		Spec struct {
			ClusterNetwork []struct {
				CIDR string `json:"cidr"`
			} `json:"clusterNetwork"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(body, &network); err != nil {
		return nil, errors.New("spec.clusterNetwork can't be read")
	}
	var texts []string
	for _, entry := range network.Spec.ClusterNetwork {
		texts = append(texts, entry.CIDR)
	}
	return texts, nil
}

// readServiceNetwork reads spec.serviceNetwork of OpenShift's Network.
func readServiceNetwork(body []byte) ([]string, error) {
	var network struct {
		Spec struct {
			ServiceNetwork []string `json:"serviceNetwork"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(body, &network); err != nil {
		return nil, errors.New("spec.serviceNetwork can't be read")
	}
	return network.Spec.ServiceNetwork, nil
}

// cidrList is a string of comma-separated CIDRs, or a list of such strings.
type cidrList []string

// UnmarshalJSON decodes either form; null is an empty list.
func (l *cidrList) UnmarshalJSON(data []byte) error {
	var texts []string
	if err := json.Unmarshal(data, &texts); err != nil {
		var text string
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
		texts = []string{text}
	}
	*l = nil
	for _, text := range texts {
		for _, cidr := range strings.Split(text, ",") {
			if cidr = strings.TrimSpace(cidr); cidr != "" {
				*l = append(*l, cidr)
			}
		}
	}
	return nil
}

// prefixesOf returns the valid CIDRs, without host bits, and the problems of the texts.
func prefixesOf(texts []string) (prefixes []netip.Prefix, problem string) {
	var problems []string
	for _, cidr := range texts {
		prefix, err := ippool.ParseCIDR(cidr)
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s: %v", text.Quote(cidr), err))
			continue
		}
		if prefix != prefix.Masked() {
			problems = append(problems, fmt.Sprintf("%s has host bits, which are ignored: %s", text.Quote(cidr), prefix.Masked()))
		}
		prefixes = append(prefixes, prefix.Masked())
	}
	return prefixes, text.Clip(strings.Join(problems, "; "), text.MaxCause)
}
