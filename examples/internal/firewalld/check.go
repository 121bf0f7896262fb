package firewalld

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/firewall"
)

// Check is the state of the openings. Its JSON is stable: later versions may only
// add fields.
type Check struct {
	Version  string      `json:"version"` // of firewalld
	Missing  int         `json:"missing"` // number of openings that are missing in a zone, now or permanently
	Zones    []ZoneCheck `json:"zones"`
	Warnings []string    `json:"-"`
}

// ZoneCheck is the state of the openings in a zone.
type ZoneCheck struct {
	Zone       string         `json:"zone"`
	Because    string         `json:"because"`    // why the zone was checked
	Interfaces []string       `json:"interfaces"` // the requested interfaces
	Target     string         `json:"target"`     // what happens to other packets
	Openings   []OpeningCheck `json:"openings"`

	bound bool // interfaces are bound to it
}

// OpeningCheck is the state of an opening, now and after a reload.
type OpeningCheck struct {
	firewall.Opening
	Runtime     State  `json:"runtime"`
	RuntimeBy   string `json:"runtimeBy,omitempty"`
	Permanent   State  `json:"permanent"`
	PermanentBy string `json:"permanentBy,omitempty"`
}

// Missing reports whether the opening is missing now or after a reload.
func (o OpeningCheck) Missing() bool { return o.Runtime == Missing || o.Permanent == Missing }

// Check returns the state of the openings in the zone, or in the zones of the
// interfaces. If both are empty, it checks the zone of the interface of the default
// route, or else the default zone.
//
// The packets of pods are forwarded rather than received by the host. Check warns
// if firewalld doesn't forward packets of the pools.
func (f *Firewalld) Check(ctx context.Context, openings []firewall.Opening, pools []netip.Prefix, zone string, interfaces []string) (Check, error) {
	check := Check{Zones: []ZoneCheck{}}
	var err error
	if check.Version, err = f.Version(ctx); err != nil {
		return Check{}, err
	}
	results, err := f.zones(ctx, zone, interfaces)
	if err != nil {
		return Check{}, err
	}
	for _, z := range results {
		if err := f.evaluate(ctx, &z, openings); err != nil {
			return Check{}, err
		}
		for _, opening := range z.Openings {
			if opening.Missing() {
				check.Missing++
			}
		}
		check.Zones = append(check.Zones, z)
	}
	if check.Warnings, err = f.otherWays(ctx, results); err != nil {
		return Check{}, err
	}
	direct, err := f.directRules(ctx)
	if err != nil {
		return Check{}, err
	}
	check.Warnings = append(check.Warnings, direct...)
	kept, err := f.notForwarded(ctx, pools)
	if len(kept) > 0 {
		check.Warnings = append(check.Warnings, fmt.Sprintf("firewalld's nftables backend filters forwarded packets too, and blocks pods of %s "+
			"from other hosts: no policy from ANY to ANY accepts these addresses as source and as destination", join(kept)))
	}
	return check, err
}

// zones returns the zones to check, without duplicates.
func (f *Firewalld) zones(ctx context.Context, zone string, interfaces []string) ([]ZoneCheck, error) {
	if zone != "" {
		bound, err := f.HasInterfaces(ctx, zone)
		return []ZoneCheck{{Zone: zone, Because: "flag --zone", Interfaces: []string{}, bound: bound}}, err
	}
	of := "interface %s"
	if len(interfaces) == 0 {
		interfaces, of = DefaultInterfaces(), "interface %s of the default route"
	}
	if len(interfaces) == 0 {
		zone, _, err := f.Zone(ctx, "")
		return []ZoneCheck{{Zone: zone, Because: "the default zone", Interfaces: []string{}}}, err
	}
	var found []ZoneCheck
	for _, name := range interfaces {
		zone, bound, err := f.Zone(ctx, name)
		if err != nil {
			return nil, err
		}
		because := fmt.Sprintf(of, name)
		if _, err := net.InterfaceByName(name); err != nil && !bound {
			return nil, fmt.Errorf("interface %q: not found on this host or in firewalld", name)
		}
		if !bound {
			because += ", which is in no zone: the default zone"
		}
		at := slices.IndexFunc(found, func(z ZoneCheck) bool { return z.Zone == zone })
		if at < 0 {
			found = append(found, ZoneCheck{Zone: zone, Because: because, Interfaces: []string{name}, bound: bound})
			continue
		}
		found[at].Because += "; " + because
		found[at].Interfaces = append(found[at].Interfaces, name)
		found[at].bound = found[at].bound && bound
	}
	return found, nil
}

func (f *Firewalld) evaluate(ctx context.Context, zone *ZoneCheck, openings []firewall.Opening) error {
	now, err := f.Runtime(ctx, zone.Zone, zone.bound)
	if err != nil {
		return err
	}
	later, err := f.Permanent(ctx, zone.Zone, zone.bound)
	if err != nil {
		return err
	}
	zone.Target = strings.Trim(cmp.Or(now.Zone.Target, "default"), "%")
	zone.Openings = []OpeningCheck{}
	for _, opening := range openings {
		runtime, permanent := now.Evaluate(opening), later.Evaluate(opening)
		zone.Openings = append(zone.Openings, OpeningCheck{
			Opening: opening,
			Runtime: runtime.State, RuntimeBy: runtime.By,
			Permanent: permanent.State, PermanentBy: permanent.By,
		})
	}
	return nil
}

// otherWays returns warnings for other zones that apply to packets from some
// sources.
func (f *Firewalld) otherWays(ctx context.Context, results []ZoneCheck) ([]string, error) {
	sources, err := f.Sources(ctx)
	if err != nil {
		return nil, err
	}
	var warnings []string
	for _, zone := range slices.Sorted(maps.Keys(sources)) {
		if !slices.ContainsFunc(results, func(z ZoneCheck) bool { return z.Zone == zone }) {
			warnings = append(warnings, fmt.Sprintf("zone %s applies to packets from %s on any interface: if nodes are among them, check it with --zone %[1]s",
				zone, strings.Join(sources[zone], ", ")))
		}
	}
	return warnings, nil
}
