package manifest

// The fields of each object, in Calico's order.
var (
	resourceFields = []string{"apiVersion", "kind", "metadata", "spec", "status"}
	listFields     = []string{"apiVersion", "kind", "metadata", "items"}
	metadataFields = []string{"name", "labels", "annotations"}
	specFields     = []string{
		"cidr", "vxlanMode", "ipipMode", "natOutgoing", "disabled", "disableBGPExport", "blockSize",
		"nodeSelector", "namespaceSelector", "allowedUses", "assignmentMode",
	}
	// flatFields are those of a pool without metadata and spec.
	flatFields = append(append([]string{}, metadataFields...), specFields...)

	operatorFields = []string{ // of a pool in an Installation
		"name", "cidr", "encapsulation", "natOutgoing", "blockSize", "nodeSelector",
		"disableBGPExport", "disableNewAllocations", "allowedUses", "assignmentMode",
	}
	v1MetadataFields = []string{"cidr", "name"} // of calicoctl 1
	v1SpecFields     = []string{"ipip", "nat-outgoing", "disabled"}
	v1IPIPFields     = []string{"enabled", "mode"}
)

// serverFields are fields of the metadata that the server or its controllers set.
// They occur in exports.
var serverFields = []string{
	"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink",
	"deletionTimestamp", "deletionGracePeriodSeconds", "finalizers", "ownerReferences",
}

// calicoAnnotation is where Calico's client stores the metadata of a pool in Calico's own
// CRDs (libcalico-go, lib/backend/k8s/resources).
const calicoAnnotation = "projectcalico.org/metadata"

// serverAnnotations are the internal annotations of kubectl and Calico's client.
var serverAnnotations = []string{calicoAnnotation, "kubectl.kubernetes.io/last-applied-configuration"}

// listServerFields are the fields of the metadata of a list.
var listServerFields = []string{"resourceVersion", "selfLink", "continue", "remainingItemCount"}

// otherNames maps the names of fields in calicoctl's first version, in the
// operator's Installation and in variables to those in an IPPool.
var otherNames = map[string]string{
	"ipip":             "ipipMode",
	"vxlan":            "vxlanMode",
	"encapsulation":    "ipipMode or vxlanMode",
	"nat":              "natOutgoing",
	"disablebgpexport": "disableBGPExport",
	"uses":             "allowedUses",
	"vxlanmode":        "encapsulation",
	"ipipmode":         "encapsulation",
	"disabled":         "disableNewAllocations",
	"never":            "None",
	"off":              "None",
	"always":           "IPIP or VXLAN",
	"true":             "Enabled",
	"false":            "Disabled",
}
