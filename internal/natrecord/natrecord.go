// Package natrecord decodes the objects besides pools that decide about NAT: as etcd and
// the Kubernetes API store them, and as kubectl and calicoctl export them.
package natrecord

import (
	"encoding/json"
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// metadata is the part of the metadata of an object that is used.
type metadata struct {
	Name        string            `json:"name"`
	Annotations map[string]string `json:"annotations"`
}

// FelixConfiguration decodes a FelixConfiguration. Like Felix, it ignores an object in which
// any field has another type.
func FelixConfiguration(data []byte) (nat.FelixConfiguration, error) {
	var object struct {
		Metadata metadata      `json:"metadata"`
		Spec     nat.FelixSpec `json:"spec"`
	}
	if err := decode(data, &object); err != nil {
		return nat.FelixConfiguration{}, err
	}
	return nat.FelixConfiguration{Name: object.Metadata.Name, Spec: object.Spec}, nil
}

// node has the fields of Calico's Node and of the Kubernetes API's. Neither uses a field
// with another meaning than the other.
type node struct {
	Metadata metadata `json:"metadata"`
	Spec     struct {
		BGP struct {
			IPv4Address        string `json:"ipv4Address"`
			IPv6Address        string `json:"ipv6Address"`
			IPv4IPIPTunnelAddr string `json:"ipv4IPIPTunnelAddr"`
		} `json:"bgp"`
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

type address struct {
	Type    string `json:"type"`
	Address string `json:"address"`
}

// annotationPrefix is that of the annotations in which Calico keeps the addresses of its
// Node on a Node of the Kubernetes API.
const annotationPrefix = "projectcalico.org/"

// Node decodes a Node of Calico or of the Kubernetes API. The address of the node is that of
// BGP, as Felix chooses it, else its first internal address. An external address is not on
// the node, and ignored.
func Node(data []byte) (nat.Node, error) {
	var object node
	if err := decode(data, &object); err != nil {
		return nat.Node{}, err
	}
	annotation := func(name string) string { return object.Metadata.Annotations[annotationPrefix+name] }
	var internal, local []string
	for _, addr := range slices.Concat(object.Spec.Addresses, object.Status.Addresses) {
		switch addr.Type {
		case "InternalIP":
			internal = append(internal, addr.Address)
		case "CalicoNodeIP", "":
			local = append(local, addr.Address)
		}
	}
	read := nat.Node{Name: object.Metadata.Name}
	for _, family := range []struct {
		name     string
		ipv4     bool
		ofObject string
	}{{"IPv4Address", true, object.Spec.BGP.IPv4Address}, {"IPv6Address", false, object.Spec.BGP.IPv6Address}} {
		candidates := []string{family.ofObject, annotation(family.name)}
		for _, addr := range internal {
			if parsed, err := netip.ParseAddr(withoutLength(addr)); err == nil && parsed.Is4() == family.ipv4 {
				candidates = append(candidates, addr)
			}
		}
		if i := slices.IndexFunc(candidates, func(addr string) bool { return addr != "" }); i >= 0 {
			read.HostIPs = append(read.HostIPs, candidates[i])
		}
	}
	others := slices.Concat(internal, local, []string{
		object.Spec.BGP.IPv4IPIPTunnelAddr, object.Spec.IPv4VXLANTunnelAddr, object.Spec.IPv6VXLANTunnelAddr,
		object.Spec.Wireguard.IPv4, object.Spec.Wireguard.IPv6,
		annotation("IPv4IPIPTunnelAddr"), annotation("IPv4VXLANTunnelAddr"), annotation("IPv6VXLANTunnelAddr"),
		annotation("IPv4WireguardInterfaceAddr"), annotation("IPv6WireguardInterfaceAddr"),
	})
	known := map[string]bool{"": true}
	for _, addr := range read.HostIPs {
		known[withoutLength(addr)] = true
	}
	for _, addr := range others {
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
	if !errors.As(err, &wrong) {
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
	return wrong.Field + ": must be " + must
}
