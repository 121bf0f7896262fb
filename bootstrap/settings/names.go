package settings

import "github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"

// VariableNames names a setting by its environment variable: ETCD_ENDPOINTS. It is an
// [origin.Names] for a process that gets its settings from the environment; [FromEnv] sets
// it. It is safe for concurrent use.
func VariableNames(id origin.Setting) string {
	if d, ok := definitionOf(id); ok {
		return d.Env
	}
	return string(id)
}

// FlagNames names a setting by its flag: --on-drift. For a setting of the datastore,
// which all of Calico's programs share, it names the variable as well: "--etcd-endpoints
// or ETCD_ENDPOINTS". For a secret it names only the variable, which is safer. It is an
// [origin.Names] for a program with the flags of [Settings.AddFlags]. It is safe for
// concurrent use.
func FlagNames(id origin.Setting) string {
	d, ok := definitionOf(id)
	switch {
	case !ok:
		return string(id)
	case d.Secret:
		return d.Env
	case d.Prefixed:
		return "--" + d.Flag + " or " + d.Env
	default:
		return "--" + d.Flag
	}
}

// Names returns Datastore.Names: how messages name a setting.
func (s Settings) Names() origin.Names { return s.Datastore.Names }

// namesBeside returns how messages name a setting beside a value of an origin: a variable
// beside a variable, a flag beside a flag. It is nil if messages have the identities of
// settings.
func (s Settings) namesBeside() func(origin.Origin) origin.Names {
	if s.Names() == nil {
		return nil
	}
	return func(source origin.Origin) origin.Names {
		for _, d := range definitions() {
			switch kind, name := source.Kind(), source.Name(); {
			case kind == origin.KindEnv && name == d.Env:
				return VariableNames
			case kind == origin.KindFlag && name == d.Flag:
				return FlagNames
			}
		}
		return s.Names()
	}
}
