package firewall

import (
	"net"
	"slices"
	"strconv"
	"strings"
)

const (
	etcdPort      = "2379" // etcd's default client port
	apiServerPort = "6443" // kube-apiserver's default port
)

// Etcd returns the openings for etcd's clients on a control plane host: the ports of the
// endpoints, which are addresses or URLs. Without endpoints, for example with DNS
// discovery, it is the default port 2379.
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

// APIServer returns the opening for the API server on a control plane host: the port of
// its URL or address, 443 if it has none. If server is empty, it is the default port
// 6443. Don't pass the URL that pods use: it is that of a Service, whose port differs.
func APIServer(server string) Opening {
	port := apiServerPort
	if server != "" {
		port = portOf(server, "443")
	}
	return Opening{Name: "Kubernetes API", Port: port + "/tcp", Reason: "every node reads and writes the pools through the API server"}
}

// portOf returns the port of a URL or an address, or the usual port.
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
