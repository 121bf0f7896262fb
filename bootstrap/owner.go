package bootstrap

import (
	"fmt"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

const (
	// managedByLabel is Kubernetes' recommended label for the tool that manages
	// an object.
	managedByLabel = "app.kubernetes.io/managed-by"

	// tigeraOperator is what the Tigera operator puts into that label of the
	// pools that it makes from its Installation.
	tigeraOperator = "tigera-operator"
)

// ownerOf says who else looks after a pool, and so where it is to be changed;
// empty: nobody that is known.
func ownerOf(pool *ippool.IPPool) string {
	for _, owner := range pool.OwnerReferences {
		if owner.APIVersion == "operator.tigera.io/v1" {
			return "the Tigera operator, " + inInstallation
		}
		return fmt.Sprintf("%s %q (an owner reference): change it there", owner.Kind, owner.Name)
	}
	switch manager := pool.Labels[managedByLabel]; manager {
	case "":
		return ""
	case tigeraOperator:
		return "the Tigera operator, " + inInstallation
	case "Helm":
		return fmt.Sprintf("Helm (label %s): change it in the values of the release%s", managedByLabel, release(pool))
	default:
		return fmt.Sprintf("%q (label %s): change it there", manager, managedByLabel)
	}
}

// managerOf names who ownerOf speaks of, and no more.
func managerOf(pool *ippool.IPPool) string {
	for _, owner := range pool.OwnerReferences {
		if owner.APIVersion == "operator.tigera.io/v1" {
			return "the Tigera operator"
		}
		return fmt.Sprintf("%s %q", owner.Kind, owner.Name)
	}
	switch manager := pool.Labels[managedByLabel]; manager {
	case "", "Helm":
		return manager
	case tigeraOperator:
		return "the Tigera operator"
	default:
		return quote(manager)
	}
}

const inInstallation = "which would change it back: change spec.calicoNetwork.ipPools of the Installation"

// release is the release that Helm notes on what it makes.
func release(pool *ippool.IPPool) string {
	if name := pool.Annotations["meta.helm.sh/release-name"]; name != "" {
		return fmt.Sprintf(" %q", name)
	}
	return ""
}

// leaveToOwner turns the differences into ones that only the owner may mend.
func leaveToOwner(all []Difference, owner string) {
	for i := range all {
		if all[i].Remedy == remedyUpdate || all[i].Remedy == remedyByHand {
			all[i].Remedy = "it is managed by " + owner
		}
	}
}
