// Package natrecord decodes the objects besides pools that decide about NAT: as etcd and
// the Kubernetes API store them, and as kubectl and calicoctl export them.
package natrecord

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// metadata is the part of the metadata of an object that is used.
type metadata struct {
	Name        string            `json:"name"`
	Annotations map[string]string `json:"annotations"`
}

// FelixConfiguration decodes a FelixConfiguration. An object that Felix can't decode is an
// error: one in which any field has another type, or natPortRange another form.
func FelixConfiguration(data []byte) (nat.FelixConfiguration, error) {
	var object struct {
		Metadata metadata `json:"metadata"`
		Spec     struct {
			nat.FelixSpec
			NATPortRange *ports `json:"natPortRange"`
		} `json:"spec"`
	}
	if err := decode(data, &object); err != nil {
		return nat.FelixConfiguration{}, err
	}
	read := nat.FelixConfiguration{Name: object.Metadata.Name, Spec: object.Spec.FelixSpec}
	if ports := object.Spec.NATPortRange; ports != nil {
		value := intstr.Parse(string(*ports))
		read.Spec.NATPortRange = &value
	}
	return read, nil
}

// ports are decoded as numorstring.Port of Calico's API does it, but the error quotes no value.
// Forks of Calico's API may lack that package.
type ports string

var (
	// They are compiled when they are used: most runs read no FelixConfiguration.
	portName  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,128}$`) })
	portRange = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([0-9]+)(?::([0-9]+))?$`) })
)

func (p *ports) UnmarshalJSON(data []byte) error {
	var value intstr.IntOrString
	if json.Unmarshal(data, &value) == nil {
		*p = ports(value.String())
		numbers := portRange().FindStringSubmatch(string(*p))
		switch {
		case numbers == nil && value.Type == intstr.String && portName().MatchString(string(*p)):
			return nil
		case numbers != nil:
			first, err := strconv.ParseUint(numbers[1], 10, 16)
			last, lastErr := strconv.ParseUint(cmp.Or(numbers[2], numbers[1]), 10, 16)
			if err == nil && lastErr == nil && first <= last {
				return nil
			}
		}
	}
	return errPorts
}

var errPorts = errors.New("spec.natPortRange: must be a port, or a range such as 1024:65535; Felix can't decode the object and ignores all of it")

// node has the fields of Calico's Node and of the Kubernetes API's. Neither uses a field
// with another meaning than the other.
type node struct {
	Metadata metadata `json:"metadata"`
	Spec     struct {
		BGP                 *bgp      `json:"bgp"`
		Addresses           []address `json:"addresses"`
		IPv4VXLANTunnelAddr string    `json:"ipv4VXLANTunnelAddr"`
		IPv6VXLANTunnelAddr string    `json:"ipv6VXLANTunnelAddr"`
		Wireguard           struct {
			IPv4 string `json:"interfaceIPv4Address"`
			IPv6 string `json:"interfaceIPv6Address"`
		} `json:"wireguard"`
	} `json:"spec"`
	Status struct {
		Addresses []address `json:"addresses"`
	} `json:"status"`
}

type bgp struct {
	IPv4Address        string `json:"ipv4Address"`
	IPv6Address        string `json:"ipv6Address"`
	IPv4IPIPTunnelAddr string `json:"ipv4IPIPTunnelAddr"`
}

type address struct {
	Type    string `json:"type"`
	Address string `json:"address"`
}

// annotationPrefix is that of the annotations in which Calico keeps the addresses of its
// Node on a Node of the Kubernetes API.
const annotationPrefix = "projectcalico.org/"

// bgpAnnotations are those of spec.bgp of a Calico Node: it is absent without any of them.
var bgpAnnotations = []string{"IPv4Address", "IPv6Address", "IPv4IPIPTunnelAddr", "ASNumber", "RouteReflectorClusterID"}

