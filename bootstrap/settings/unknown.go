package settings

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/spelling"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// unknownPrefixes are the prefixes of variables for pools, ours and calico-node's, and
// common misspellings of them.
var unknownPrefixes = []string{
	"CALICO_IPV4POOL_", "CALICO_IPV6POOL_", "CALICO_IPPOOLS_",
	"CALICO_IPV4_POOL_", "CALICO_IPV6_POOL_", "CALICO_IPPOOL_",
}

// isOfService reports whether Kubernetes sets the variable in pods for a Service, which may
// be named calico-ippools.
func isOfService(name string) bool {
	return (strings.Contains(name, "_PORT") || strings.HasSuffix(name, "_SERVICE_HOST")) && ofService().MatchString(name)
}

var ofService = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_[A-Z]+(_[A-Z]+)?)?)$`)
})

// ipipOfKubespray is the IPv6 form of kubespray's calico_ipip_mode.
const ipipOfKubespray = "CALICO_IPIP_MODE_IPV6"

// otherName returns the setting that is meant by a variable of an older version, of
// another program such as kubespray, or of a common guess; empty: none.
func otherName(name string) origin.Setting {
	name = strings.ToUpper(name)
	switch name {
	case "CALICO_CIDR", "CALICO_POOL_CIDR", "CALICO_IPPOOL":
		return origin.PoolSetting(ippool.IPv4, "cidr")
	case "CALICO_POOL_CIDR_IPV6":
		return origin.PoolSetting(ippool.IPv6, "cidr")
	case "CALICO_POOL_NAME":
		return origin.PoolSetting(ippool.IPv4, "name")
	case "CALICO_NAT_OUTGOING", "CALICO_IPV4_NAT_OUTGOING", "NAT_OUTGOING":
		return origin.PoolSetting(ippool.IPv4, "natOutgoing")
	case "NAT_OUTGOING_IPV6":
		return origin.PoolSetting(ippool.IPv6, "natOutgoing")
	case "CALICO_IPIP", "CALICO_IPIP_ENABLED", "CALICO_IPIP_MODE":
		return origin.PoolSetting(ippool.IPv4, "ipipMode")
	case "CALICO_VXLAN", "CALICO_VXLAN_MODE":
		return origin.PoolSetting(ippool.IPv4, "vxlanMode")
	case "CALICO_VXLAN_MODE_IPV6", ipipOfKubespray:
		return origin.PoolSetting(ippool.IPv6, "vxlanMode")
	case "CALICO_BLOCK_SIZE", "CALICO_POOL_BLOCKSIZE":
		return origin.PoolSetting(ippool.IPv4, "blockSize")
	case "CALICO_POOL_BLOCKSIZE_IPV6":
		return origin.PoolSetting(ippool.IPv6, "blockSize")
	case "CALICO_CLUSTER_CIDR", "KUBE_PODS_SUBNET", "KUBE_PODS_SUBNET_IPV6":
		return origin.SettingClusterCIDR
	case "CALICO_SERVICE_CIDR", "KUBE_SERVICE_ADDRESSES", "KUBE_SERVICE_ADDRESSES_IPV6":
		return origin.SettingServiceCIDR
	case "CALICO_LOG_LEVEL", "CALICO_LOGLEVEL":
		return origin.SettingLogLevel
	}
	switch strings.TrimPrefix(name, envPrefix) {
	case "ETCD_AUTHORITY", "ETCD_SCHEME", "ETCD_HOST", "ETCD_HOSTS", "ETCD_URL", "ETCD_URLS", "ETCD_SERVER", "ETCD_SERVERS", "ETCD_ADDRESS",
		"ETCD_ADDRESSES", "ETCD_ENDPOINTS_URL", "ETCD_ENDPOINTS_URLS", "ETCD_ENDPOINT_URL":
		return origin.SettingEtcdEndpoints
	case "ETCD_USER":
		return origin.SettingEtcdUsername
	case "ETCD_PASS", "ETCD_PASSWD":
		return origin.SettingEtcdPassword
	case "ETCD_CA_FILE", "ETCD_CA", "ETCD_CA_CERT", "ETCD_CACERT":
		return origin.SettingEtcdCACertFile
	case "ETCD_CERT":
		return origin.SettingEtcdCertFile
	case "ETCD_KEY":
		return origin.SettingEtcdKeyFile
	case "DATASTORE", "DATASTORE_KIND":
		return origin.SettingDatastoreType
	case "NO_DEFAULT_IPPOOL", "NO_DEFAULT_IPPOOLS", "NO_DEFAULT_IP_POOL", "NO_DEFAULT_IP_POOLS":
		return origin.SettingNoDefaultPools
	}
	return ""
}

// unknownVariables returns the variables of the environment ("NAME=value") that look like
// a setting, ignoring case, but are none, sorted by name.
func unknownVariables(environ []string) []Setting {
	known := map[string]bool{}
	for _, d := range definitions() {
		for _, name := range d.Variables() {
			known[name] = true
		}
	}
	var unknown []Setting
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		begins := func(prefix string) bool { return strings.HasPrefix(strings.ToUpper(name), prefix) }
		if value == "" || known[name] || isOfService(name) {
			continue
		}
		if _, found := nearest(name); found || slices.ContainsFunc(unknownPrefixes, begins) {
			unknown = append(unknown, Given(value, origin.Env(name)))
		}
	}
	slices.SortFunc(unknown, func(a, b Setting) int { return strings.Compare(a.Source.String(), b.Source.String()) })
	return unknown
}

// ofEtcdctl is etcdctl's own variable, which hosts with etcd have. It selects no datastore
// here, and is no misspelt setting.
const ofEtcdctl = "ETCDCTL_ENDPOINTS"

// similarVariables returns the unknown variables of the environment that look like a setting of
// the datastore, sorted by name, and etcdctl's own.
func similarVariables(unknown []Setting, environ []string) []origin.Origin {
	var similar []origin.Origin
	for _, unknown := range unknown {
		if near, found := nearest(unknown.Source.Name()); found && near.Prefixed {
			similar = append(similar, unknown.Source)
		}
	}
	isEtcdctl := func(variable string) bool {
		name, value, _ := strings.Cut(variable, "=")
		return name == ofEtcdctl && value != ""
	}
	if slices.ContainsFunc(environ, isEtcdctl) {
		similar = append(similar, origin.Env(ofEtcdctl))
	}
	return similar
}

// warnOfUnknown warns of unknown variables and suggests the closest setting. It never
// shows their values, which may be secret.
func (s *Settings) warnOfUnknown(config *Config) {
	for _, unknown := range s.Unknown {
		name := unknown.Source.Name()
		isIPIP := name == "CALICO_IPV6POOL_IPIP" || strings.EqualFold(name, ipipOfKubespray)
		if isIPIP && isNever(unknown) {
			continue // what happens anyway
		}
		warning := unknown.Source.String()
		near, found := nearest(name)
		switch {
		case isOlder(name):
			warning += " has no effect: it is an older name of " + near.Env + ", which is set, too"
		case isIPIP:
			warning += " has no effect: IP-in-IP does not carry IPv6; set " +
				VariableNames(origin.PoolSetting(ippool.IPv6, "vxlanMode")) + " to encapsulate it"
		case !found:
			warning += ": unknown setting, ignored"
		case near.Of(s).IsSet():
			warning += fmt.Sprintf(": unknown setting, ignored; %s, the closest one, is set too (%s)", near.Env, near.Of(s).Source)
		default:
			warning += fmt.Sprintf(": unknown setting, ignored; did you mean %s?", near.Env)
		}
		config.Warnings = append(config.Warnings, warning)
	}
}

// isOlder reports whether the variable is an older name of a setting.
func isOlder(variable string) bool {
	return slices.ContainsFunc(definitions(), func(d Definition) bool { return d.Older != "" && d.Older == variable })
}

// isNever reports whether the setting is a mode that disables encapsulation.
func isNever(mode Setting) bool {
	return slices.ContainsFunc([]string{"never", "off"}, func(word string) bool { return strings.EqualFold(word, mode.Value) })
}

// nearest returns the setting whose variable is meant by the name, if any: by another
// name, or by a spelling that differs in few letters.
func nearest(name string) (Definition, bool) {
	var (
		best  Definition
		least = -1
		given = letters(name)
	)
	other := otherName(name)
	ours := slices.ContainsFunc(unknownPrefixes, func(prefix string) bool { return strings.HasPrefix(strings.ToUpper(name), prefix) })
	limit := 1 // other programs have names of their own
	if ours || len(given) >= len("CALICOIPV4POOLCIDR") {
		limit = 1 + len(given)/10
	}
	for i, d := range definitions() {
		if d.ID == other {
			return d, true
		}
		for _, want := range spellings()[i] {
			away := 1
			switch {
			case given == want:
				away = 0
			case spelling.Swapped(given, want),
				ours && strings.HasPrefix(want, given) && len(given) >= len("CALICOIPV4POOL")+3, // NAT for NAT_OUTGOING
				ours && (given == want+"MODE" || given == want+"ENABLED"):
			default:
				away = spelling.Distance(given, want, limit)
			}
			if away <= limit && (least < 0 || away < least) {
				best, least = d, away
			}
		}
	}
	return best, least >= 0
}

// spellings returns, for each of the definitions, the letters of its variables, and of that
// of a pool without its prefix.
var spellings = sync.OnceValue(func() [][]string {
	var all [][]string
	for _, d := range definitions() {
		names := d.Variables()
		if short := strings.TrimPrefix(d.Env, envPrefix); strings.HasPrefix(short, "IP") {
			names = append(names, short)
		}
		for i := range names {
			names[i] = letters(names[i])
		}
		all = append(all, names)
	}
	return all
})

// letters returns the name without the most common differences, case and underscores.
func letters(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToUpper(r)
		}
		return -1
	}, name)
}

// warnOfIdle warns of settings of default pools that are skipped, except of those with
// faults, which are reported already. A mode Never requests what happens anyway.
func (s *Settings) warnOfIdle(config *Config, faulty Faults) {
	for _, pool := range config.Desired.Pools {
		if !pool.Default || pool.Skip == "" {
			continue
		}
		var idle []string
		for _, d := range poolDefinitions(pool.Family) {
			setting := d.Of(s)
			// A CIDR is the reason for skipping, or contradicts NoDefaultPools.
			reported := setting == &s.pool(pool.Family).CIDR && (isNone(*setting) || s.NoDefaultPools.Bool(false, &Faults{}))
			reported = reported || slices.ContainsFunc(faulty, func(f Fault) bool { return f.Source == setting.Source })
			if setting.IsSet() && !reported && !isNever(*setting) {
				idle = append(idle, setting.String())
			}
		}
		if len(idle) > 0 {
			config.Warnings = append(config.Warnings, fmt.Sprintf("%s: no effect because there is no default %s pool: %s",
				strings.Join(idle, ", "), pool.Family, pool.Skip))
		}
	}
}
