package settings

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Config is the resolved settings, parsed and validated.
type Config struct {
	Desired   plan.Desired            // the desired pools
	Datastore datastore.Type          // the datastore; empty if the setting is invalid
	Timeout   time.Duration           // time limit of the run; zero means no limit
	OnDrift   plan.OnDrift            // policy for existing pools that differ
	Preflight preflight.Mode          // handling of preflight findings
	Allow     []preflight.FindingCode // findings to ignore
	Warnings  []string                // warnings about settings, one line each
	Notes     []string                // informational, one line each; never errors

	// ClusterCIDR has the cluster's pod CIDRs that the settings name; it has no
	// Prefixes if they name none. It precedes the sources of the cluster.
	ClusterCIDR facts.PodCIDRSource

	// Backend is the networking backend of calico-node; zero: the settings do not name
	// it.
	Backend facts.Backend
}

// Resolve parses and validates the settings. The error is an *Error with all faults.
// Resolve makes no connections and reads no files.
//
// The pools of PoolsFile come from PoolManifests, which [Settings.ReadPoolsFile] sets.
//
// A conflict of fields in a pool of a file is no fault of Resolve alone, because the existing
// pool of its name may have it, too: see [plan.DesiredPool.Invalid]. If there are other
// faults, the error has it as well.
//
// Resolve does not validate how to connect to the datastore; FromSettings of the
// datastore's package does, and reads the files that these settings name.
func (s Settings) Resolve() (Config, error) {
	var (
		config = Config{Desired: plan.Desired{Names: s.Names(), NamesBeside: s.namesBeside()}}
		faults Faults
	)
	var ofFamily [2]Faults // IPv4, IPv6
	for i, family := range []ippool.Family{ippool.IPv4, ippool.IPv6} {
		config.Desired.Pools = append(config.Desired.Pools, s.resolvePool(family, &config, &ofFamily[i]))
	}
	s.skipForFiles(&config)
	var ofBoth Faults
	s.resolveSkips(&config.Desired, &ofBoth)
	for i, pool := range config.Desired.Pools {
		if pool.Skip == "" {
			faults = append(faults, ofFamily[i]...)
			config.warnOfSelector(pool, s.pool(pool.Family).NodeSelector)
			continue
		}
		for _, fault := range ofFamily[i] { // calico-node ignores the setting, too
			config.Warnings = append(config.Warnings, fmt.Sprintf("%s; no effect because there is no default %s pool: %s",
				fault.Error(), pool.Family, pool.Skip))
		}
	}
	faults = append(faults, ofBoth...)
	config.ClusterCIDR = readClusterCIDR(s.ClusterCIDR, &config, &faults)
	s.validateClusterCIDR(&config, &faults)
	config.Backend = readBackend(s.NetworkingBackend, &config, &faults)
	s.resolveServiceCIDR(&config, &faults)
	s.resolveFiles(&config, &faults)
	s.resolveNoNATTo(&config, &faults)
	config.warnOfNode(s.IPv6Support)
	for _, d := range definitions() {
		if setting := d.Of(&s); d.Older != "" && setting.Source == origin.Env(d.Older) {
			config.Warnings = append(config.Warnings, fmt.Sprintf("%s is an older name, which calico-node ignores; set %s", setting.Source, d.Env))
		}
	}

	config.Timeout = s.timeLimit(&faults)
	config.OnDrift = readWord(s.OnDrift, "policy", plan.OnDrifts(), &faults)
	config.Preflight = readWord(s.Preflight, "mode", preflight.Modes(), &faults)
	config.Allow = readAllow(s.Allow, &faults)
	config.Datastore = s.selectDatastore(&config, &faults)
	s.warnOfUnknown(&config)
	s.warnOfIdle(&config, slices.Concat(ofFamily[:]...))
	if s.Strict.Bool(false, &faults) {
		faults.addWarnings(s.Strict, config.Warnings)
		config.Warnings = nil
	}
	if len(faults) > 0 {
		faults.addConflicts(config.Desired.Pools)
	}
	return config, faults.Err()
}

// TimeLimit returns the time limit of a run, as Resolve does; zero means no limit. It reads
// nothing else, so that a program can limit the time for reading files, too. An invalid
// setting, which is a fault of Resolve, means the default.
func (s Settings) TimeLimit() time.Duration { return s.timeLimit(new(Faults)) }

