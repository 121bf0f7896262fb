package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

const (
	// managedByLabel is Kubernetes' recommended label for the tool that manages
	// an object.
	managedByLabel = "app.kubernetes.io/managed-by"

	// tigeraOperator is the value of that label on pools that the Tigera
	// operator creates from its Installation.
	tigeraOperator = "tigera-operator"

	// metadataAnnotation is where Calico's client, and so its API server, stores
	// labels, annotations and owners of a pool in Calico's own CRDs
	// (libcalico-go, lib/backend/k8s/resources).
	metadataAnnotation = "projectcalico.org/metadata"
)

// metadataOf returns the pool's metadata as Calico shows it: the annotation takes
// precedence over the labels and annotations of the object. Owners of both are
// included.
func metadataOf(pool *v3.IPPool) metav1.ObjectMeta {
	var kept metav1.ObjectMeta
	_ = json.Unmarshal([]byte(pool.Annotations[metadataAnnotation]), &kept) // malformed parts are ignored
	over := func(object, kept map[string]string) map[string]string {
		all := map[string]string{}
		maps.Copy(all, object)
		maps.Copy(all, kept)
		return all
	}
	return metav1.ObjectMeta{
		Labels:          over(pool.Labels, kept.Labels),
		Annotations:     over(pool.Annotations, kept.Annotations),
		OwnerReferences: slices.Concat(pool.OwnerReferences, kept.OwnerReferences),
	}
}

// owner is what manages a pool. The zero owner is none.
type owner struct {
	name string
	how  string // how to change the pool there; follows the name in messages
}

func (o owner) String() string { return o.name + o.how }

// ownerOf returns the owner of a pool, or the zero owner.
func ownerOf(pool *v3.IPPool) owner {
	metadata := metadataOf(pool)
	manager := metadata.Labels[managedByLabel]
	ofOperator := func(owner metav1.OwnerReference) bool {
		return strings.HasPrefix(owner.APIVersion, "operator.tigera.io/")
	}
	switch {
	case manager == tigeraOperator, slices.ContainsFunc(metadata.OwnerReferences, ofOperator):
		return owner{"the Tigera operator", ", " + inInstallation}
	case len(metadata.OwnerReferences) > 0:
		reference := metadata.OwnerReferences[0]
		return owner{fmt.Sprintf("%s %q", text.OneLine(reference.Kind), reference.Name), " (an owner reference): change it there"}
	case manager == "":
		return owner{}
	case manager == "Helm":
		return owner{"Helm", fmt.Sprintf(" (label %s): change it in the values of the release%s", managedByLabel, release(metadata))}
	default:
		return owner{text.Quote(manager), fmt.Sprintf(" (label %s): change it there", managedByLabel)}
	}
}

const inInstallation = "which would revert the change: change spec.calicoNetwork.ipPools of the Installation"

// release returns the Helm release of an object, quoted, after a space; empty if
// unknown.
func release(metadata metav1.ObjectMeta) string {
	if name := metadata.Annotations["meta.helm.sh/release-name"]; name != "" {
		return fmt.Sprintf(" %q", name)
	}
	return ""
}

// Manager returns the name of what manages the pool, such as "the Tigera operator" or
// "Helm"; empty if unknown.
func Manager(pool *v3.IPPool) string { return ownerOf(pool).name }
