package facts

import "context"

// Host returns the networks and routes of the machine that a run is on.
type Host interface {
	// Networks returns the networks of the interfaces: 192.168.1.0/24 for an
	// interface with the address 192.168.1.10/24. It is called when an IPv4
	// CIDR must be chosen and for preflight: at most once per run, possibly
	// concurrently with Routes.
	Networks(ctx context.Context) ([]Located, error)

	// Routes returns the destinations of the host's routes, without default
	// routes. It is called for preflight: at most once per run, possibly
	// concurrently with Networks.
	Routes(ctx context.Context) ([]Located, error)

	// IPv6Disabled returns why the host does not support IPv6; empty if it does.
	IPv6Disabled() string
}
