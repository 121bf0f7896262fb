package ippool

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	// V3 is the group and version of Calico's resources in etcd, in calicoctl,
	// and of the native CRDs of Calico 3.32 and later.
	V3 = schema.GroupVersion{Group: "projectcalico.org", Version: "v3"}
	// CRDV1 is the group and version of the CRDs that Calico keeps its
	// resources in when it has the Kubernetes datastore.
	CRDV1 = schema.GroupVersion{Group: "crd.projectcalico.org", Version: "v1"}
)

// AddToScheme registers IPPool and IPPoolList in both API groups.
func AddToScheme(scheme *runtime.Scheme) error {
	for _, gv := range []schema.GroupVersion{V3, CRDV1} {
		scheme.AddKnownTypes(gv, &IPPool{}, &IPPoolList{})
		metav1.AddToGroupVersion(scheme, gv)
	}
	return nil
}
