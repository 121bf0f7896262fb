package main

import "fmt"

// hostRole is the role of a host in its cluster.
type hostRole string

// The roles.
const (
	roleNode         hostRole = "node"          // runs pods
	roleControlPlane hostRole = "control-plane" // runs pods and the datastore
)

// parseRole parses a role. An empty text means roleNode.
func parseRole(text string) (hostRole, error) {
	switch parsed := hostRole(text); parsed {
	case "":
		return roleNode, nil
	case roleNode, roleControlPlane:
		return parsed, nil
	default:
		return "", fmt.Errorf("unknown role; must be %s or %s", roleNode, roleControlPlane)
	}
}
