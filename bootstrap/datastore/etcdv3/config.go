package etcdv3

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// Config configures the connection to etcd.
type Config struct {
	// Endpoints are the members, such as https://10.0.0.1:2379. All must have
	// the same scheme. Endpoints without a scheme use TLS if TLS is set.
	Endpoints []string

	// DiscoverySRV is a domain whose SRV records name the members. It excludes
	// Endpoints; one of the two is required.
	DiscoverySRV string

	// Username is the name of an etcd user. Empty means no authentication by
	// password.
	Username string

	// Password is the password of the user. It is required with Username.
	Password string `json:"-"`

	// TLS configures the connection to https endpoints. Nil means the system's
	// CAs and no client certificate. The minimum version is TLS 1.2, even if
	// MinVersion is lower.
	TLS *tls.Config

	// RequestTimeout is the time limit of one request. Zero means 10 seconds.
	RequestTimeout time.Duration

	// Names returns how hints name a setting. Nil: its identity, such as
	// etcd.username.
	Names origin.Names `json:"-"`
}

// Format prints the endpoints for every verb, and no secrets.
func (c Config) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, c.place()) }

// place returns the datastore and its endpoints for messages.
func (c Config) place() string {
	if c.DiscoverySRV != "" {
		return "etcd of " + c.DiscoverySRV
	}
	return "etcd " + strings.Join(c.Endpoints, ",")
}

// FromSettings validates the settings for etcd, reads the files that they name, and
// returns the config and warnings. It makes no connections. The error is a
// *settings.Error with all faults.
func FromSettings(given settings.DatastoreSettings) (Config, []string, error) {
	var (
		config = Config{Names: given.Names}
		name   = config.Names.Of
		faults settings.Faults
	)
	var warnings []string
	if value, found := text.Unbracket(given.EtcdEndpoints.Value); found {
		given.EtcdEndpoints.Value = value
		warnings = append(warnings, given.EtcdEndpoints.Source.String()+": brackets around an address that is not IPv6 are ignored")
	}
	if given.EtcdEndpoints.IsSet() {
		config.Endpoints = readEndpoints(given.EtcdEndpoints, config.Names, &faults)
	}
	domain, add := given.EtcdDiscoverySRV, faults.Add
	config.DiscoverySRV = domain.Value
	if domain.IsSet() && len(validation.IsDNS1123Subdomain(strings.ToLower(strings.TrimSuffix(domain.Value, ".")))) > 0 {
		config.DiscoverySRV, add = "", faults.AddSecret // it may be a URL with a password
		add(domain, "not a domain; must be one such as example.org")
	}
	switch {
	case given.EtcdEndpoints.IsSet() && given.EtcdDiscoverySRV.IsSet():
		add(domain, "contradicts %s; set endpoints or a discovery domain, not both", given.EtcdEndpoints.Source)
	case given.EtcdEndpoints.Unreadable() || given.EtcdDiscoverySRV.Unreadable(): // the file's error says so
	case !given.EtcdPlace().IsSet():
		missing, hint := settings.Setting{}, ""
		if other := given.KubernetesPlace(); given.DatastoreType.IsSet() && other.IsSet() {
			missing, hint = given.DatastoreType, "; "+other.Source.String()+" is set: did you mean kubernetes?"
		}
		faults.Add(missing, "no etcd endpoints: set %s to URLs such as https://10.0.0.1:2379%s", name(origin.SettingEtcdEndpoints), hint)
	}
	config.Username, config.Password = given.EtcdUsername.Value, given.EtcdPassword.Value
	for _, setting := range []settings.Setting{given.EtcdUsername, given.EtcdPassword} {
		if warning := faults.CheckText(setting); warning != "" {
			warnings = append(warnings, warning)
		}
	}
	switch {
	case given.EtcdUsername.Unreadable() || given.EtcdPassword.Unreadable():
	case given.EtcdUsername.IsSet() && !given.EtcdPassword.IsSet():
		faults.Add(given.EtcdUsername, "a user without a password; set %s as well", name(origin.SettingEtcdPassword))
	case !given.EtcdUsername.IsSet() && given.EtcdPassword.IsSet():
		faults.AddSecret(given.EtcdPassword, "a password without a user; set %s as well", name(origin.SettingEtcdUsername))
	}
	config.TLS = readTLS(given, &faults)

	if problem := mixed(config.Endpoints, config.TLS != nil); problem != "" {
		faults.Add(settings.Given(strings.Join(config.Endpoints, ","), given.EtcdEndpoints.Source), "%s", problem)
	}

	if len(config.Endpoints) > 0 && !secure(config.Endpoints[0], config.TLS != nil) {
		warn := func(what string) {
			warnings = append(warnings, fmt.Sprintf("%s: http:// endpoints are not encrypted: %s", given.EtcdEndpoints.Source, what))
		}
		if config.Password != "" {
			warn("the password can be read on the way; use https://")
		}
		if config.TLS != nil {
			warn("the TLS files have no effect")
		}
	}
	return config, warnings, faults.Err()
}

func isPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)
	return err == nil && port > 0
}

