package firewalld

// Port is a port or a range of them, as firewalld writes it.
type Port struct {
	Range    string // "179" or "100-200"
	Protocol string // "tcp"
}

func (p Port) String() string { return p.Range + "/" + p.Protocol }

// Rules are what a zone or a policy lets in or keeps out.
type Rules struct {
	Target    string // what becomes of the rest: "default", "ACCEPT", "DROP", "%%REJECT%%"; of a policy also "CONTINUE"
	Services  []string
	Ports     []Port
	Protocols []string // by name or number
	Rich      []string // rich rules
}

// Service is what a service stands for.
type Service struct {
	Ports        []Port
	Protocols    []string
	Includes     []string          // other services that it brings
	Destinations map[string]string // by family ("ipv4"): only to this address
}

// Policy is a policy for what goes from one zone to another, or to this host.
// There are some since firewalld 0.9.0.
type Policy struct {
	Name     string
	Priority int32 // below 0 before the zone's own rules, else behind them
	Rules    Rules
}

// Configuration is one of the two that firewalld has for a zone: what it does
// now, or what it will do after a reload.
type Configuration struct {
	Zone     Rules
	Policies []Policy           // for what comes to this host through the zone, by priority
	Services map[string]Service // those that the rules name

	// Shut says why nothing comes in whatever the rules are. Empty: it does.
	Shut string
}
