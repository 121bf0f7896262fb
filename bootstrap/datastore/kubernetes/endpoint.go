package kubernetes

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/files"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// serviceAccountFolder is the directory of a pod's token and the cluster's CA.
const serviceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount"

// rest returns the config of the API server that the settings select. It is never nil,
// but not usable if there are faults.
func (r *reader) rest() *rest.Config {
	s := &r.settings
	file, home := s.Kubeconfig, s.Ambient.HomeKubeconfig
	if inline := s.KubeconfigInline; inline.IsSet() && file.IsSet() {
		r.faults.AddSecret(inline, "contradicts %s; set a file or the inline text, not both", file.Source)
	}
	unselecting := s.Unselecting()
	switch {
	case s.K8sAPIEndpoint.IsSet():
		for _, kubeconfig := range []settings.Setting{file, s.KubeconfigInline} {
			if kubeconfig.IsSet() {
				r.urlFault(s.K8sAPIEndpoint, "contradicts %s; set a kubeconfig or an endpoint, not both", kubeconfig.Source)
			}
		}
		return r.endpoint()
	case s.KubeconfigInline.IsSet():
		return r.overlay(r.inlineKubeconfig())
	case file.IsSet():
		return r.overlay(r.kubeconfigFiles(file))
	case home.IsSet() && !r.unselected() && len(unselecting) == 0 && exists(home.Value):
		return r.overlay(r.kubeconfigFiles(home))
	}
	const noServer = "no API server is set; set %s or a kubeconfig as well"
	endpoint := r.name(origin.SettingAPIEndpoint)
	for _, needsServer := range []settings.Setting{s.K8sCAFile, s.K8sCertFile, s.K8sKeyFile} {
		if needsServer.IsSet() {
			r.faults.Add(needsServer, noServer, endpoint)
		}
	}
	if s.K8sAPIToken.IsSet() {
		r.faults.AddSecret(s.K8sAPIToken, noServer, endpoint)
	}
	if s.K8sCurrentContext.IsSet() {
		r.faults.Add(s.K8sCurrentContext, "no kubeconfig is set; set %s as well", r.name(origin.SettingKubeconfig))
	}
	if r.settings.K8sInsecureSkipTLSVerify.Bool(false, &r.faults) {
		r.faults.Add(s.K8sInsecureSkipTLSVerify, noServer, endpoint)
	}
	if host := s.Ambient.KubernetesServiceHost; host.IsSet() && s.Ambient.KubernetesServicePort.IsSet() {
		return r.inCluster()
	}
	r.faults = append(r.faults, unselecting...)
	r.nowhere()
	return &rest.Config{}
}

// unselected reports whether there are certificates or a token for an API server that no
// setting selects. The cluster of a kubeconfig that no setting names may be another one.
func (r *reader) unselected() bool {
	s := &r.settings
	return s.K8sCAFile.IsSet() || s.K8sCertFile.IsSet() || s.K8sKeyFile.IsSet() || s.K8sAPIToken.IsSet()
}

// exists reports whether the path exists, even if it is not readable.
func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// nowhere adds the fault that nothing says where the API server is, unless other faults say
// why.
func (r *reader) nowhere() {
	s := &r.settings
	for _, place := range []settings.Setting{s.Kubeconfig, s.KubeconfigInline, s.K8sAPIEndpoint} {
		if len(r.faults) > 0 || place.Unreadable() {
			return
		}
	}
	kubeconfig, endpoint := r.name(origin.SettingKubeconfig), r.name(origin.SettingAPIEndpoint)
	home := ""
	if s.Ambient.HomeKubeconfig.IsSet() {
		home = ", or ~/.kube/config"
	}
	switch etcd := s.EtcdPlace(); {
	case s.DatastoreType.IsSet() && etcd.IsSet():
		r.faults.Add(s.DatastoreType, "selects Kubernetes, but there is no kubeconfig%s, no API server, and no pod; %s is set: did you mean etcdv3?", home, etcd.Source)
	case s.DatastoreType.IsSet():
		r.faults.Add(s.DatastoreType, "selects Kubernetes, but there is no kubeconfig%s, no API server, and no pod; set %s or %s", home, kubeconfig, endpoint)
	default:
		r.faults.Add(settings.Setting{}, "no datastore is configured: no kubeconfig (%s, or ~/.kube/config), no API server (%s), and not running in a pod; for etcd set %s",
			kubeconfig, endpoint, r.name(origin.SettingEtcdEndpoints))
	}
	r.faults[0].Kind = settings.ErrNoDatastore
}

