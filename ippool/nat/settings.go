package nat

import (
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/calico-bootstrap/calico-bootstrap/internal/ranges"
)

// Setting is a field of a FelixConfiguration.
type Setting struct {
	Configuration string // the name of the FelixConfiguration; empty for Felix's default
	Field         string // such as natOutgoingExclusions
	Value         string // as stored; lists are joined with commas
}

// String returns the field, its value and where it is set.
func (s Setting) String() string {
	if s.Configuration == "" {
		return s.Field + " is " + shown(s.Value) + " (Felix's default)"
	}
	return s.Field + " is " + shown(s.Value) + " (FelixConfiguration " + shown(s.Configuration) + ")"
}

// The fields of a FelixSpec, in the order of its texts.
const (
	exclusions = iota
	address
	portRange
	filter
	externalNodes
	bpf
	ipv6
	nftables
	fieldCount
)

var fieldNames = [fieldCount]string{
	"natOutgoingExclusions", "natOutgoingAddress", "natPortRange", "iptablesNATOutgoingInterfaceFilter",
	"externalNodesList", "bpfEnabled", "ipv6Support", "nftablesMode",
}

// global is the name of the FelixConfiguration of all nodes.
const global = "default"

const (
	poolsOnly       = "IPPoolsOnly"
	poolsAndHostIPs = "IPPoolsAndHostIPs"
)

// effective are the settings that apply to a node, and where each is set.
type effective struct {
	from [fieldCount]Setting

	hostIPs  bool // natOutgoingExclusions is IPPoolsAndHostIPs
	address  netip.Addr
	ports    PortRange
	filter   string
	external ranges.Index
	bpf      bool
	noIPv6   bool    // Felix programs nothing for IPv6
	nftables string  // enabled, disabled or auto; empty if unset
	fatal    Setting // the one that ends Felix by itself; zero: none does
	nodes    int     // how many nodes have these settings; 1 for each if the nodes are unknown
	group    int     // in Model.groups
	node     string  // the one with a FelixConfiguration of its own; empty for all others
}

// texts returns the fields as Felix gets them: an empty one is unset.
func (s FelixSpec) texts() [fieldCount]string {
	texts := [fieldCount]string{
		exclusions: s.NATOutgoingExclusions, address: s.NATOutgoingAddress, filter: s.InterfaceFilter,
		externalNodes: strings.Join(s.ExternalNodesList, ","), nftables: s.NFTablesMode,
	}
	if s.NATPortRange != nil {
		texts[portRange] = s.NATPortRange.String()
	}
	if s.BPFEnabled != nil {
		texts[bpf] = strconv.FormatBool(*s.BPFEnabled)
	}
	if s.IPv6Support != nil {
		texts[ipv6] = strconv.FormatBool(*s.IPv6Support)
	}
	return texts
}

// merge returns the settings of a node: a field of its own wins, as in Felix.
func merge(own, common FelixConfiguration) [fieldCount]Setting {
	merged := [fieldCount]Setting{}
	ownTexts, commonTexts := own.Spec.texts(), common.Spec.texts()
	for i, name := range fieldNames {
		merged[i].Field = name
		switch {
		case ownTexts[i] != "":
			merged[i].Configuration, merged[i].Value = own.Name, ownTexts[i]
		case commonTexts[i] != "":
			merged[i].Configuration, merged[i].Value = common.Name, commonTexts[i]
		}
	}
	if merged[exclusions].Value == "" {
		merged[exclusions].Value = poolsOnly
	}
	return merged
}

