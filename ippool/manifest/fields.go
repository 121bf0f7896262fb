package manifest

import (
	"strings"
	"unicode"

	"github.com/calico-bootstrap/calico-bootstrap/internal/spelling"
)

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
)

// serverFields are fields of the metadata that the server or its controllers set.
// They occur in exports.
var serverFields = []string{
	"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink",
	"deletionTimestamp", "deletionGracePeriodSeconds", "finalizers", "ownerReferences",
}

// serverAnnotations are the internal annotations of kubectl and Calico's client.
var serverAnnotations = []string{"projectcalico.org/metadata", "kubectl.kubernetes.io/last-applied-configuration"}

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
}

// suggest returns the known word that was probably meant, empty if none is similar.
func suggest(word string, known []string) string {
	plain := simplified(word)
	for _, candidate := range known {
		if simplified(candidate) == plain {
			return candidate
		}
	}
	if other, ok := otherNames[plain]; ok {
		for _, candidate := range known {
			if strings.Contains(other, candidate) {
				return other
			}
		}
	}
	// A misspelt word is not much longer than the longest known one.
	best, least := "", 3
	for _, candidate := range known {
		if len(plain) > 40 {
			break
		}
		if d := spelling.Distance(plain, simplified(candidate)); d < least && 2*d < len(candidate) {
			best, least = candidate, d
		}
	}
	return best
}

// simplified removes differences in style: nat-outgoing, NAT_outgoing and
// natOutgoing are the same, and so is a name with a space that is not visible.
func simplified(word string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, word)
}

// isASCII reports whether a word has only the characters of the names of fields.
func isASCII(word string) bool {
	return !strings.ContainsFunc(word, func(r rune) bool { return r > unicode.MaxASCII })
}
