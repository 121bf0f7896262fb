package apiconfig

import (
	"slices"
	"strings"
)

// The fields of each object.
var (
	topFields      = []string{"apiVersion", "kind", "metadata", "spec"}
	metadataFields = []string{
		"name", "namespace", "labels", "annotations", "generateName", "uid", "resourceVersion", "creationTimestamp", "generation", "selfLink",
		"managedFields", "deletionTimestamp", "deletionGracePeriodSeconds", "finalizers", "ownerReferences",
	}
	specFields = []string{
		"datastoreType",
		"etcdEndpoints", "etcdDiscoverySrv", "etcdUsername", "etcdPassword", "etcdCACertFile", "etcdCertFile", "etcdKeyFile",
		"etcdCACert", "etcdCert", "etcdKey",
		"kubeconfig", "kubeconfigInline", "k8sAPIEndpoint", "k8sCAFile", "k8sCertFile", "k8sKeyFile", "k8sAPIToken",
		"k8sInsecureSkipTLSVerify", "k8sCurrentContext", "k8sClientQPS", "k8sClientBurst", "calicoAPIGroup",
		"k8sDisableNodePoll", "usePodCIDR", // for other parts of Calico
	}
)

// Fields returns the fields of the spec, in the order of the documentation.
func Fields() []string { return slices.Clone(specFields) }

// selecting are the fields that select a datastore.
var selecting = []string{"datastoreType", "etcdEndpoints", "etcdDiscoverySrv", "kubeconfig", "kubeconfigInline", "k8sAPIEndpoint"}

// isSecret reports whether values of the field are never shown.
func isSecret(name string) bool {
	switch name {
	case "etcdPassword", "etcdCACert", "etcdCert", "etcdKey", "kubeconfigInline", "k8sAPIToken":
		return true
	}
	return false
}

// isBoolean reports whether the field is a boolean.
func isBoolean(name string) bool {
	return name == "k8sInsecureSkipTLSVerify" || name == "k8sDisableNodePoll" || name == "usePodCIDR"
}

// isNumber reports whether the field is a number.
func isNumber(name string) bool { return name == "k8sClientQPS" || name == "k8sClientBurst" }

// otherNames maps the names of fields in calicoctl's first version, in variables, and in
// the configurations of other programs to those in a CalicoAPIConfig.
var otherNames = map[string]string{
	"etcdauthority": "etcdEndpoints", "etcdhost": "etcdEndpoints", "etcdservers": "etcdEndpoints", "endpoints": "etcdEndpoints",
	"etcdscheme": "etcdEndpoints", "etcdcafile": "etcdCACertFile", "etcdca": "etcdCACertFile", "cacertfile": "etcdCACertFile", "certfile": "etcdCertFile",
	"keyfile": "etcdKeyFile", "username": "etcdUsername", "etcduser": "etcdUsername", "password": "etcdPassword", "etcdpasswd": "etcdPassword",
	"datastore":      "datastoreType",
	"kubeconfigpath": "kubeconfig", "kubeconfigfile": "kubeconfig", "server": "k8sAPIEndpoint", "k8sserver": "k8sAPIEndpoint",
	"apiendpoint": "k8sAPIEndpoint", "k8sapiroot": "k8sAPIEndpoint", "token": "k8sAPIToken", "k8stoken": "k8sAPIToken", "k8sauthtoken": "k8sAPIToken",
	"context": "k8sCurrentContext", "currentcontext": "k8sCurrentContext", "k8susepodcidr": "usePodCIDR",
}

// similar returns the fields of the spec that a message lists for an unknown one.
func similar(key string) string {
	for _, prefix := range []string{"etcd", "k8s"} {
		if strings.HasPrefix(strings.ToLower(key), prefix) {
			var names []string
			for _, name := range specFields {
				if strings.HasPrefix(name, prefix) {
					names = append(names, name)
				}
			}
			return "one of " + strings.Join(names, ", ")
		}
	}
	return "a field of calicoctl's configuration, such as " + strings.Join(selecting, ", ")
}
