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

// Firewalld is a running firewalld. It is used from one goroutine.
type Firewalld struct {
	bus *dbus.Conn
}

// Connect finds firewalld on the system bus, which is where
// DBUS_SYSTEM_BUS_ADDRESS says, or in the usual place. Errors are one line.
func Connect(ctx context.Context) (*Firewalld, error) {
	bus, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("firewalld can't be asked: no D-Bus system bus at %s: %w", busAddress(), err)
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

// Close ends the connection.
func (f *Firewalld) Close() error { return f.bus.Close() }

// running asks the bus first: a call to firewalld itself might start it.
func (f *Firewalld) running(ctx context.Context) error {
	var owned bool
	if err := f.bus.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, name).Store(&owned); err != nil {
		return explain(ctx, err, "asking the bus for firewalld")
	}
	if !owned {
		return errors.New("firewalld isn't running: nobody on the system bus has the name " + name)
	}
	state, err := f.property(ctx, "state")
	if err != nil {
		return err
	}
	if state != "RUNNING" {
		return fmt.Errorf("firewalld isn't ready: its state is %s; firewall-cmd --state and its log tell why", state)
	}
	return nil
}

// Version is firewalld's.
func (f *Firewalld) Version(ctx context.Context) (string, error) { return f.property(ctx, "version") }

func (f *Firewalld) property(ctx context.Context, property string) (string, error) {
	var value dbus.Variant
	err := f.call(ctx, path, "org.freedesktop.DBus.Properties.Get", name, property).Store(&value)
	if err != nil {
		return "", explain(ctx, err, "asking firewalld for its "+property)
	}
	text, _ := value.Value().(string)
	return text, nil
}

// Zone returns the zone that an interface is in now. Without one, or if the
// interface is in none, it is the default zone, and bound is false.
func (f *Firewalld) Zone(ctx context.Context, networkInterface string) (zone string, bound bool, err error) {
	if networkInterface != "" {
		err := f.call(ctx, path, zones+".getZoneOfInterface", networkInterface).Store(&zone)
		if err != nil {
			return "", false, explain(ctx, err, "asking firewalld for the zone of interface "+networkInterface)
		}
		if zone != "" {
			return zone, true, nil
		}
	}
	if err := f.call(ctx, path, name+".getDefaultZone").Store(&zone); err != nil {
		return "", false, explain(ctx, err, "asking firewalld for its default zone")
	}
	return zone, false, nil
}

// HasInterfaces reports whether interfaces are bound to the zone now.
func (f *Firewalld) HasInterfaces(ctx context.Context, zone string) (bool, error) {
	var bound []string
	err := f.call(ctx, path, zones+".getInterfaces", zone).Store(&bound)
	if isFirewalld(err, "INVALID_ZONE") {
		return false, f.unknownZone(ctx, zone)
	}
	return len(bound) > 0, explain(ctx, err, "asking firewalld for the interfaces of zone "+zone)
}

// Sources returns the sources of the zones that have some. A packet from one
// of them goes through that zone, whatever its interface.
func (f *Firewalld) Sources(ctx context.Context) (map[string][]string, error) {
	var active map[string]map[string][]string
	if err := f.call(ctx, path, zones+".getActiveZones").Store(&active); err != nil {
		return nil, explain(ctx, err, "asking firewalld for its active zones")
	}
	sources := map[string][]string{}
	for zone, bound := range active {
		if len(bound["sources"]) > 0 {
			sources[zone] = bound["sources"]
		}
	}
	return sources, nil
}