// inCluster returns the config with which a pod reaches the API server of its cluster.
func (r *reader) inCluster() *rest.Config {
	host, port := r.settings.Ambient.KubernetesServiceHost, r.settings.Ambient.KubernetesServicePort
	config := &rest.Config{
		Host: "https://" + net.JoinHostPort(host.Value, port.Value),
		// client-go reads the token again periodically: Kubernetes rotates it.
		BearerTokenFile: filepath.Join(r.serviceAccount, "token"),
	}
	pod := origin.Caller(host.Source.String() + " (in-cluster config)")
	if _, err := files.ReadRegular(config.BearerTokenFile, files.MaxConfig); err != nil {
		r.faults.Add(settings.Given(config.BearerTokenFile, pod), "%s", text.Unreadable(err, "the token of a ServiceAccount (automountServiceAccountToken), or set a kubeconfig"))
	}
	config.CAData = r.certificates(settings.Given(filepath.Join(r.serviceAccount, "ca.crt"), pod))
	return config
}

// endpoint returns the config of the API server of the endpoint setting.
func (r *reader) endpoint() *rest.Config {
	s := &r.settings
	config := &rest.Config{Host: r.url(s.K8sAPIEndpoint)}
	if s.K8sCurrentContext.IsSet() {
		r.faults.Add(s.K8sCurrentContext, "contradicts %s: an endpoint has no contexts; set a kubeconfig instead", s.K8sAPIEndpoint.Source)
	}
	config.CAData = r.certificates(s.K8sCAFile)
	config.CertData, config.KeyData = r.clientCertificate()
	config.BearerToken = r.token()
	config.Insecure = r.insecure(config.CAData != nil)
	if strings.HasPrefix(config.Host, "http://") {
		for _, setting := range []settings.Setting{s.K8sCAFile, s.K8sCertFile, s.K8sAPIToken} {
			if setting.IsSet() {
				r.warn("%s: http:// is not encrypted: a token can be read on the way, and TLS files have no effect", s.K8sAPIEndpoint.Source)
				break
			}
		}
	}
	return config
}

// url validates the URL of an API server and returns it, or an empty string.
func (r *reader) url(setting settings.Setting) string {
	const want = "must be a URL such as https://10.0.0.1:6443"
	if value, found := text.Unbracket(setting.Value); found {
		setting.Value = value
		r.warn("%s: brackets around an address that is not IPv6 are ignored", setting.Source)
	}
	const noUser = "a user in a URL is not used; set a token, a client certificate or a kubeconfig"
	if bracketed, is := withBrackets(setting.Value); is {
		r.urlFault(setting, "an IPv6 address requires brackets: %s; %s", bracketed, want)
		return ""
	}
	parsed, err := url.Parse(setting.Value)
	switch {
	case text.Template(setting.Value) != "":
		r.urlFault(setting, "%s", text.Unrendered)
	case text.Several(setting.Value):
		r.urlFault(setting, "several URLs; must be one, such as https://10.0.0.1:6443")
	case err != nil && strings.Contains(setting.Value, "@"):
		r.urlFault(setting, noUser)
	case text.HasZone(setting.Value):
		r.urlFault(setting, "an IPv6 address with a zone is not supported; %s", want)
	case len(strings.Fields(setting.Value)) > 1:
		r.urlFault(setting, "white space in it; %s", want)
	case parsed != nil && (parsed.Scheme == "https" || parsed.Scheme == "http") && !strings.Contains(setting.Value, "://"):
		r.urlFault(setting, "no // after %s:; %s", parsed.Scheme, want)
	case err != nil || !hasPort(parsed):
		r.urlFault(setting, "not a URL; %s", want)
	case parsed.Scheme != "https" && parsed.Scheme != "http":
		r.urlFault(setting, "the scheme must be https or http; %s", want)
	case parsed.Hostname() == "":
		r.urlFault(setting, "no host; %s", want)
	case parsed.User != nil || strings.Contains(parsed.Path, "@"): // a password with a slash
		r.urlFault(setting, noUser)
	case parsed.RawQuery != "" || parsed.Fragment != "":
		r.urlFault(setting, "more than a host and a path; %s", want)
	default:
		return strings.TrimSuffix(setting.Value, "/")
	}
	return ""
}

