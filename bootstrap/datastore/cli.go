package datastore

import (
	"encoding/json"
	"fmt"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
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

// Existence is whether an object exists. The zero value is unknown.
type Existence int

// The existences.
const (
	Unclear Existence = iota
	Exists
	Absent
)

// ExistenceOf returns whether an object exists that was found among all objects, if all of
// them are known.
func ExistenceOf(found, allKnown bool) Existence {
	switch {
	case found:
		return Exists
	case allKnown:
		return Absent
	default:
		return Unclear
	}
}

// SetFelixConfiguration returns the command that sets the fields of spec, a JSON object, in a
// FelixConfiguration, quoted for a POSIX shell: it patches one that exists, and creates one
// that is absent. If that is unclear, it creates it where the patch fails, and replaces
// nothing. If the CLI is unknown, it is a command of kubectl.
func (c CLI) SetFelixConfiguration(name, spec string, existence Existence) string {
	if c.Program == "" {
		c.Program = Kubectl
	}
	felix := CLI{Program: c.Program, Resource: "felixconfiguration"}
	if _, group, found := strings.Cut(c.Resource, "."); found {
		felix.Resource = "felixconfigurations." + group
	}
	object := json.RawMessage(spec)
	if existence == Absent {
		return c.writeFelix("apply", name, object)
	}
	patch := felix.Patch(name, `{"spec":`+spec+`}`)
	if existence == Unclear {
		patch += " || " + c.writeFelix("create", name, object)
	}
	return patch
}

// writeFelix returns the command that writes a FelixConfiguration.
func (c CLI) writeFelix(verb, name string, spec json.RawMessage) string {
	group := v3.SchemeGroupVersion
	if strings.HasSuffix(c.Resource, "."+ippool.CRDV1.Group) {
		group = ippool.CRDV1
	}
	object := map[string]any{"apiVersion": group.String(), "kind": "FelixConfiguration", "metadata": map[string]string{"name": name}, "spec": spec}
	data, err := json.Marshal(object)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("echo %s | %s %s -f -", text.ShellWord(string(data)), c.Program, verb)
}

// Delete returns the command that deletes pools, quoted for a POSIX shell. It is empty if the
// CLI is unknown.
func (c CLI) Delete(pools ...string) string {
	if c.Program == "" {
		return ""
	}
	words := []string{c.Program, "delete", c.Resource}
	for _, pool := range pools {
		words = append(words, text.ShellWord(pool))
	}
	return strings.Join(words, " ")
}

// DeleteLabelled returns the command that deletes the pools with a label, quoted for a POSIX
// shell. It is empty if the CLI is unknown, or can't select by labels: use Delete then.
func (c CLI) DeleteLabelled(label, value string) string {
	if c.Program != Kubectl {
		return ""
	}
	return fmt.Sprintf("%s delete %s -l %s", c.Program, c.Resource, text.ShellWord(label+"="+value))
}

// Edit returns the commands that change any field of a pool that can be decoded, quoted for
// a POSIX shell. It is empty if the CLI is unknown.
func (c CLI) Edit(pool string) string {
	switch name := text.ShellWord(pool); c.Program {
	case "":
		return ""
	case Kubectl:
		return fmt.Sprintf("%s edit %s %s", c.Program, c.Resource, name)
	default:
		return fmt.Sprintf("%s get %s %s -o yaml >pool.yaml, and after the change %s replace -f pool.yaml", c.Program, c.Resource, name, c.Program)
	}
}

// Repair returns the commands that show or change, and that delete, the record of a pool,
// even one that can't be decoded, quoted for a POSIX shell. In etcd this is the value of a
// key, which calicoctl can't show then. It is empty if the CLI is unknown.
func (c CLI) Repair(pool string) string {
	switch c.Program {
	case "":
		return ""
	case Kubectl:
		return c.Edit(pool) + ", " + c.Delete(pool)
	default:
		key := text.ShellQuote(ippool.RecordKey(pool))
		return fmt.Sprintf("etcdctl get %s, etcdctl del %s", key, key)
	}
}
