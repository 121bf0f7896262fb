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
	case given.Unreadable():
		return ""
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
	etcd, kubernetes := d.EtcdPlace(), d.KubernetesPlace()
	switch {
	case etcd.IsSet() && kubernetes.IsSet():
		return s.preferredDatastore(etcd, kubernetes, config, faults)
	case etcd.IsSet(), d.EtcdEndpoints.Unreadable(), d.EtcdDiscoverySRV.Unreadable():
		return datastore.EtcdV3
	default:
		return datastore.Kubernetes
	}
}

// EtcdPlace returns the setting that says where etcd is, its endpoints or its discovery
// domain. It is unset if neither is set.
func (d DatastoreSettings) EtcdPlace() Setting { return firstSet(d.EtcdEndpoints, d.EtcdDiscoverySRV) }

// KubernetesPlace returns the setting that says where the API server is, a kubeconfig or an
// endpoint. It is unset if none is set.
func (d DatastoreSettings) KubernetesPlace() Setting {
	return firstSet(d.Kubeconfig, d.KubeconfigInline, d.K8sAPIEndpoint)
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
		add := faults.Add
		if kubernetes == s.Datastore.KubeconfigInline {
			add = faults.AddSecret
		}
		add(kubernetes, "contradicts %s; set only one of them, or %s", etcd.Source, names.Of(origin.SettingDatastoreType))
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
// applies: see Unselecting.
func (d DatastoreSettings) IsSelected() bool {
	return d.DatastoreType.IsSet() || d.EtcdPlace().IsSet() || d.KubernetesPlace().IsSet()
}

// Unselecting returns a fault for each setting of etcd, and each variable that looks like a
// setting of the datastore, if none of the settings says where the datastore is: the cluster
// of a kubeconfig that no setting names may be the wrong one. Package kubernetes reports them
// in place of using ~/.kube/config, except in a pod, whose cluster is known: see
// Settings.CheckSelection. With the type kubernetes, only what looks like a setting of
// Kubernetes counts.
func (d DatastoreSettings) Unselecting() Faults {
	if d.KubernetesPlace().IsSet() || d.EtcdPlace().IsSet() && !d.DatastoreType.IsSet() || strings.EqualFold(d.DatastoreType.Value, string(datastore.EtcdV3)) {
		return nil
	}
	places := d.Names.Of(origin.SettingKubeconfig) + " or " + d.Names.Of(origin.SettingAPIEndpoint)
	var faults Faults
	if !d.DatastoreType.IsSet() {
		places = d.Names.Of(origin.SettingEtcdEndpoints) + ", " + places
		for _, setting := range []Setting{
			d.EtcdUsername, d.EtcdPassword, d.EtcdCACertFile, d.EtcdCertFile, d.EtcdKeyFile, d.EtcdCACert, d.EtcdCert, d.EtcdKey,
		} { // package kubernetes reports those of Kubernetes
			if setting.IsSet() {
				faults.Add(Setting{Source: setting.Source}, "selects no datastore; set %s", places)
			}
		}
	}
	for _, variable := range d.Ambient.Similar {
		near, misspelt := nearest(variable.Name())
		switch {
		case d.DatastoreType.IsSet() && (!misspelt || strings.HasPrefix(string(near.ID), "etcd.") || near.ID == origin.SettingDatastoreType):
		case misspelt:
			faults.Add(Setting{Source: variable}, "unknown; did you mean %s? Nothing selects a datastore: set %s", near.Env, places)
		default: // etcdctl's
			faults.Add(Setting{Source: variable}, "looks like a setting of the datastore, but selects none; set %s", places)
		}
	}
	return faults
}

// CheckSelection returns a warning for each of the faults of Unselecting in a pod, whose
// cluster is used. Resolve does not, because a caller may have a datastore of its own.
// The error is nil: package kubernetes returns the faults of other processes.
func (s *Settings) CheckSelection() (warnings []string, err error) {
	if !s.Datastore.Ambient.KubernetesServiceHost.IsSet() {
		return nil, nil
	}
	for _, fault := range s.Datastore.Unselecting() {
		if fault.Source != origin.Env(ofEtcdctl) { // what etcdctl uses is no hint in a pod
			warnings = append(warnings, fault.Error()+"; using the cluster of this pod")
		}
	}
	return warnings, nil
}
