package facts

import "github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"

// BackendKind is a networking backend of calico-node: what distributes the routes to the
// pods of other nodes, beside Felix. Felix programs those of VXLAN whatever the backend is.
type BackendKind string

// The networking backends, as calico-node names them.
const (
	BackendBIRD  BackendKind = "bird"  // BIRD runs; VXLAN works as well
	BackendVXLAN BackendKind = "vxlan" // BIRD does not run
	BackendNone  BackendKind = "none"  // policy only: BIRD does not run, and the network is that of another plugin
)

// BackendKinds returns every networking backend, the default of calico-node first.
func BackendKinds() []BackendKind {
	return []BackendKind{BackendBIRD, BackendVXLAN, BackendNone}
}

// Backend is the networking backend of calico-node and its source. The zero value means
// that it is unknown.
type Backend struct {
	Kind   BackendKind   // empty: unknown
	Source origin.Origin // for example env CALICO_NETWORKING_BACKEND
}
