// Package origin says where a value came from, and identifies settings, however they are
// given.
package origin

import "fmt"

// Kind is the kind of place that a value came from.
type Kind int

// The kinds of places.
const (
	KindNone      Kind = iota // no place is known
	KindDefault               // nobody gave the value
	KindFlag                  // a flag of the command line
	KindEnv                   // an environment variable
	KindFile                  // a file, or a line of it
	KindCluster               // an object of the cluster: kubeadm-config, a Node
	KindHost                  // the host: an interface, a route
	KindDatastore             // a pool that is stored
	KindCaller                // whoever called the library
)

// Origin is the place that a value came from. Origins are compared with ==. The
// zero Origin is no place.
type Origin struct {
	kind Kind
	text string // what String returns, but for what the kind says
}

var (
	// Default is the origin of a value that nobody gave.
	Default = Origin{kind: KindDefault}
	// Datastore is the origin of a field of a stored pool.
	Datastore = Origin{kind: KindDatastore}
)

// DefaultBecause is Default with a reason in its text: "default (random ULA)".
func DefaultBecause(reason string) Origin { return Origin{KindDefault, reason} }

// Flag is the flag of that name, without dashes.
func Flag(name string) Origin { return Origin{KindFlag, name} }

// Env is the environment variable of that name.
func Env(name string) Origin { return Origin{KindEnv, name} }

// File is a file, as a whole.
func File(path string) Origin { return Origin{KindFile, path} }

// Line is a line of a file, from 1; the whole file for 0.
func Line(path string, line int) Origin {
	if line == 0 {
		return File(path)
	}
	return File(fmt.Sprintf("%s:%d", path, line))
}

// Cluster is a place in the cluster, such as "kubeadm-config".
func Cluster(place string) Origin { return Origin{KindCluster, place} }

// Host is a place on the host, such as "interface eth0".
func Host(place string) Origin { return Origin{KindHost, place} }

// Caller is a place that only the caller of the library knows, in its words:
// "cluster.yaml: ipv4.masquerade". Whatever the text, it is never taken for
// another kind.
func Caller(place string) Origin { return Origin{KindCaller, place} }

// Kind returns the kind of place.
func (o Origin) Kind() Kind { return o.kind }

// Name returns the name of a flag (without dashes) or a variable, the path of a
// file, else the place in words.
func (o Origin) Name() string { return o.text }

// And is the origin of a value that is in both places. The kind is that of the
// first.
func (o Origin) And(other Origin) Origin { return Origin{o.kind, o.text + ", " + other.String()} }

// String returns the place as messages name it: "flag --x", "env X", "file F:2",
// "default"; empty for the zero Origin.
func (o Origin) String() string {
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
		return "file " + o.text
	case KindDatastore:
		return "datastore"
	default:
		return o.text
	}
}

// MarshalText returns String, so that JSON has it as a text.
func (o Origin) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText makes it a Caller's place with that text: the kind isn't in it.
func (o *Origin) UnmarshalText(text []byte) error {
	*o = Caller(string(text))
	return nil
}