// secure reports whether the connection to an endpoint uses TLS. Without a scheme it
// does if TLS is configured.
func secure(endpoint string, withTLS bool) bool {
	return strings.HasPrefix(endpoint, "https://") || withTLS && !strings.HasPrefix(endpoint, "http://")
}

// mixed returns a problem if only some endpoints use TLS: the client treats all of them
// like the first.
func mixed(endpoints []string, withTLS bool) (problem string) {
	for _, endpoint := range endpoints {
		if secure(endpoint, withTLS) != secure(endpoints[0], withTLS) {
			return fmt.Sprintf("%s together with %s; must be https:// for all, or for none", endpoint, endpoints[0])
		}
	}
	return ""
}

// normalise returns the valid endpoints in the form scheme://host:port or host:port,
// without duplicates, and the problems of the others. Problems quote no values, because
// an invalid URL may contain a password.
func normalise(texts []string, names origin.Names) (endpoints, problems []string) {
	for _, text := range texts {
		endpoint, problem := normaliseOne(strings.TrimSpace(text), names)
		if problem != "" {
			problems = append(problems, problem)
		} else if !slices.Contains(endpoints, endpoint) {
			endpoints = append(endpoints, endpoint)
		}
	}
	return endpoints, problems
}

func readEndpoints(setting settings.Setting, names origin.Names, faults *settings.Faults) []string {
	const want = "must be URLs such as https://10.0.0.1:2379, separated by commas"
	switch {
	case text.Template(setting.Value) != "":
		faults.Add(setting, "%s", text.Unrendered)
		return nil
	case isList(setting.Value):
		faults.AddSecret(setting, "a list in brackets; %s, without brackets and quotes", want)
		return nil
	}
	if text.MayHavePassword(setting.Value) || text.Secret(setting.Value) != "" {
		// It may contain a password, even one with commas: show none of it.
		endpoints, problems := normalise(strings.Split(setting.Value, ","), names)
		for _, problem := range problems {
			faults.AddSecret(setting, "%s; %s", problem, want)
		}
		return endpoints
	}
	var endpoints []string
	for _, given := range strings.Split(setting.Value, ",") {
		good, problems := normalise([]string{given}, names)
		for _, problem := range problems {
			faults.Add(settings.Given(given, setting.Source), "%s; %s", problem, want)
		}
		endpoints = append(endpoints, good...)
	}
	endpoints, _ = normalise(endpoints, names)
	return endpoints
}

// isList reports whether the value is a list of YAML or JSON in place of its items.
func isList(value string) bool {
	value = strings.Trim(value, " \t\r\n'\"")
	inner, found := strings.CutPrefix(value, "[")
	inner = strings.Trim(inner, " \t\"'")
	return found && strings.HasSuffix(value, "]") && (inner == "]" || strings.HasPrefix(inner, "http"))
}

// withBrackets returns the host and the port with brackets around an IPv6 address that has
// none.
func withBrackets(host string) (string, bool) {
	bracketed, is := text.Bracket(host)
	if strings.HasSuffix(bracketed, "]") {
		bracketed += ":2379"
	}
	return bracketed, is
}

// withoutSlashes matches a URL whose scheme lacks a colon or a slash, but not a host with the
// name http and a port.
var withoutSlashes = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^https?(:/|//|:[^:]*:|:[^:]*[^0-9:/])`) })

func normaliseOne(given string, names origin.Names) (endpoint, problem string) {
	scheme, rest, found := strings.Cut(given, "://")
	if !found {
		scheme, rest = "", given
	}
	switch {
	case given == "":
		return "", "an empty endpoint"
	case strings.Contains(rest, "@"):
		return "", fmt.Sprintf("a user in a URL is not used; set %s, and %s", names.Of(origin.SettingEtcdUsername), names.Of(origin.SettingEtcdPassword))
	case text.Several(given):
		return "", "several endpoints that commas don't separate"
	case strings.ContainsAny(given, " \t\r\n"):
		return "", "white space in an endpoint"
	case strings.ContainsAny(given, ";|"):
		return "", "a character that no endpoint has"
	case !found && withoutSlashes().MatchString(given):
		return "", "no :// after http or https"
	case text.HasZone(given):
		return "", "an IPv6 address with a zone is not supported"
	case scheme != "" && scheme != "http" && scheme != "https":
		return "", "the scheme must be http or https"
	}
	rest = strings.TrimSuffix(rest, "/")
	if bracketed, is := withBrackets(rest); is {
		if found {
			bracketed = scheme + "://" + bracketed
		}
		return "", "an IPv6 address requires brackets: " + bracketed
	}
	parsed, err := url.Parse("//" + rest)
	if err != nil {
		return "", "not a URL"
	}
	host, port, err := net.SplitHostPort(parsed.Host)
	switch {
	case err != nil || port == "":
		return "", "no port (etcd's is 2379)"
	case host == "":
		return "", "no host"
	case !isPort(port):
		return "", "the port must be between 1 and 65535"
	case parsed.Host != rest:
		return "", "more than host and port"
	case scheme == "":
		return rest, ""
	default:
		return scheme + "://" + rest, ""
	}
}