// interfaceName is what Felix accepts as an interface filter.
var interfaceName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-zA-Z0-9:._+-]{1,15}$`) })

// The effects of an invalid value.
const (
	defaultAssumed = "Felix's default is assumed"
	endsFelix      = "Felix ends on every node that reads it"
)

// parse returns the settings, and a problem for each invalid one. An invalid value counts
// as Felix's default even if the FelixConfiguration default has a valid one, as in Felix.
// Like Felix it trims nothing but the entries of a list.
func parse(from [fieldCount]Setting) (effective, []Problem) {
	e := effective{from: from}
	var problems []Problem
	reject := func(field int, reason, effect string) {
		if value := from[field].Value; strings.TrimSpace(value) != value {
			reason += ", without spaces around it"
		}
		problems = append(problems, Problem{
			Object: "FelixConfiguration " + from[field].Configuration, Field: "spec." + fieldNames[field],
			Value: from[field].Value, Reason: reason, Effect: effect,
		})
	}
	for i := range from {
		value := from[i].Value
		lower := strings.ToLower(value)
		if value == "" || lower == "none" {
			continue
		}
		switch i {
		case exclusions:
			e.hostIPs = strings.EqualFold(value, poolsAndHostIPs)
			if !e.hostIPs && !strings.EqualFold(value, poolsOnly) {
				reject(i, "must be "+poolsOnly+" or "+poolsAndHostIPs, defaultAssumed)
			}
		case address:
			if addr, err := netip.ParseAddr(value); err == nil && addr.Zone() == "" && addr.Unmap().Is4() {
				e.address = addr.Unmap()
			} else {
				reject(i, "must be an IPv4 address such as 192.0.2.10", defaultAssumed)
			}
		case portRange:
			if ports, ok := parsePorts(value); ok {
				e.ports = ports
			} else {
				reject(i, "must be a port or a range of ports such as 1024:65535", defaultAssumed)
			}
		case filter:
			if interfaceName().MatchString(value) {
				e.filter = value
			} else {
				reject(i, "must be the name of an interface such as eth0 or eth+, of at most 15 characters", defaultAssumed)
			}
		case externalNodes:
			if prefixes, ok := parseList(value); ok {
				e.external = ranges.New(prefixes)
			} else {
				e.fatal = from[i]
				reject(i, "must be IPv4 addresses and CIDRs such as 192.0.2.0/24", endsFelix)
			}
		case bpf:
			e.bpf = value == "true"
		case ipv6:
			e.noIPv6 = value == "false"
		case nftables:
			e.nftables = lower
			if lower != "enabled" && lower != "disabled" && lower != "auto" {
				e.nftables = ""
				reject(i, "must be Enabled, Disabled or Auto", defaultAssumed)
			}
		}
	}
	return e, problems
}

// parseList parses IPv4 addresses and CIDRs with the functions and the rules of Felix. One
// that is invalid, or of IPv6, makes the list invalid: Felix does not start with it.
func parseList(value string) ([]netip.Prefix, bool) {
	var prefixes []netip.Prefix
	for item := range strings.SplitSeq(value, ",") {
		item = strings.Trim(item, " ")
		if item == "" {
			continue
		}
		ip, cidr, err := net.ParseCIDR(item)
		if err != nil {
			ip = net.ParseIP(item)
			cidr = &net.IPNet{IP: ip.To4(), Mask: net.CIDRMask(32, 32)}
		}
		if ip.To4() == nil {
			return nil, false
		}
		prefix, err := netip.ParsePrefix(cidr.String())
		if err != nil {
			return nil, false
		}
		prefixes = append(prefixes, prefix)
	}
	return prefixes, true
}

// parseAddress parses an address, with or without a prefix length.
func parseAddress(value string) (netip.Prefix, error) {
	if !strings.Contains(value, "/") {
		addr, err := netip.ParseAddr(value)
		return netip.PrefixFrom(addr.Unmap().WithZone(""), addr.Unmap().BitLen()), err
	}
	return netip.ParsePrefix(value)
}

// PortRange is a range of ports, both inclusive. The zero value is any port.
type PortRange struct {
	First, Last uint16 // Last 0 is any port
}

// String returns the range such as 1024-65535, a single port, or "any port".
func (p PortRange) String() string {
	switch {
	case p.Last == 0:
		return "any port"
	case p.First == p.Last:
		return strconv.Itoa(int(p.First))
	default:
		return strconv.Itoa(int(p.First)) + "-" + strconv.Itoa(int(p.Last))
	}
}

func parsePorts(value string) (PortRange, bool) {
	first, last, isRange := strings.Cut(value, ":")
	if !isRange {
		last = first
	}
	low, err := strconv.ParseUint(first, 10, 16)
	if err != nil {
		return PortRange{}, false
	}
	high, err := strconv.ParseUint(last, 10, 16)
	if err != nil || high < low {
		return PortRange{}, false
	}
	return PortRange{uint16(low), uint16(high)}, true
}

// version is how a version of Calico decides.
type version struct {
	text                string
	known               bool // false: the newest is assumed
	noExclusions        bool // natOutgoingExclusions is ignored
	loadBalancersExempt bool // pools for LoadBalancers exempt like others
}

// LoadBalancersExempt reports whether a version of Calico, such as v3.31.6, is known, and whether
// it exempts pools for LoadBalancers: before 3.31.6, and in 3.32.0.
func LoadBalancersExempt(calicoVersion string) (known, exempt bool) {
	v := parseVersion(calicoVersion)
	return v.known, v.loadBalancersExempt
}

// release is a version such as v3.31.6. What may follow is a word such as rc1, the
// development mark 0.dev, or the commits of git describe; a number such as -1.0 is of
// Calico Enterprise, whose versions are others.
var release = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^v?([0-9]{1,4})\.([0-9]{1,4})\.([0-9]{1,4})(?:[-+](?:[A-Za-z]|0\.dev|[0-9]+-g[0-9a-f]).*)?$`)
})

// parseVersion takes a build between two releases as the earlier one, and a pre-release
// as the release.
func parseVersion(value string) version {
	v := version{text: value}
	parts := release().FindStringSubmatch(strings.TrimSpace(value))
	if parts == nil {
		return v
	}
	number := 0
	for _, part := range parts[1:4] {
		n, _ := strconv.Atoi(part) // of at most four digits
		number = number*10000 + n
	}
	const v3310, v3316, v3320 = 3_0031_0000, 3_0031_0006, 3_0032_0000
	v.known = true
	v.noExclusions = number < v3310
	v.loadBalancersExempt = number < v3316 || number == v3320
	return v
}
