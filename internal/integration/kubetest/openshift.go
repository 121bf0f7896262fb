package kubetest

import "testing"

// ClusterNetwork is one of the networks that OpenShift takes the addresses of
// pods from.
type ClusterNetwork struct {
	CIDR       string
	HostPrefix int // the size of a node's share, zero to leave it out
}

// openShiftName is the one name that the object has.
const openShiftName = "cluster"

// InstallOpenShiftCRD is InstallCRDs for networks.config.openshift.io.
func (s *Server) InstallOpenShiftCRD(tb testing.TB) {
	tb.Helper()
	s.install(tb, ownOrigin, ownDefinitions(tb, groupOpenShift, "networks"))
}

// PutOpenShiftNetwork stores the network configuration of an OpenShift cluster,
// over one that is there. Its kind has to be installed.
func (s *Server) PutOpenShiftNetwork(tb testing.TB, networks ...ClusterNetwork) {
	tb.Helper()
	list := []any{}
	for _, network := range networks {
		entry := map[string]any{"cidr": network.CIDR}
		if network.HostPrefix != 0 {
			entry["hostPrefix"] = int64(network.HostPrefix)
		}
		list = append(list, entry)
	}
	s.putOpenShift(tb, map[string]any{"clusterNetwork": list})
}

// PutOpenShiftServices is PutOpenShiftNetwork for the networks of Services
// alone.
func (s *Server) PutOpenShiftServices(tb testing.TB, cidrs ...string) {
	tb.Helper()
	s.putOpenShift(tb, map[string]any{"serviceNetwork": anys(cidrs)})
}

func (s *Server) putOpenShift(tb testing.TB, spec map[string]any) {
	tb.Helper()
	s.put(tb, s.dynamic.Resource(groupOpenShift.WithResource("networks")),
		object(groupOpenShift.String(), "Network", openShiftName, map[string]any{"spec": spec}))
}

// DeleteOpenShiftNetwork deletes what PutOpenShiftNetwork or PutOpenShiftServices has
// stored.
func (s *Server) DeleteOpenShiftNetwork(tb testing.TB) {
	tb.Helper()
	s.delete(tb, s.dynamic.Resource(groupOpenShift.WithResource("networks")), openShiftName)
}
