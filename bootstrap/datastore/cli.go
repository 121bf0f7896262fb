package datastore

import (
	"fmt"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// CLI is the command-line client that changes the pools of a datastore by hand. Messages
// suggest its commands. The zero CLI is unknown. It is safe for concurrent use.
type CLI struct {
	Program  string // "calicoctl" or "kubectl"; empty: unknown
	Resource string // how the program names the resource: "ippools.crd.projectcalico.org"
}

// The programs of a CLI.
const (
	Calicoctl = "calicoctl"
	Kubectl   = "kubectl"
)

// String returns the programs that can change pools: on the Kubernetes API, and where the
// CLI is unknown, "kubectl or calicoctl".
func (c CLI) String() string {
	if c.Program == Calicoctl {
		return Calicoctl
	}
	return Kubectl + " or " + Calicoctl
}

// Patch returns the command that merges a JSON patch into a pool, quoted for a POSIX
// shell. It is empty if the CLI is unknown.
func (c CLI) Patch(pool, patch string) string {
	merge := ""
	switch c.Program {
	case "":
		return ""
	case Kubectl: // a custom resource has no strategic merge patch, the default
		merge = " --type merge"
	}
	return fmt.Sprintf("%s patch %s %s%s -p %s", c.Program, c.Resource, text.ShellWord(pool), merge, text.ShellWord(patch))
}

// PatchFelixConfiguration returns the command that merges a JSON patch into a
// FelixConfiguration, quoted for a POSIX shell: that of kubectl if the CLI is unknown.
func (c CLI) PatchFelixConfiguration(name, patch string) string {
	_, group, _ := strings.Cut(c.Resource, ".")
	felix := CLI{Program: c.Program, Resource: strings.TrimSuffix("felixconfigurations."+group, ".")}
	if felix.Program == "" {
		felix.Program = Kubectl
	}
	return felix.Patch(name, patch)
}

// Delete returns the command that deletes a pool, quoted for a POSIX shell. It is empty if
// the CLI is unknown.
func (c CLI) Delete(pool string) string {
	if c.Program == "" {
		return ""
	}
	return fmt.Sprintf("%s delete %s %s", c.Program, c.Resource, text.ShellWord(pool))
}
