package firewall

import "fmt"

// Role is the part of a host in its cluster.
type Role string

// The roles.
const (
	RoleNode         Role = "node"          // runs pods
	RoleControlPlane Role = "control-plane" // runs pods, and the datastore
)

// ParseRole reads a role. Empty means RoleNode.
func ParseRole(text string) (Role, error) {
	switch role := Role(text); role {
	case "":
		return RoleNode, nil
	case RoleNode, RoleControlPlane:
		return role, nil
	default:
		return "", fmt.Errorf("unknown role; want %s or %s", RoleNode, RoleControlPlane)
	}
}
