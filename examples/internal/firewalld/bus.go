package firewalld

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
)

// The names of firewalld on the bus.
const (
	name = "org.fedoraproject.FirewallD1"
	path = dbus.ObjectPath("/org/fedoraproject/FirewallD1")

	policies     = name + ".policy"
	zones        = name + ".zone"
	config       = name + ".config"
	configPath   = path + "/config"
	configZone   = config + ".zone"
	configPolicy = config + ".policy"
	configOf     = config + ".service"
)

// Firewalld is a connection to a running firewalld. It is not safe for concurrent
// use.
type Firewalld struct {
	bus *dbus.Conn
}

// Connect connects to firewalld on the system bus at DBUS_SYSTEM_BUS_ADDRESS, or at
// the default address. Errors are one line.
func Connect(ctx context.Context) (*Firewalld, error) {
	bus, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("firewalld is unreachable: no D-Bus system bus at %s: %w", busAddress(), err)
	}
	f := &Firewalld{bus}
	if err := f.running(ctx); err != nil {
		bus.Close()
		return nil, err
	}
	return f, nil
}

func busAddress() string {
	if address := os.Getenv("DBUS_SYSTEM_BUS_ADDRESS"); address != "" {
		return fmt.Sprintf("%q (env DBUS_SYSTEM_BUS_ADDRESS)", address)
	}
	return "/run/dbus/system_bus_socket"
}

// Close closes the connection.
func (f *Firewalld) Close() error { return f.bus.Close() }

// running returns an error if firewalld isn't running. It queries the bus first,
// because a call to firewalld may start it.
func (f *Firewalld) running(ctx context.Context) error {
	var owned bool
	if err := f.bus.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, name).Store(&owned); err != nil {
		return explain(ctx, err, "querying the system bus for firewalld")
	}
	if !owned {
		return errors.New("firewalld isn't running: the system bus has no name " + name)
	}
	state, err := f.property(ctx, "state")
	if err != nil {
		return err
	}
	if state != "RUNNING" {
		return fmt.Errorf("firewalld isn't ready: its state is %s; see firewall-cmd --state and its log", state)
	}
	return nil
}

// Version returns the version of firewalld.
func (f *Firewalld) Version(ctx context.Context) (string, error) { return f.property(ctx, "version") }

func (f *Firewalld) property(ctx context.Context, property string) (string, error) {
	var value dbus.Variant
	err := f.call(ctx, path, "org.freedesktop.DBus.Properties.Get", name, property).Store(&value)
	if err != nil {
		return "", explain(ctx, err, "querying firewalld for its "+property)
	}
	text, _ := value.Value().(string)
	return text, nil
}

// Zone returns the current zone of an interface. If the interface is empty or has no
// zone, Zone returns the default zone, and bound is false.
func (f *Firewalld) Zone(ctx context.Context, networkInterface string) (zone string, bound bool, err error) {
	if networkInterface != "" {
		err := f.call(ctx, path, zones+".getZoneOfInterface", networkInterface).Store(&zone)
		if err != nil {
			return "", false, explain(ctx, err, "querying firewalld for the zone of interface "+networkInterface)
		}
		if zone != "" {
			return zone, true, nil
		}
	}
	if err := f.call(ctx, path, name+".getDefaultZone").Store(&zone); err != nil {
		return "", false, explain(ctx, err, "querying firewalld for its default zone")
	}
	return zone, false, nil
}

// HasInterfaces reports whether interfaces are currently bound to the zone.
func (f *Firewalld) HasInterfaces(ctx context.Context, zone string) (bool, error) {
	var bound []string
	err := f.call(ctx, path, zones+".getInterfaces", zone).Store(&bound)
	if isFirewalld(err, "INVALID_ZONE") {
		return false, f.unknownZone(ctx, zone)
	}
	return len(bound) > 0, explain(ctx, err, "querying firewalld for the interfaces of zone "+zone)
}

// Sources returns the sources of the zones that have sources. A packet from a source
// goes through its zone, whatever the interface.
func (f *Firewalld) Sources(ctx context.Context) (map[string][]string, error) {
	var active map[string]map[string][]string
	if err := f.call(ctx, path, zones+".getActiveZones").Store(&active); err != nil {
		return nil, explain(ctx, err, "querying firewalld for its active zones")
	}
	sources := map[string][]string{}
	for zone, bound := range active {
		if len(bound["sources"]) > 0 {
			sources[zone] = bound["sources"]
		}
	}
	return sources, nil
}