func (s Settings) timeLimit(faults *Faults) time.Duration {
	fallback := defaultTimeout
	if s.WaitForDatastore.Bool(false, faults) {
		fallback = 0
	}
	return readTimeout(s.Timeout, fallback, faults)
}

// Validate returns the error of Resolve.
func (s Settings) Validate() error {
	_, err := s.Resolve()
	return err
}

// defaultPoolName returns the default name of the family's default pool.
func defaultPoolName(family ippool.Family) string {
	return fmt.Sprintf("default-ipv%d-ippool", family)
}

func defaultNATOutgoing(family ippool.Family) bool { return family == ippool.IPv4 }

// resolvePool parses the settings of one family and validates the resulting pool.
func (s Settings) resolvePool(family ippool.Family, config *Config, faults *Faults) plan.DesiredPool {
	given := s.pool(family)
	desired := plan.DesiredPool{Family: family, Default: true}

	name := defaultPoolName(family)
	if given.Name.IsSet() {
		name = given.Name.Value
	}
	pool := ippool.New(name)
	desired.Pool = pool

	prefix, none := readCIDR(given.CIDR, family, config, faults)
	if none {
		desired.Skip = fmt.Sprintf("%s is %s", given.CIDR.Source, given.CIDR.shown())
	} else if prefix.IsValid() {
		pool.Spec.CIDR = prefix.String()
	}
	pool.Spec.BlockSize = readBlockSize(given.BlockSize, family, faults)
	pool.Spec.VXLANMode = readMode[v3.VXLANMode](given.VXLAN, faults)
	if family == ippool.IPv4 {
		pool.Spec.IPIPMode = readMode[v3.IPIPMode](s.IPv4.IPIP, faults)
	}
	pool.Spec.NATOutgoing = given.NATOutgoing.Bool(defaultNATOutgoing(family), faults)
	pool.Spec.DisableBGPExport = given.DisableBGPExport.Bool(false, faults)
	pool.Spec.NodeSelector = given.NodeSelector.Value
	ippool.Default(pool)

	for _, text := range []Setting{given.Name, given.NodeSelector} {
		faults.CheckText(text) // quotes and carriage returns are faults of both
	}
	config.warnOfNode(given.NATOutgoing)
	config.warnOfNode(given.DisableBGPExport)
	desired.Values = s.values(family, pool)
	s.validatePool(family, pool, faults)
	return desired
}

// warnOfNode warns if calico-node reads the value as true and this package as false.
// (calico-node reads NO_DEFAULT_POOLS and WAIT_FOR_DATASTORE as false unless they are
// "true", so they can't differ this way.)
func (c *Config) warnOfNode(boolean Setting) {
	if differsInNode(boolean) {
		c.Warnings = append(c.Warnings, fmt.Sprintf(
			"%s: %s is read as false here; calico-node reads it as true", boolean.Source, boolean.shown()))
	}
}

// values returns the fields of the pool with the origins of their values.
func (s Settings) values(family ippool.Family, pool *v3.IPPool) []plan.Value {
	given := s.pool(family)
	var ipip Setting
	if family == ippool.IPv4 {
		ipip = s.IPv4.IPIP
	}
	value := func(field string, value any, setting Setting) plan.Value {
		if !setting.IsSet() {
			return plan.Value{Field: field, Value: value, Source: origin.Default}
		}
		return plan.Value{Field: field, Value: value, Source: setting.Source}
	}
	return []plan.Value{
		value("name", pool.Name, given.Name),
		value("cidr", pool.Spec.CIDR, given.CIDR),
		value("vxlanMode", pool.Spec.VXLANMode, given.VXLAN),
		value("ipipMode", pool.Spec.IPIPMode, ipip),
		value("natOutgoing", pool.Spec.NATOutgoing, given.NATOutgoing),
		value("disableBGPExport", pool.Spec.DisableBGPExport, given.DisableBGPExport),
		value("blockSize", pool.Spec.BlockSize, given.BlockSize),
		value("nodeSelector", pool.Spec.NodeSelector, given.NodeSelector),
	}
}

// isNone reports whether the setting of a CIDR requests no pool.
func isNone(cidr Setting) bool { return strings.EqualFold(cidr.Value, "none") }

