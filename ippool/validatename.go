package ippool

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateName validates the name of a pool, which is a DNS subdomain name (RFC 1123).
func validateName(name string) field.ErrorList {
	if len(validation.IsDNS1123Subdomain(name)) == 0 {
		return nil
	}
	other := strings.IndexFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '.'
	})
	problem := `has "-" or "." at an end or beside a "."`
	switch {
	case name == "":
		problem = "is empty"
	case other >= 0:
		problem = fmt.Sprintf("has %+q", []rune(name[other:])[0])
	case len(name) > validation.DNS1123SubdomainMaxLength:
		problem = fmt.Sprintf("has %d characters", len(name))
	}
	return field.ErrorList{field.Invalid(field.NewPath("metadata", "name"), name, problem+fmt.Sprintf(
		`; must be a DNS subdomain name such as rack-a: up to %d lower-case letters, digits, "-" and ".", with a letter or a digit at its ends and beside each "."`,
		validation.DNS1123SubdomainMaxLength))}
}
