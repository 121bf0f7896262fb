package kubetest

import "testing"

// ClusterNetwork is one of OpenShift's pod networks.
type ClusterNetwork struct {
	CIDR       string
	HostPrefix int // prefix length of a node's subnet; zero: omitted
}

// openShiftName is the name of the only object.
const openShiftName = "cluster"

// InstallOpenShiftCRD is InstallCRDs for networks.config.openshift.io.
func (s *Server) InstallOpenShiftCRD(tb testing.TB) {
	tb.Helper()
	s.install(tb, ownOrigin, ownDefinitions(tb, groupOpenShift, "networks"))
}

// PutOpenShiftNetwork stores the network configuration of an OpenShift cluster, and
// replaces an existing one. InstallOpenShiftCRD must be called before.
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

// PutOpenShiftServices is PutOpenShiftNetwork with the Service networks only.
func (s *Server) PutOpenShiftServices(tb testing.TB, cidrs ...string) {
	tb.Helper()
	s.putOpenShift(tb, map[string]any{"serviceNetwork": anys(cidrs)})
}

func (s *Server) putOpenShift(tb testing.TB, spec map[string]any) {
	tb.Helper()
	s.put(tb, s.dynamic.Resource(groupOpenShift.WithResource("networks")),
		object(groupOpenShift.String(), "Network", openShiftName, map[string]any{"spec": spec}))
}

// DeleteOpenShiftNetwork deletes the network configuration if it exists.
func (s *Server) DeleteOpenShiftNetwork(tb testing.TB) {
	tb.Helper()
	s.delete(tb, s.dynamic.Resource(groupOpenShift.WithResource("networks")), openShiftName)
}
