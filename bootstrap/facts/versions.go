package facts

import "context"

// VersionReader is implemented by a Datastore that knows what serves it. Reports of faults
// use it, and runs don't. Its method may not be called concurrently with other methods of
// the Datastore.
type VersionReader interface {
	// Versions reads what serves the datastore. It writes nothing, and makes a few small
	// requests. What can't be read is a problem.
	Versions(ctx context.Context) Versions
}

// Versions is what serves a datastore. An empty field means unknown or none.
type Versions struct {
	Server  string   // version of the API server, or of the etcd member that responded
	Members int      // members of the etcd cluster
	Group   string   // API group and version of the pools, such as crd.projectcalico.org/v1
	Served  []string // Calico's resources in the Kubernetes API, such as ippools.crd.projectcalico.org/v1
	Calico  string   // version of Calico, as the ClusterInformation has it

	// Problems describe what could not be read, and what the server reports about
	// itself, one line each.
	Problems []string
}

// CalicoUnknown is the problem of [Versions] without a version of Calico.
const CalicoUnknown = "the version of Calico is unknown"
