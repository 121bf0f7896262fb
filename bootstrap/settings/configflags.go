package settings

import (
	"fmt"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings/internal/apiconfig"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// selected returns the datastore that the settings of one place select, and the setting that
// selects it. It is empty if none does, or if settings select both.
func (d *DatastoreSettings) selected() (datastore.Type, Setting) {
	etcd, kubernetes := d.EtcdPlace(), d.KubernetesPlace()
	for _, kind := range []datastore.Type{datastore.EtcdV3, datastore.Kubernetes} {
		if strings.EqualFold(d.DatastoreType.Value, string(kind)) {
			return kind, d.DatastoreType
		}
	}
	switch {
	case d.DatastoreType.IsSet(), etcd.IsSet() == kubernetes.IsSet():
		return "", Setting{}
	case etcd.IsSet():
		return datastore.EtcdV3, etcd
	default:
		return datastore.Kubernetes, kubernetes
	}
}

// alternatives returns the settings of which one takes the place of the others.
func (d *DatastoreSettings) alternatives() [][]*Setting {
	return [][]*Setting{
		{&d.EtcdEndpoints, &d.EtcdDiscoverySRV},
		{&d.EtcdCACertFile, &d.EtcdCACert},
		{&d.EtcdCertFile, &d.EtcdCert},
		{&d.EtcdKeyFile, &d.EtcdKey},
		{&d.Kubeconfig, &d.KubeconfigInline, &d.K8sAPIEndpoint},
	}
}

// replaceBy removes the settings of a config file that flags replace, and returns a warning
// for each of them, and for each flag without effect. A flag that selects another datastore
// than the file does is a fault.
func (s *Settings) replaceBy(flags *Settings, faults *Faults) (warnings []string) {
	warn := func(idle, because Setting, why string) {
		warnings = append(warnings, fmt.Sprintf("%s has no effect: %s %s", idle.Source, because.Source, why))
	}
	asked, flag := flags.Datastore.selected()
	kind, field := s.Datastore.selected()
	if asked != "" && kind != "" && asked != kind {
		faults.Add(flag, "contradicts %s, which selects %s; set only one of them", field.Source, kind)
		return nil
	}
	for _, d := range datastoreDefinitions {
		given, before := d.Of(flags), d.Of(s)
		switch {
		case !given.IsSet():
		case kind != "" && isOfOther(d.ID, kind):
			warn(*given, field, "selects "+string(kind))
		case before.IsSet() && before.Value != given.Value:
			warn(*before, *given, "replaces it")
		}
	}
	ofFlags := flags.Datastore.alternatives()
	for i, ofFile := range s.Datastore.alternatives() {
		for j, given := range ofFlags[i] {
			for k, before := range ofFile {
				if given.IsSet() && before.IsSet() && j != k && !ofFlags[i][k].IsSet() {
					warn(*before, *given, "replaces it")
					*before = Setting{}
				}
			}
		}
	}
	return warnings
}

// isOfOther reports whether a setting is only of another datastore.
func isOfOther(id origin.Setting, kind datastore.Type) bool {
	group, _, _ := strings.Cut(string(id), ".")
	return group == "etcd" && kind != datastore.EtcdV3 || group == "kubernetes" && kind != datastore.Kubernetes
}

// namesIn returns how messages name a setting that a config file has: spec.etcdPassword in
// calicoctl.cfg. The file replaces the variables.
func namesIn(path string, others origin.Names) origin.Names {
	var s Settings
	fields := map[origin.Setting]string{}
	for _, name := range apiconfig.Fields() {
		for _, d := range datastoreDefinitions {
			if d.Of(&s) == s.Datastore.field(name) {
				fields[d.ID] = name
			}
		}
	}
	return func(id origin.Setting) string {
		if field, has := fields[id]; has {
			return "spec." + field + " in " + text.Shown(path)
		}
		return others.Of(id)
	}
}