// Runtime returns what firewalld does now with what comes through the zone. A
// policy that names the zone judges only what comes through interfaces that are
// bound to it: not what the default zone gets because it is in none.
func (f *Firewalld) Runtime(ctx context.Context, zone string, bound bool) (Configuration, error) {
	rules, err := f.zone(ctx, f.runtimeZone, zone)
	if isFirewalld(err, "INVALID_ZONE") {
		return Configuration{}, f.unknownZone(ctx, zone)
	}
	if err != nil {
		return Configuration{}, explain(ctx, err, "asking firewalld for zone "+zone)
	}
	c := Configuration{Zone: rules}
	var panicking bool
	if err := f.call(ctx, path, name+".queryPanicMode").Store(&panicking); err != nil {
		return Configuration{}, explain(ctx, err, "asking firewalld for its panic mode")
	}
	if panicking {
		c.Shut = "panic mode is on"
	}
	if c.Policies, err = f.policies(ctx, ingress(zone, bound), toHost, f.runtimePolicies, f.runtimePolicy); err != nil {
		return Configuration{}, explain(ctx, err, "asking firewalld for its policies")
	}
	c.Services, err = services(c, func(service string) (Service, error) { return f.runtimeService(ctx, service) })
	return c, explain(ctx, err, "asking firewalld for its services")
}

// Permanent returns what firewalld will do after a reload, which leaves
// interfaces in their zones.
func (f *Firewalld) Permanent(ctx context.Context, zone string, bound bool) (Configuration, error) {
	rules, err := f.zone(ctx, f.permanentZone, zone)
	if isFirewalld(err, "INVALID_ZONE") {
		return Configuration{Shut: "the zone isn't in the permanent configuration"}, nil
	}
	if err != nil {
		return Configuration{}, explain(ctx, err, "asking firewalld for the permanent zone "+zone)
	}
	c := Configuration{Zone: rules}
	if c.Policies, err = f.policies(ctx, ingress(zone, bound), toHost, f.permanentPolicies, f.permanentPolicy); err != nil {
		return Configuration{}, explain(ctx, err, "asking firewalld for its permanent policies")
	}
	c.Services, err = services(c, func(service string) (Service, error) { return f.permanentService(ctx, service) })
	return c, explain(ctx, err, "asking firewalld for its permanent services")
}

// The zones of policies that are none.
const (
	toHost  = "HOST"
	anyZone = "ANY"
)

// ingress are the zones whose policies count.
func ingress(zone string, bound bool) []string {
	if bound {
		return []string{anyZone, zone}
	}
	return []string{anyZone}
}

// unknownZone says which zones there are, and whether a reload would bring this
// one.
func (f *Firewalld) unknownZone(ctx context.Context, zone string) error {
	var known, permanent []string
	if err := f.call(ctx, path, zones+".getZones").Store(&known); err != nil {
		return explain(ctx, err, "asking firewalld for its zones")
	}
	if err := f.call(ctx, configPath, config+".getZoneNames").Store(&permanent); err != nil {
		return explain(ctx, err, "asking firewalld for its permanent zones")
	}
	if slices.Contains(permanent, zone) {
		return &UnknownZoneError{Zone: zone, Reload: true}
	}
	slices.Sort(known)
	return &UnknownZoneError{Zone: zone, Known: known}
}

// UnknownZoneError is a zone that firewalld doesn't know.
type UnknownZoneError struct {
	Zone   string
	Known  []string // sorted
	Reload bool     // it would know it after a reload
}

func (e *UnknownZoneError) Error() string {
	if e.Reload {
		return fmt.Sprintf("zone %q is in firewalld's permanent configuration only: firewall-cmd --reload brings it", e.Zone)
	}
	return fmt.Sprintf("zone %q: firewalld has no such zone; must be one of %s", e.Zone, strings.Join(e.Known, ", "))
}

// call never starts a firewalld that isn't running.
func (f *Firewalld) call(ctx context.Context, object dbus.ObjectPath, method string, args ...any) *dbus.Call {
	return f.bus.Object(name, object).CallWithContext(ctx, method, dbus.FlagNoAutoStart, args...)
}

// told says what was asked when it failed, and what would help. Nil stays nil.
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

// isBus reports whether the error is one of the bus.
func isBus(err error, kind string) bool {
	var failure dbus.Error
	return errors.As(err, &failure) && failure.Name == "org.freedesktop.DBus.Error."+kind
}

// isFirewalld reports whether the error is firewalld's own: a code stands
// before its text, or in its name.
func isFirewalld(err error, code string) bool {
	var failure dbus.Error
	return errors.As(err, &failure) && strings.HasPrefix(failure.Name, name) &&
		(strings.HasPrefix(failure.Error(), code) || strings.Contains(failure.Name, code))
}