// Runtime returns firewalld's current configuration for packets that arrive through
// the zone. A policy for the zone applies only to interfaces that are bound to it,
// not to those without a zone, for which the default zone applies.
func (f *Firewalld) Runtime(ctx context.Context, zone string, bound bool) (Configuration, error) {
	rules, err := f.zone(ctx, f.runtimeZone, zone)
	if isFirewalld(err, "INVALID_ZONE") {
		return Configuration{}, f.unknownZone(ctx, zone)
	}
	if err != nil {
		return Configuration{}, explain(ctx, err, "querying firewalld for zone "+zone)
	}
	c := Configuration{Zone: rules}
	var panicking bool
	if err := f.call(ctx, path, name+".queryPanicMode").Store(&panicking); err != nil {
		return Configuration{}, explain(ctx, err, "querying firewalld for its panic mode")
	}
	if panicking {
		c.Shut = "panic mode is on"
	}
	if c.Policies, err = f.policies(ctx, ingress(zone, bound), toHost, f.runtimePolicies, f.runtimePolicy); err != nil {
		return Configuration{}, explain(ctx, err, "querying firewalld for its policies")
	}
	c.Services, err = services(c, func(service string) (Service, error) { return f.runtimeService(ctx, service) })
	return c, explain(ctx, err, "querying firewalld for its services")
}

// Permanent returns firewalld's configuration after a reload. Interfaces keep their
// zones.
func (f *Firewalld) Permanent(ctx context.Context, zone string, bound bool) (Configuration, error) {
	rules, err := f.zone(ctx, f.permanentZone, zone)
	if isFirewalld(err, "INVALID_ZONE") {
		return Configuration{Shut: "the zone isn't in the permanent configuration"}, nil
	}
	if err != nil {
		return Configuration{}, explain(ctx, err, "querying firewalld for the permanent zone "+zone)
	}
	c := Configuration{Zone: rules}
	if c.Policies, err = f.policies(ctx, ingress(zone, bound), toHost, f.permanentPolicies, f.permanentPolicy); err != nil {
		return Configuration{}, explain(ctx, err, "querying firewalld for its permanent policies")
	}
	c.Services, err = services(c, func(service string) (Service, error) { return f.permanentService(ctx, service) })
	return c, explain(ctx, err, "querying firewalld for its permanent services")
}

// The symbolic zones of policies.
const (
	toHost  = "HOST"
	anyZone = "ANY"
)

// ingress returns the ingress zones of the policies that apply.
func ingress(zone string, bound bool) []string {
	if bound {
		return []string{anyZone, zone}
	}
	return []string{anyZone}
}

// unknownZone returns the error for an unknown zone: it lists the known zones, or
// states that the zone exists after a reload.
func (f *Firewalld) unknownZone(ctx context.Context, zone string) error {
	var known, permanent []string
	if err := f.call(ctx, path, zones+".getZones").Store(&known); err != nil {
		return explain(ctx, err, "querying firewalld for its zones")
	}
	if err := f.call(ctx, configPath, config+".getZoneNames").Store(&permanent); err != nil {
		return explain(ctx, err, "querying firewalld for its permanent zones")
	}
	if slices.Contains(permanent, zone) {
		return &UnknownZoneError{Zone: zone, Reload: true}
	}
	slices.Sort(known)
	return &UnknownZoneError{Zone: zone, Known: known}
}

// UnknownZoneError is the error for a zone that firewalld doesn't have.
type UnknownZoneError struct {
	Zone   string
	Known  []string // sorted
	Reload bool     // firewalld has it after a reload
}

func (e *UnknownZoneError) Error() string {
	if e.Reload {
		return fmt.Sprintf("zone %q is in firewalld's permanent configuration only; run firewall-cmd --reload", e.Zone)
	}
	return fmt.Sprintf("zone %q: firewalld has no such zone; must be one of %s", e.Zone, strings.Join(e.Known, ", "))
}

// call calls a method of firewalld. It never starts firewalld.
func (f *Firewalld) call(ctx context.Context, object dbus.ObjectPath, method string, args ...any) *dbus.Call {
	return f.bus.Object(name, object).CallWithContext(ctx, method, dbus.FlagNoAutoStart, args...)
}

// explain adds the operation and a hint to an error. It returns nil for nil.
func explain(ctx context.Context, err error, operation string) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", operation, context.Cause(ctx))
	case isBus(err, "AccessDenied") || isFirewalld(err, "NotAuthorized"):
		return fmt.Errorf("%s: firewalld denies this user access; run as root, or allow polkit's %[2]s.config.info and %[2]s.direct.info: %[3]w", operation, name, err)
	default:
		return fmt.Errorf("%s: %w", operation, err)
	}
}

// isBus reports whether the error is this error of the bus.
func isBus(err error, kind string) bool {
	var failure dbus.Error
	return errors.As(err, &failure) && failure.Name == "org.freedesktop.DBus.Error."+kind
}

// isFirewalld reports whether the error is this error of firewalld: the code is at
// the start of its text, or in its name.
func isFirewalld(err error, code string) bool {
	var failure dbus.Error
	return errors.As(err, &failure) && strings.HasPrefix(failure.Name, name) &&
		(strings.HasPrefix(failure.Error(), code) || strings.Contains(failure.Name, code))
}
