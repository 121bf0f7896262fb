package settings

import (
	"fmt"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
)

// selectDatastore returns the datastore that the settings select; empty if they are
// invalid. Endpoints, a discovery domain, a kubeconfig and an API endpoint select one;
// certificates, users and tokens do not. If nothing selects one it is Kubernetes, as for
// Calico's own clients.
func (s *Settings) selectDatastore(config *Config, faults *Faults) datastore.Type {
	d := &s.Datastore
	switch given := d.DatastoreType; {
	case given.IsSet() && strings.EqualFold(given.Value, string(datastore.EtcdV3)):
		return datastore.EtcdV3
	case given.IsSet() && strings.EqualFold(given.Value, string(datastore.Kubernetes)):
		return datastore.Kubernetes
	case strings.EqualFold(given.Value, "etcdv2"):
		faults.Add(given, "the datastore of Calico 1 and 2, whose pools Calico 3 doesn't read; must be etcdv3 or kubernetes")
		return ""
	case given.IsSet():
		faults.Add(given, "unknown datastore; must be etcdv3 or kubernetes")
		return ""
	}
	etcd, kubernetes := firstSet(d.EtcdEndpoints, d.EtcdDiscoverySRV), firstSet(d.Kubeconfig, d.KubeconfigInline, d.K8sAPIEndpoint)
	switch {
	case etcd.IsSet() && kubernetes.IsSet():
		return s.preferredDatastore(etcd, kubernetes, config, faults)
	case etcd.IsSet():
		return datastore.EtcdV3
	default:
		return datastore.Kubernetes
	}
}

// firstSet returns the first setting of a flag or of the caller, else the first that is
// set.
func firstSet(all ...Setting) Setting {
	first := Setting{}
	for _, setting := range all {
		switch {
		case !setting.IsSet():
		case isExplicit(setting):
			return setting
		case !first.IsSet():
			first = setting
		}
	}
	return first
}

// isExplicit reports whether a flag or the caller gives the setting.
func isExplicit(setting Setting) bool {
	kind := setting.Source.Kind()
	return kind == origin.KindFlag || kind == origin.KindCaller
}

// preferredDatastore returns the datastore if settings select both: that of a flag or of
// the caller, and etcd if both are in the environment, as for calico-node.
func (s *Settings) preferredDatastore(etcd, kubernetes Setting, config *Config, faults *Faults) datastore.Type {
	names := s.Names()
	switch {
	case isExplicit(etcd) && isExplicit(kubernetes):
		faults.AddSecret(kubernetes, "contradicts %s; set only one of them, or %s", etcd.Source, names.Of(origin.SettingDatastoreType))
		return ""
	case isExplicit(etcd):
		config.Warnings = append(config.Warnings, fmt.Sprintf("%s has no effect: %s selects etcd", kubernetes.Source, etcd.Source))
		return datastore.EtcdV3
	case isExplicit(kubernetes):
		config.Warnings = append(config.Warnings, fmt.Sprintf("%s has no effect: %s selects Kubernetes", etcd.Source, kubernetes.Source))
		return datastore.Kubernetes
	default:
		config.Notes = append(config.Notes, fmt.Sprintf("%s has no effect: %s selects etcd; set %s to choose", kubernetes.Source, etcd.Source, names.Of(origin.SettingDatastoreType)))
		return datastore.EtcdV3
	}
}

// IsSelected reports whether a setting selects a datastore: its type, etcd's endpoints or
// discovery domain, a kubeconfig, or an API endpoint, valid or not. Otherwise the default
// applies: see CheckSelection.
func (d DatastoreSettings) IsSelected() bool {
	return firstSet(d.DatastoreType, d.EtcdEndpoints, d.EtcdDiscoverySRV, d.Kubeconfig, d.KubeconfigInline, d.K8sAPIEndpoint).IsSet()
}

// CheckSelection returns an *Error if no setting selects a datastore although there are
// settings of etcd, or variables that look like settings of a datastore: the cluster of a
// kubeconfig that no setting names may be the wrong one. In a pod, whose cluster is known,
// these are warnings. Package open calls it; Resolve does not, because a caller may have a
// datastore of its own.
func (s *Settings) CheckSelection() (warnings []string, err error) {
	d := &s.Datastore
	if d.IsSelected() {
		return nil, nil
	}
	names := s.Names()
	hint := fmt.Sprintf("selects no datastore; set %s, %s or %s", names.Of(origin.SettingEtcdEndpoints),
		names.Of(origin.SettingKubeconfig), names.Of(origin.SettingAPIEndpoint))
	var found []origin.Origin
	for _, setting := range []Setting{
		d.EtcdUsername, d.EtcdPassword, d.EtcdCACertFile, d.EtcdCertFile, d.EtcdKeyFile, d.EtcdCACert, d.EtcdCert, d.EtcdKey,
	} { // the kubernetes package reports those of Kubernetes
		if setting.IsSet() {
			found = append(found, setting.Source)
		}
	}
	for _, unknown := range s.Unknown {
		if near, is := nearest(unknown.Source.Name()); is && near.Prefixed {
			found = append(found, unknown.Source)
		}
	}
	var faults Faults
	for _, source := range found {
		if d.Ambient.KubernetesServiceHost.IsSet() {
			warnings = append(warnings, fmt.Sprintf("%s %s; using the cluster of this pod", source, hint))
			continue
		}
		faults.Add(Setting{Source: source}, "%s", hint)
	}
	return warnings, faults.Err()
}
