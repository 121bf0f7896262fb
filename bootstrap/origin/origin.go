// Package origin describes where a value comes from: a flag, an environment variable, a
// file, the cluster, the host, or the caller. It also has the identities of settings.
//
// Messages and reports name the [Origin] of each value, and suggest a [Setting] by its
// identity or as [Names] returns it.
package origin

import (
	"fmt"

	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// Kind is the kind of an origin.
type Kind int

// The kinds of origins.
const (
	KindNone      Kind = iota // unknown
	KindDefault               // the default; the value is not set
	KindFlag                  // a command line flag
	KindEnv                   // an environment variable
	KindFile                  // a file, or a line in it
	KindCluster               // an object of the cluster: kubeadm-config, a Node
	KindHost                  // the host: an interface, a route
	KindDatastore             // a stored pool
	KindCaller                // the caller of the library
)

// Origin is where a value comes from. Origins can be compared with ==. The zero Origin
// means unknown.
type Origin struct {
	kind Kind
	text string // what Name returns
}

var (
	// Default is the origin of a value that is not set.
	Default = Origin{kind: KindDefault}
	// Datastore is the origin of a field of a stored pool.
	Datastore = Origin{kind: KindDatastore}
)

// DefaultBecause returns Default with a reason: "default (random ULA)".
func DefaultBecause(reason string) Origin { return Origin{KindDefault, reason} }

// Flag returns the origin for a flag. The name has no dashes in front.
func Flag(name string) Origin { return Origin{KindFlag, name} }

// Env returns the origin for an environment variable.
func Env(name string) Origin { return Origin{KindEnv, name} }

// File returns the origin for a whole file.
func File(path string) Origin { return Origin{KindFile, path} }

// Line returns the origin for a line of a file. Lines start at 1; 0 means the whole
// file.
func Line(path string, line int) Origin {
	if line == 0 {
		return File(path)
	}
	return File(fmt.Sprintf("%s:%d", path, line))
}

// Cluster returns the origin for an object of the cluster, such as "kubeadm-config".
func Cluster(place string) Origin { return Origin{KindCluster, place} }

// Host returns the origin for a place on the host, such as "interface eth0".
func Host(place string) Origin { return Origin{KindHost, place} }

// Caller returns an origin that the caller of the library describes:
// "cluster.yaml: ipv4.masquerade". Its kind is KindCaller whatever the text.
func Caller(place string) Origin { return Origin{KindCaller, place} }

// Kind returns the kind of the origin.
func (o Origin) Kind() Kind { return o.kind }

// Name returns the name of a flag (without dashes) or a variable, the path of a file,
// or the description of another origin.
func (o Origin) Name() string { return o.text }

// And returns the origin of a value that comes from both origins. Its kind is that of o.
func (o Origin) And(other Origin) Origin { return Origin{o.kind, o.text + ", " + other.String()} }

// String returns the origin as messages show it, on one line: "flag --x", "env X",
// "file F:2", "default". It is empty for the zero Origin. A path that may be a secret,
// such as the content of the file, is "***".
func (o Origin) String() string { return text.OneLine(o.describe()) }

func (o Origin) describe() string {
	switch o.kind {
	case KindDefault:
		if o.text != "" {
			return "default (" + o.text + ")"
		}
		return "default"
	case KindFlag:
		return "flag --" + o.text
	case KindEnv:
		return "env " + o.text
	case KindFile:
		return "file " + text.Shown(o.text)
	case KindDatastore:
		return "datastore"
	default:
		return o.text
	}
}

// MarshalText returns String, so that an origin is a string in JSON.
func (o Origin) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText sets o to Caller(text), because the text does not contain the kind.
func (o *Origin) UnmarshalText(text []byte) error {
	*o = Caller(string(text))
	return nil
}