// readCIDR parses a CIDR. The prefix is zero if the setting is unset, none or invalid.
func readCIDR(setting Setting, family ippool.Family, config *Config, faults *Faults) (prefix netip.Prefix, none bool) {
	if !setting.IsSet() {
		return netip.Prefix{}, false
	}
	if isNone(setting) {
		return netip.Prefix{}, true
	}
	prefix, err := ippool.ParseCIDR(setting.Value)
	switch {
	case strings.Contains(setting.Value, ","):
		names := config.Desired.Names
		if beside := config.Desired.NamesBeside; beside != nil {
			names = beside(setting.Source)
		}
		faults.Add(setting, "several CIDRs; must be one: set %s and %s", names.Of(origin.PoolSetting(ippool.IPv4, "cidr")),
			names.Of(origin.PoolSetting(ippool.IPv6, "cidr")))
		return netip.Prefix{}, false
	case err != nil:
		faults.Add(setting, "%v; must be an %s CIDR, or none", err, family)
		return netip.Prefix{}, false
	case ippool.FamilyOf(prefix) != family:
		faults.Add(setting, "an %s CIDR; must be an %s CIDR, or none", ippool.FamilyOf(prefix), family)
		return netip.Prefix{}, false
	}
	if masked := prefix.Masked(); masked != prefix {
		config.Warnings = append(config.Warnings, fmt.Sprintf(
			"%s: %s has host bits, which are ignored: the pool is %s", setting.Source, setting.shown(), masked))
		prefix = masked
	}
	return prefix, false
}

// validatePool validates the pool and attributes faults to the settings of the fields.
func (s Settings) validatePool(family ippool.Family, pool *v3.IPPool, faults *Faults) {
	given := s.pool(family)
	behind := map[string]Setting{
		"metadata.name":     given.Name,
		"spec.cidr":         given.CIDR,
		"spec.vxlanMode":    given.VXLAN,
		"spec.ipipMode":     s.IPv4.IPIP,
		"spec.blockSize":    given.BlockSize,
		"spec.nodeSelector": given.NodeSelector,
	}
	candidate := pool.DeepCopy()
	if candidate.Spec.CIDR == "" {
		// The CIDR is chosen later and is large enough for every block size.
		candidate.Spec.CIDR = plan.DefaultRange(family).String()
	}
	for _, fault := range ippool.Validate(candidate) {
		setting := behind[fault.Field]
		problem := fault.Detail
		switch {
		case fault.Field == "spec.vxlanMode" && fault.Type == field.ErrorTypeForbidden:
			problem = fmt.Sprintf("contradicts %s: only one encapsulation can be enabled; set one of them to never", s.IPv4.IPIP)
		case fault.Field == "spec.cidr" && given.BlockSize.IsSet() && candidate.Spec.CIDR == pool.Spec.CIDR:
			problem += fmt.Sprintf(" (%s is %s)", given.BlockSize.Source, given.BlockSize.shown())
		}
		faults.Add(setting, "%s", problem)
	}
}

// ipv6Disabled returns the reason for skipping IPv6 pools.
func (s Settings) ipv6Disabled() string {
	return fmt.Sprintf("IPv6 is not supported: %s is %s", s.IPv6Support.Source, s.IPv6Support.shown())
}

// resolveSkips applies the settings that are not of a single pool, and validates the
// pools of both families together.
func (s Settings) resolveSkips(desired *plan.Desired, faults *Faults) {
	if s.NoDefaultPools.Bool(false, faults) {
		for i := range desired.Pools {
			pool := &desired.Pools[i]
			if cidr := s.pool(pool.Family).CIDR; cidr.IsSet() && !isNone(cidr) {
				faults.Add(cidr, "contradicts %s; set one of the two", s.NoDefaultPools)
			}
			pool.Skip = fmt.Sprintf("%s is %s", s.NoDefaultPools.Source, s.NoDefaultPools.shown())
		}
	}
	ipv4, ipv6 := &desired.Pools[0], &desired.Pools[1]
	if !s.IPv6Support.Bool(true, faults) && ipv6.Skip == "" {
		ipv6.Skip = s.ipv6Disabled()
	}
	if ipv4.Skip == "" && ipv6.Skip == "" && ipv4.Pool.Name == ipv6.Pool.Name {
		setting := s.IPv6.Name
		if !setting.IsSet() {
			setting = s.IPv4.Name
		}
		faults.Add(setting, "both default pools have this name; names must be unique")
	}
}
