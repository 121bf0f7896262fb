package firewalld

import (
	"cmp"
	"context"
	"slices"

	"github.com/godbus/dbus/v5"
)

// settings are those of a zone, a policy or a service since firewalld 0.9.0. Empty
// values may be missing.
type settings map[string]dbus.Variant

// take stores the values of existing keys in the targets.
func (s settings) take(targets map[string]any) error {
	for key, target := range targets {
		if value, ok := s[key]; ok {
			if err := dbus.Store([]any{value.Value()}, target); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s settings) rules(richRules string) (Rules, error) {
	var rules Rules
	err := s.take(map[string]any{
		"target": &rules.Target, "services": &rules.Services, "ports": &rules.Ports,
		"protocols": &rules.Protocols, richRules: &rules.Rich,
	})
	return rules, err
}

// zoneTuple is a zone before firewalld 0.9.0:
// (sssbsasa(ss)asba(ssss)asasasasa(ss)b).
type zoneTuple struct {
	Version, Short, Description string
	Unused                      bool
	Target                      string
	Services                    []string
	Ports                       []Port
	ICMPBlocks                  []string
	Masquerade                  bool
	ForwardPorts                []struct{ Range, Protocol, ToRange, ToAddress string }
	Interfaces, Sources         []string
	Rich, Protocols             []string
	SourcePorts                 []Port
	ICMPBlockInversion          bool
}

// serviceTuple is a service before firewalld 0.9.0: (sssa(ss)asa{ss}asa(ss)). It has
// no includes.
type serviceTuple struct {
	Version, Short, Description string
	Ports                       []Port
	Modules                     []string
	Destinations                map[string]string
	Protocols                   []string
	SourcePorts                 []Port
}

// query requests the runtime or permanent settings of a zone by a method.
type query func(ctx context.Context, method, zone string) *dbus.Call

func (f *Firewalld) runtimeZone(ctx context.Context, method, zone string) *dbus.Call {
	if method == "Settings" {
		return f.call(ctx, path, name+".getZoneSettings", zone)
	}
	return f.call(ctx, path, zones+".getZoneSettings2", zone)
}

func (f *Firewalld) permanentZone(ctx context.Context, method, zone string) *dbus.Call {
	var object dbus.ObjectPath
	if call := f.call(ctx, configPath, config+".getZoneByName", zone); call.Store(&object) != nil {
		return call
	}
	return f.call(ctx, object, configZone+".get"+method)
}

func (f *Firewalld) zone(ctx context.Context, call query, zone string) (Rules, error) {
	var found settings
	err := call(ctx, "Settings2", zone).Store(&found)
	if isBus(err, "UnknownMethod") {
		return zoneBefore(ctx, call, zone)
	}
	if err != nil {
		return Rules{}, err
	}
	return found.rules("rules_str")
}

// zoneBefore queries a firewalld before 0.9.0.
func zoneBefore(ctx context.Context, call query, zone string) (Rules, error) {
	var found zoneTuple
	if err := call(ctx, "Settings", zone).Store(&found); err != nil {
		return Rules{}, err
	}
	return Rules{Target: found.Target, Services: found.Services, Ports: found.Ports, Protocols: found.Protocols, Rich: found.Rich}, nil
}

func (f *Firewalld) runtimePolicies(ctx context.Context) *dbus.Call {
	return f.call(ctx, path, policies+".getPolicies")
}

func (f *Firewalld) runtimePolicy(ctx context.Context, policy string) *dbus.Call {
	return f.call(ctx, path, policies+".getPolicySettings", policy)
}

func (f *Firewalld) permanentPolicies(ctx context.Context) *dbus.Call {
	return f.call(ctx, configPath, config+".getPolicyNames")
}

func (f *Firewalld) permanentPolicy(ctx context.Context, policy string) *dbus.Call {
	var object dbus.ObjectPath
	if call := f.call(ctx, configPath, config+".getPolicyByName", policy); call.Store(&object) != nil {
		return call
	}
	return f.call(ctx, object, configPolicy+".getSettings")
}

// A lister requests the names of the policies, a describer the settings of one.
type (
	lister    func(context.Context) *dbus.Call
	describer func(ctx context.Context, policy string) *dbus.Call
)

// policies returns the policies from one of the zones to the egress zone, by
// priority.
func (f *Firewalld) policies(ctx context.Context, from []string, to string, list lister, describe describer) ([]Policy, error) {
	var names []string
	err := list(ctx).Store(&names)
	if isBus(err, "UnknownMethod") { // before 0.9.0
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var found []Policy
	for _, name := range names {
		var (
			all             settings
			ingress, egress []string
		)
		if err := describe(ctx, name).Store(&all); err != nil {
			return nil, err
		}
		policy := Policy{Name: name, Priority: -1} // the default of firewalld.policy(5)
		if err := all.take(map[string]any{"priority": &policy.Priority, "ingress_zones": &ingress, "egress_zones": &egress}); err != nil {
			return nil, err
		}
		isIngress := func(zone string) bool { return slices.Contains(ingress, zone) }
		if !slices.Contains(egress, to) || !slices.ContainsFunc(from, isIngress) {
			continue
		}
		if policy.Rules, err = all.rules("rich_rules"); err != nil {
			return nil, err
		}
		found = append(found, policy)
	}
	slices.SortStableFunc(found, func(a, b Policy) int { return cmp.Compare(a.Priority, b.Priority) })
	return found, nil
}

func (f *Firewalld) runtimeService(ctx context.Context, service string) (Service, error) {
	var found settings
	err := f.call(ctx, path, name+".getServiceSettings2", service).Store(&found)
	if isBus(err, "UnknownMethod") {
		return serviceBefore(f.call(ctx, path, name+".getServiceSettings", service))
	}
	return found.service(err)
}

func (f *Firewalld) permanentService(ctx context.Context, service string) (Service, error) {
	var object dbus.ObjectPath
	if err := f.call(ctx, configPath, config+".getServiceByName", service).Store(&object); err != nil {
		return Service{}, err
	}
	var found settings
	err := f.call(ctx, object, configOf+".getSettings2").Store(&found)
	if isBus(err, "UnknownMethod") {
		return serviceBefore(f.call(ctx, object, configOf+".getSettings"))
	}
	return found.service(err)
}

func (s settings) service(err error) (Service, error) {
	if err != nil {
		return Service{}, err
	}
	var service Service
	err = s.take(map[string]any{
		"ports": &service.Ports, "protocols": &service.Protocols,
		"includes": &service.Includes, "destination": &service.Destinations,
	})
	return service, err
}

func serviceBefore(call *dbus.Call) (Service, error) {
	var found serviceTuple
	if err := call.Store(&found); err != nil {
		return Service{}, err
	}
	return Service{Ports: found.Ports, Protocols: found.Protocols, Destinations: found.Destinations}, nil
}

// services returns the services in the rules and those that they include. A service
// that firewalld doesn't have is empty.
func services(c Configuration, call func(string) (Service, error)) (map[string]Service, error) {
	names := c.Zone.services()
	for _, policy := range c.Policies {
		names = append(names, policy.Rules.services()...)
	}
	found := map[string]Service{}
	for len(names) > 0 {
		name := names[0]
		names = names[1:]
		if _, known := found[name]; known {
			continue
		}
		service, err := call(name)
		if err != nil && !isFirewalld(err, "INVALID_SERVICE") {
			return nil, err
		}
		found[name] = service
		names = append(names, service.Includes...)
	}
	return found, nil
}

// services returns the names of the services in the rules.
func (r Rules) services() []string {
	names := slices.Clone(r.Services)
	for _, text := range r.Rich {
		if service := readRichRule(text).service; service != "" {
			names = append(names, service)
		}
	}
	return names
}
