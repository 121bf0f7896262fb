package ippool

import (
	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Resource is the plural under which the Kubernetes API serves IPPools, in both
// API groups.
const Resource = "ippools"

// CRDV1 is the API group and version of the CRDs in which Calico stores its
// resources with the Kubernetes datastore. In etcd, in calicoctl's manifests and
// in the native CRDs of Calico 3.32 and later, the resources are in
// [v3.SchemeGroupVersion].
var CRDV1 = schema.GroupVersion{Group: "crd.projectcalico.org", Version: "v1"}

// New returns an IPPool with the name, the kind and API version of Calico's v3
// resources, and an empty spec.
func New(name string) *v3.IPPool {
	pool := v3.NewIPPool()
	pool.Name = name
	return pool
}
