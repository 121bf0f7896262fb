package settings

import "github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"

// These are exported for tests.
var (
	Nearest          = nearest
	UnknownVariables = unknownVariables
)

// SimilarVariables are those of an environment.
func SimilarVariables(environ []string) []origin.Origin {
	return similarVariables(unknownVariables(environ), environ)
}

// ReadConfig reads a config file without other settings.
func ReadConfig(path string, data []byte) (Settings, error) {
	return readConfig(path, data, &Settings{})
}

// FieldOf returns the setting of a field of a config file; nil if there is none.
func FieldOf(s *Settings, name string) *Setting { return s.Datastore.field(name) }
