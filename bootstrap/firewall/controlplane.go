package firewall

import (
	"net"
	"slices"
	"strconv"
	"strings"
)

const (
	etcdPort      = "2379" // etcd's own default for clients
	apiServerPort = "6443" // kube-apiserver's own default
)

// Etcd returns what etcd listens on for its clients, on a host of the control
// plane: the ports of the endpoints, which are addresses or URLs. Without any,
// as where SRV records name them, it is the usual port.
func Etcd(endpoints []string) []Opening {
	var openings []Opening
	for _, endpoint := range endpoints {
		opening := etcd(portOf(endpoint, etcdPort))
		if !slices.ContainsFunc(openings, func(o Opening) bool { return o.Port == opening.Port }) {
			openings = append(openings, opening)
		}
	}
	if len(openings) == 0 {
		return []Opening{etcd(etcdPort)}
	}
	return openings
}

func etcd(port string) Opening {
	return Opening{Name: "etcd", Port: port + "/tcp", Reason: "every node reads and writes the datastore"}
}

// APIServer returns what the API server listens on, on a host of the control
// plane: the port of its URL or address. Empty means the usual port. The URL
// that pods get is that of a Service, whose port isn't the API server's.
func APIServer(server string) Opening {
	port := apiServerPort
	if server != "" {
		port = portOf(server, "443")
	}
	return Opening{Name: "Kubernetes API", Port: port + "/tcp", Reason: "every node reads and writes the pools through the API server"}
}

// portOf is the port in a URL or an address, or the usual one.
func portOf(endpoint, usual string) string {
	_, address, isURL := strings.Cut(strings.TrimSpace(endpoint), "://")
	if !isURL {
		address = endpoint
	}
	address, _, _ = strings.Cut(address, "/")
	_, port, err := net.SplitHostPort(address)
	number, invalid := strconv.ParseUint(port, 10, 16)
	if err != nil || invalid != nil || number == 0 {
		return usual
	}
	return strconv.FormatUint(number, 10)
}
