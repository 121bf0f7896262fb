package clusterfacts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"go.yaml.in/yaml/v3"

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

	kind, apiVersion string // of the object; another is a problem

	read     func(body []byte) ([]string, error)        // returns the CIDRs in the order of the source
	complete func(body []byte, to *facts.PodCIDRSource) // adds what else a readable object says; may be nil
}

// kubeadm returns the source for a field of networking in kubeadm's configuration.
func kubeadm(member string) cidrSource {
	return configMap("kubeadm-config", func(data map[string]string) ([]string, error) { return readKubeadm(data, member) })
}

// kubeadmPods is kubeadm's podSubnet, with the serviceSubnet.
func kubeadmPods() cidrSource {
	source := kubeadm("podSubnet")
	source.complete = withServices(source.name, kubeadm("serviceSubnet").read)
	return source
}

// openShiftPods is OpenShift's clusterNetwork, with the serviceNetwork.
func openShiftPods() cidrSource {
	source := openShift(readClusterNetwork)
	source.complete = withServices(source.name, readServiceNetwork)
	return source
}

// kubeProxyPods is kube-proxy's clusterCIDR, with its detectLocalMode.
func kubeProxyPods() cidrSource {
	source := configMap("kube-proxy", readKubeProxy)
	source.complete = func(body []byte, to *facts.PodCIDRSource) {
		to.Uncertain = true
		data, _ := readData(body) // read has succeeded
		if mode := readDetectLocalMode(data); mode != clusterCIDRMode {
			to.DetectLocalMode = mode
		}
	}
	return source
}

// withServices adds Service CIDRs of the object. Problems are those of the source of
// Service CIDRs.
func withServices(name origin.Origin, read func(body []byte) ([]string, error)) func(body []byte, to *facts.PodCIDRSource) {
	return func(body []byte, to *facts.PodCIDRSource) {
		texts, err := read(body)
		if err != nil || len(texts) > maxCIDRs {
			return
		}
		services := facts.PodCIDRSource{Name: name}
		services.Prefixes, _ = prefixesOf(texts)
		to.Services = located(services)
	}
}

func openShift(read func(body []byte) ([]string, error)) cidrSource {
	return cidrSource{
		name: origin.Cluster("networks.config.openshift.io"),
		action: api.Action{
			Operation: "reading OpenShift's network config", Verb: "get",
			Group: "config.openshift.io", Resource: "networks", Name: "cluster",
		},
		path: []string{"apis", "config.openshift.io", "v1", "networks", "cluster"},
		kind: "Network", apiVersion: "config.openshift.io/v1",
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
		kind: "ConfigMap", apiVersion: "v1",
		read: func(body []byte) ([]string, error) {
			data, err := readData(body)
			if err != nil {
				return nil, err
			}
			return read(data)
		},
	}
}

// readData returns the data of a ConfigMap.
func readData(body []byte) (map[string]string, error) {
	var object struct {
		Data map[string]string `json:"data"`
	}
	if err := json.Unmarshal(body, &object); err != nil {
		return nil, errors.New("not a ConfigMap")
	}
	return object.Data, nil
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
	case !api.IsKind(body, s.kind, s.apiVersion):
		source.Problem = "the response is not a " + s.kind + " of " + s.apiVersion
	default:
		texts, err := s.read(body)
		if len(texts) > maxCIDRs {
			texts, err = nil, fmt.Errorf("it has more than %d CIDRs", maxCIDRs)
		}
		takeTexts(&source, texts)
		if err != nil {
			source.Problem, source.Absent = err.Error(), false
		} else if s.complete != nil {
			s.complete(body, &source)
		}
	}
	return source, nil
}

// takeTexts sets the CIDRs of a source that could be read.
func takeTexts(source *facts.PodCIDRSource, texts []string) {
	source.Prefixes, source.Problem = prefixesOf(texts)
	if len(texts) == 0 {
		source.Problem, source.Absent = "none configured", true
	}
}

// kubeProxyKey is the key of kube-proxy's KubeProxyConfiguration.
const kubeProxyKey = "config.conf"

// readKubeProxy reads clusterCIDR of kube-proxy's KubeProxyConfiguration.
func readKubeProxy(data map[string]string) ([]string, error) {
	content, ok := data[kubeProxyKey]
	if !ok {
		return nil, fmt.Errorf("missing key %s", kubeProxyKey)
	}
	cidrs, err := readYAML(content, "clusterCIDR")
	if err != nil {
		return nil, fmt.Errorf("%s: clusterCIDR can't be read: %s", kubeProxyKey, text.Decoding(err))
	}
	return cidrs, nil
}

// clusterCIDRMode is kube-proxy's default detectLocalMode: it uses clusterCIDR.
const clusterCIDRMode = "ClusterCIDR"

// readDetectLocalMode reads how kube-proxy identifies the traffic of pods: by default, and
// if the value is malformed, by clusterCIDR.
func readDetectLocalMode(data map[string]string) string {
	field, err := lookUp(data[kubeProxyKey], "detectLocalMode")
	if err != nil || field == nil || field.Kind != yaml.ScalarNode || isNull(field) || field.Value == "" {
		return clusterCIDRMode
	}
	return field.Value
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

const (
	maxCIDRs    = 1000 // of a source
	maxProblems = 10   // CIDRs whose problems are listed
)

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
	if more := len(problems) - maxProblems; more > 0 {
		problems = append(problems[:maxProblems], fmt.Sprintf("and %d more", more))
	}
	return prefixes, text.Clip(strings.Join(problems, "; "), text.MaxCause)
}
