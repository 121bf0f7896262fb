package firewalld

// Port is a port or a port range in firewalld's notation.
type Port struct {
	Range    string // "179" or "100-200"
	Protocol string // "tcp"
}

func (p Port) String() string { return p.Range + "/" + p.Protocol }

// Rules are the rules of a zone or a policy.
type Rules struct {
	Target    string // for packets that no rule matches: "default", "ACCEPT", "DROP", "%%REJECT%%"; for a policy also "CONTINUE"
	Services  []string
	Ports     []Port
	Protocols []string // by name or number
	Rich      []string // rich rules
}

// Service is the definition of a service.
type Service struct {
	Ports        []Port
	Protocols    []string
	Includes     []string          // other services that it includes
	Destinations map[string]string // by family ("ipv4"): limits the service to this address
}

// Policy is a policy for packets from one zone to another, or to this host.
// firewalld has policies since 0.9.0.
type Policy struct {
	Name     string
	Priority int32 // below 0: before the zone's rules; otherwise after them
	Rules    Rules
}

// Configuration is the configuration of a zone, either the runtime or the permanent
// one, which applies after a reload.
type Configuration struct {
	Zone     Rules
	Policies []Policy           // for packets to this host through the zone, by priority
	Services map[string]Service // the services in the rules

	// Shut is the reason why all packets are rejected whatever the rules, or empty.
	Shut string
}
