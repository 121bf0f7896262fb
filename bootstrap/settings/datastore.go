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
// Calico's own clients, unless something looks like a setting of a datastore: then the
// cluster of a kubeconfig that nobody named may be the wrong one.
func (s *Settings) selectDatastore(config *Config, faults *Faults) datastore.Type {
	d := &s.Datastore
	switch given := d.DatastoreType; {
	case given.IsSet() && strings.EqualFold(given.Value, string(datastore.EtcdV3)):
		return datastore.EtcdV3
	case given.IsSet() && strings.EqualFold(given.Value, string(datastore.Kubernetes)):
		return datastore.Kubernetes
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
	case !kubernetes.IsSet():
		s.checkUnselected(config, faults)
	}
	return datastore.Kubernetes
}

func firstSet(all ...Setting) Setting {
	for _, setting := range all {
		if setting.IsSet() {
			return setting
		}
	}
	return Setting{}
}

// preferredDatastore returns the datastore if settings select both: that of a flag or of
// the caller, and etcd if both are in the environment, as for calico-node.
func (s *Settings) preferredDatastore(etcd, kubernetes Setting, config *Config, faults *Faults) datastore.Type {
	explicit := func(setting Setting) bool {
		kind := setting.Source.Kind()
		return kind == origin.KindFlag || kind == origin.KindCaller
	}
	names := s.Names()
	switch {
	case explicit(etcd) && explicit(kubernetes):
		faults.AddSecret(kubernetes, "contradicts %s; set only one of them, or %s", etcd.Source, names.Of(origin.SettingDatastoreType))
		return ""
	case explicit(etcd):
		config.Warnings = append(config.Warnings, fmt.Sprintf("%s has no effect: %s selects etcd", kubernetes.Source, etcd.Source))
		return datastore.EtcdV3
	case explicit(kubernetes):
		config.Warnings = append(config.Warnings, fmt.Sprintf("%s has no effect: %s selects Kubernetes", etcd.Source, kubernetes.Source))
		return datastore.Kubernetes
	default:
		config.Notes = append(config.Notes, fmt.Sprintf("%s has no effect: %s selects etcd; set %s to choose", kubernetes.Source, etcd.Source, names.Of(origin.SettingDatastoreType)))
		return datastore.EtcdV3
	}
}

// checkUnselected reports settings, and variables that look like settings, of a datastore
// that nothing selects: as faults, or as warnings in a pod, whose cluster is known.
func (s *Settings) checkUnselected(config *Config, faults *Faults) {
	d := &s.Datastore
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
	for _, source := range found {
		if d.Ambient.KubernetesServiceHost.IsSet() {
			config.Warnings = append(config.Warnings, fmt.Sprintf("%s %s; using the cluster of this pod", source, hint))
			continue
		}
		faults.Add(Setting{Source: source}, "%s", hint)
	}
}