// Node decodes a Node of Calico or of the Kubernetes API. The addresses by which Felix knows
// the node are chosen as in felix/calc/dataplane_passthru.go: that of BGP, if it has a prefix
// length, else the first internal address, else the first external one. Of IPv6 these two
// count only if the Node has no spec.bgp at all. All further ones are other addresses.
func Node(data []byte) (nat.Node, error) {
	var object node
	if err := decode(data, &object); err != nil {
		return nat.Node{}, err
	}
	annotation := func(name string) string { return object.Metadata.Annotations[annotationPrefix+name] }
	spec := object.Spec.BGP
	withBGP := spec != nil || slices.ContainsFunc(bgpAnnotations, func(name string) bool { return annotation(name) != "" })
	if spec == nil {
		spec = &bgp{annotation("IPv4Address"), annotation("IPv6Address"), annotation("IPv4IPIPTunnelAddr")}
	}
	byType := map[string][]string{}
	for _, addr := range slices.Concat(object.Spec.Addresses, object.Status.Addresses) {
		byType[addr.Type] = append(byType[addr.Type], addr.Address)
	}
	internal, external := byType["InternalIP"], byType["ExternalIP"]

	read := nat.Node{Name: object.Metadata.Name}
	known := map[string]bool{"": true}
	for i, chosen := range []string{spec.IPv4Address, spec.IPv6Address} {
		ipv4, candidates := i == 0, slices.Concat(internal, external)
		if !ipv4 && withBGP {
			candidates = nil
		}
		if prefix, err := netip.ParsePrefix(chosen); err != nil || prefix.Addr().Unmap().Is4() != ipv4 {
			i := slices.IndexFunc(candidates, func(addr string) bool {
				parsed, err := netip.ParseAddr(withoutLength(addr))
				return err == nil && parsed.Unmap().Is4() == ipv4
			})
			if i < 0 {
				continue
			}
			chosen = candidates[i]
		}
		read.HostIPs = append(read.HostIPs, chosen)
		known[withoutLength(chosen)] = true
	}
	for _, addr := range slices.Concat([]string{spec.IPv4Address, spec.IPv6Address}, internal, external, byType["CalicoNodeIP"], byType[""], []string{
		spec.IPv4IPIPTunnelAddr, object.Spec.IPv4VXLANTunnelAddr, object.Spec.IPv6VXLANTunnelAddr,
		object.Spec.Wireguard.IPv4, object.Spec.Wireguard.IPv6,
		annotation("IPv4VXLANTunnelAddr"), annotation("IPv6VXLANTunnelAddr"),
		annotation("IPv4WireguardInterfaceAddr"), annotation("IPv6WireguardInterfaceAddr"),
	}) {
		if !known[withoutLength(addr)] {
			known[withoutLength(addr)] = true
			read.OtherAddresses = append(read.OtherAddresses, addr)
		}
	}
	return read, nil
}

func withoutLength(addr string) string {
	addr, _, _ = strings.Cut(addr, "/")
	return addr
}

// Version decodes the version of Calico in a ClusterInformation; empty if it is not set. The
// versions of Calico Enterprise are others: they are errors.
func Version(data []byte) (string, error) {
	var object struct {
		Metadata metadata `json:"metadata"`
		Spec     struct {
			CalicoVersion string `json:"calicoVersion"`
			CNXVersion    string `json:"cnxVersion"`
		} `json:"spec"`
	}
	if err := decode(data, &object); err != nil {
		return "", err
	}
	if object.Spec.CNXVersion != "" {
		return "", errors.New("spec.cnxVersion is set: the cluster has Calico Enterprise, whose versions are others")
	}
	return object.Spec.CalicoVersion, nil
}

// decode decodes an object. Its error is one line, and quotes no value.
func decode(data []byte, object any) error {
	if err := json.Unmarshal(data, object); err != nil {
		return errors.New(Problem(err))
	}
	return nil
}

// Problem returns an error of package json in the words of a validation: the field, and what it
// must be. It quotes no value.
func Problem(err error) string {
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.Is(err, errPorts):
		return errPorts.Error()
	case !errors.As(err, &wrong):
		return "invalid JSON: " + strings.TrimPrefix(text.Decoding(err), "json: ")
	}
	must := "a string"
	switch wrong.Type.Kind() {
	case reflect.Bool:
		must = "true or false"
	case reflect.Slice:
		must = "a list"
	case reflect.Struct, reflect.Map:
		must = "an object"
	case reflect.Int32, reflect.Int64, reflect.Int:
		must = "an integer"
	}
	if wrong.Field == "" {
		return "must be " + must
	}
	return strings.Replace(wrong.Field, ".FelixSpec.", ".", 1) + ": must be " + must // It is embedded.
}
