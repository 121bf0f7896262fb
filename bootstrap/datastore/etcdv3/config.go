package etcdv3

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// Config says how etcd is reached.
type Config struct {
	// Endpoints are the members: https://10.0.0.1:2379. All of one scheme;
	// without one, TLS decides.
	Endpoints []string

	// DiscoverySRV is a domain whose SRV records name the members, instead of
	// Endpoints.
	DiscoverySRV string

	// Username is that of an etcd user. Empty: none, and no password.
	Username string

	// Password is the user's; not empty where there is a user.
	Password string `json:"-"`

	// TLS secures the connection to https endpoints. Nil means the system's
	// CAs and no client certificate. Nothing below TLS 1.2 is spoken, whatever
	// MinVersion says.
	TLS *tls.Config

	// RequestTimeout is how long one request may take before it is tried
	// again. Zero means 10 seconds.
	RequestTimeout time.Duration
}

// Format prints where etcd is for every verb, and no secret.
func (c Config) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, c.place()) }

// place names the datastore in messages.
func (c Config) place() string {
	if c.DiscoverySRV != "" {
		return "etcd of " + c.DiscoverySRV
	}
	return "etcd " + strings.Join(c.Endpoints, ",")
}

// FromSettings judges the settings for etcd, reads the files that they name,
// and returns the config and warnings. The error is a *settings.Error with
// everything that is wrong. Nothing is contacted.
func FromSettings(given settings.DatastoreSettings) (Config, []string, error) {
	var (
		config Config
		faults settings.Faults
	)
	if given.EtcdEndpoints.IsSet() {
		config.Endpoints = readEndpoints(given.EtcdEndpoints, &faults)
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
	case !given.EtcdEndpoints.IsSet() && !given.EtcdDiscoverySRV.IsSet():
		faults.Add(settings.Setting{}, "no etcd endpoints: set --etcd-endpoints or ETCD_ENDPOINTS to URLs such as https://10.0.0.1:2379")
	}
	config.Username, config.Password = given.EtcdUsername.Value, given.EtcdPassword.Value
	switch {
	case given.EtcdUsername.IsSet() && !given.EtcdPassword.IsSet():
		faults.Add(given.EtcdUsername, "a user without a password; want ETCD_PASSWORD too")
	case !given.EtcdUsername.IsSet() && given.EtcdPassword.IsSet():
		faults.AddSecret(given.EtcdPassword, "a password without a user; want --etcd-username or ETCD_USERNAME too")
	}
	config.TLS = readTLS(given, &faults)

	if problem := mixed(config.Endpoints, config.TLS != nil); problem != "" {
		faults.Add(settings.Given(strings.Join(config.Endpoints, ","), given.EtcdEndpoints.Source), "%s", problem)
	}

	var warnings []string
	if config.TLS != nil && len(config.Endpoints) > 0 && !secure(config.Endpoints[0], true) {
		warnings = append(warnings, fmt.Sprintf("%s: http:// endpoints are not encrypted: the TLS files have no effect", given.EtcdEndpoints.Source))
	}
	return config, warnings, faults.Err()
}

func isPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)
	return err == nil && port > 0
}

// secure reports whether a member is spoken to with TLS: an endpoint without a
// scheme is if TLS is configured.
func secure(endpoint string, withTLS bool) bool {
	return strings.HasPrefix(endpoint, "https://") || withTLS && !strings.HasPrefix(endpoint, "http://")
}

// mixed returns what is wrong if some of the members are spoken to with TLS
// and some are not: the client does with all of them as with the first.
func mixed(endpoints []string, withTLS bool) (problem string) {
	for _, endpoint := range endpoints {
		if secure(endpoint, withTLS) != secure(endpoints[0], withTLS) {
			return fmt.Sprintf("%s next to %s; must be https:// for all, or for none", endpoint, endpoints[0])
		}
	}
	return ""
}

// normalise returns the endpoints in the form scheme://host:port, or
// host:port, each once, and what is wrong with the others. Problems quote
// nothing, since there may be a password in a wrong URL.
func normalise(texts []string) (endpoints, problems []string) {
	for _, text := range texts {
		endpoint, problem := normaliseOne(strings.TrimSpace(text))
		if problem != "" {
			problems = append(problems, problem)
		} else if !slices.Contains(endpoints, endpoint) {
			endpoints = append(endpoints, endpoint)
		}
	}
	return endpoints, problems
}

func readEndpoints(setting settings.Setting, faults *settings.Faults) []string {
	const want = "must be URLs such as https://10.0.0.1:2379, separated by commas"
	if strings.ContainsAny(setting.Value, "@%?#") {
		// There may be a password in it, with commas too: show none of it.
		endpoints, problems := normalise(strings.Split(setting.Value, ","))
		for _, problem := range problems {
			faults.AddSecret(setting, "%s; %s", problem, want)
		}
		return endpoints
	}
	var endpoints []string
	for _, text := range strings.Split(setting.Value, ",") {
		good, problems := normalise([]string{text})
		for _, problem := range problems {
			faults.Add(settings.Given(text, setting.Source), "%s; %s", problem, want)
		}
		endpoints = append(endpoints, good...)
	}
	endpoints, _ = normalise(endpoints)
	return endpoints
}

func normaliseOne(text string) (endpoint, problem string) {
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		scheme, rest = "", text
	}
	switch {
	case text == "":
		return "", "an empty endpoint"
	case scheme != "" && scheme != "http" && scheme != "https":
		return "", "the scheme must be http or https"
	case strings.Contains(rest, "@"):
		return "", "a user in a URL is not used; set ETCD_USERNAME and ETCD_PASSWORD"
	}
	rest = strings.TrimSuffix(rest, "/")
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