// withBrackets returns the host and the port of a URL with brackets around an IPv6 address
// that has none. The rest of the URL may have a secret.
func withBrackets(url string) (string, bool) {
	_, rest, found := strings.Cut(url, "://")
	if !found {
		rest = url
	}
	host, _, _ := strings.Cut(rest, "/")
	return text.Bracket(host)
}

// hasPort reports whether the port is valid or omitted.
func hasPort(url *url.URL) bool {
	if url.Port() == "" {
		return true
	}
	port, err := strconv.ParseUint(url.Port(), 10, 16)
	return err == nil && port > 0
}

// urlFault adds a fault. It does not quote a URL that may contain a password or a
// token.
func (r *reader) urlFault(setting settings.Setting, format string, args ...any) {
	if text.MayHavePassword(setting.Value) {
		r.faults.AddSecret(setting, format, args...)
		return
	}
	r.faults.Add(setting, format, args...)
}

// certificates reads a file of CA certificates; nil if the setting is unset or invalid.
func (r *reader) certificates(setting settings.Setting) []byte {
	data := r.pem(setting)
	if data != nil && !x509.NewCertPool().AppendCertsFromPEM(data) {
		r.faults.Add(setting, "must be PEM with a certificate")
		return nil
	}
	return data
}

func (r *reader) pem(setting settings.Setting) []byte {
	if !setting.IsSet() {
		return nil
	}
	data, err := files.Read(setting.Value, files.MaxConfig)
	if err != nil {
		r.faults.Add(setting, "%s", text.Unreadable(err, "a PEM file"))
		return nil
	}
	return data
}

// clientCertificate reads the certificate and its key. Both are nil unless they match.
func (r *reader) clientCertificate() (cert, key []byte) {
	certFile, keyFile := r.settings.K8sCertFile, r.settings.K8sKeyFile
	cert, key = r.pem(certFile), r.pem(keyFile)
	switch {
	case certFile.Unreadable() || keyFile.Unreadable(): // the file's error says so
	case certFile.IsSet() && !keyFile.IsSet():
		r.faults.Add(certFile, "a client certificate without its key; set %s as well", r.name(origin.SettingKeyFile))
	case keyFile.IsSet() && !certFile.IsSet():
		r.faults.Add(keyFile, "a key without its client certificate; set %s as well", r.name(origin.SettingCertFile))
	case cert != nil && key != nil:
		if _, err := tls.X509KeyPair(cert, key); err != nil {
			r.faults.Add(certFile, "does not match the key of %s: %v", keyFile.Source, err)
			break
		}
		return cert, key
	}
	return nil, nil
}

// token returns the bearer token. Messages never show it.
func (r *reader) token() string {
	setting := r.settings.K8sAPIToken
	r.checkText(setting)
	token := strings.TrimSpace(setting.Value)
	if setting.IsSet() && (token == "" || strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c > '~' })) {
		r.faults.AddSecret(setting, "not a token; must be printable ASCII characters without spaces")
	}
	return token
}

// insecure reports whether to skip verification of the server's certificate.
func (r *reader) insecure(hasCA bool) bool {
	setting := r.settings.K8sInsecureSkipTLSVerify
	if !setting.Bool(false, &r.faults) {
		return false
	}
	if hasCA {
		r.faults.Add(setting, "contradicts the CA file; set one of the two")
	}
	r.warn("%s: TLS verification of the API server is skipped, which is insecure", setting.Source)
	return true
}
