package facts

import "context"

// Host is what a run asks of the machine that it is on.
type Host interface {
	// Networks returns the networks of the interfaces, each with the length
	// of its address: 192.168.1.10/24 on an interface is 192.168.1.0/24 here.
	// It is called when an IPv4 CIDR must be chosen, and for the preflight:
	// once a run at most, perhaps beside Routes.
	Networks(ctx context.Context) ([]Located, error)

	// Routes returns the destinations of the host's routes, without default
	// routes. It is called as Networks is.
	Routes(ctx context.Context) ([]Located, error)

	// NoIPv6 returns why the host has no IPv6; empty: it has.
	IPv6Disabled() string
}
