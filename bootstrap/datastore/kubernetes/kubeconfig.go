package kubernetes

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

const wantKubeconfig = "a kubeconfig"

// kubeconfigFiles merges the files of a list as kubectl does: of what several
// have, the first counts, and relative paths start at the file that they are
// in.
func (r *reader) kubeconfigFiles(setting settings.Setting) *rest.Config {
	var (
		found    []string
		contents [][]byte
		missing  []error
	)
	before := len(r.faults)
	for _, path := range filepath.SplitList(setting.Value) {
		if path == "" {
			continue
		}
		one := settings.Given(path, setting.Source)
		data, err := os.ReadFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, err)
			r.warn("%s: %q does not exist and is ignored", setting.Source, path)
		case err != nil:
			r.faults.Add(one, "%s", text.Unreadable(err, wantKubeconfig))
		default:
			found, contents = append(found, path), append(contents, data)
		}
	}
	if len(found) == 0 && len(r.faults) == before {
		r.warnings = nil // they say no more than the fault
		if len(missing) == 0 {
			missing = []error{fs.ErrNotExist}
		}
		r.faults.Add(setting, "%s", text.Unreadable(missing[0], wantKubeconfig))
	}
	rules := clientcmd.ClientConfigLoadingRules{Precedence: found}
	merged, err := rules.Load()
	if err != nil {
		before := len(r.faults)
		for i, path := range found {
			if _, err := clientcmd.Load(contents[i]); err != nil {
				addUndecodable(&r.faults, settings.Given(path, setting.Source), err)
			}
		}
		if len(r.faults) == before { // one of the files changed just now
			addUndecodable(&r.faults, setting, err)
		}
	}
	if len(r.faults) > before {
		return &rest.Config{}
	}
	return r.kubeconfig(setting, merged)
}

// inlineKubeconfig is a kubeconfig in a CalicoAPIConfig file.
func (r *reader) inlineKubeconfig() *rest.Config {
	setting := r.settings.KubeconfigInline
	config, err := clientcmd.Load([]byte(setting.Value))
	if err != nil {
		// Never quote the text: it may be on one line.
		var faults settings.Faults
		addUndecodable(&faults, setting, err)
		r.faults.AddSecret(setting, "%s", faults[0].Problem)
		return &rest.Config{}
	}
	return r.kubeconfig(settings.Given("inline", setting.Source), config)
}

// kubeconfig takes the context that is asked for out of a kubeconfig.
func (r *reader) kubeconfig(setting settings.Setting, config *clientcmdapi.Config) *rest.Config {
	context, source := config.CurrentContext, setting
	if given := r.settings.K8sCurrentContext; given.IsSet() {
		context, source = given.Value, given
	}
	known := knownContexts(config)
	switch {
	case context == "":
		r.faults.Add(setting, "it has no current-context; want --k8s-current-context with %s", known)
		return &rest.Config{}
	case config.Contexts[context] == nil && source == setting:
		r.faults.Add(setting, "its current-context %q is not in it; must be %s", context, known)
		return &rest.Config{}
	case config.Contexts[context] == nil:
		r.faults.Add(source, "no such context in the kubeconfig; must be %s", known)
		return &rest.Config{}
	}
	if problem := urlProblem(config.Clusters[config.Contexts[context].Cluster]); problem != "" {
		r.faults.Add(setting, "context %q: %s", context, problem)
		return &rest.Config{}
	}
	if err := clientcmd.ConfirmUsable(*config, context); err != nil {
		for _, problem := range problemsOf(err) {
			r.faults.Add(setting, "context %q: %s", context, problem)
		}
		return &rest.Config{}
	}
	result, err := clientcmd.NewNonInteractiveClientConfig(*config, context, &clientcmd.ConfigOverrides{}, nil).ClientConfig()
	if err != nil {
		r.faults.Add(setting, "context %q: %v", context, err)
		return &rest.Config{}
	}
	if err := inMemory(result); err != nil {
		r.faults.Add(setting, "context %q: %v", context, err)
	}
	if server, _, err := rest.DefaultServerUrlFor(result); err != nil || server.Scheme != "https" && server.Scheme != "http" {
		r.faults.Add(setting, "context %q: its server is no URL such as https://10.0.0.1:6443", context)
		return &rest.Config{}
	}
	return result
}

// urlProblem returns what is wrong with the URLs of a cluster. It quotes none:
// there may be a password in them, which messages would show ever after.
func urlProblem(cluster *clientcmdapi.Cluster) string {
	if cluster == nil {
		return "" // which has words of its own
	}
	if server, err := url.Parse(cluster.Server); err == nil && (server.User != nil || strings.Contains(server.Path, "@") || server.RawQuery != "" || server.Fragment != "") {
		return "its server is more than a scheme, a host and a path; set a user's token or certificate instead"
	}
	if proxy, err := url.Parse(cluster.ProxyURL); cluster.ProxyURL != "" && (err != nil || !slices.Contains([]string{"http", "https", "socks5"}, proxy.Scheme)) {
		return "its proxy-url is no URL of http, https or socks5"
	}
	return ""
}

func knownContexts(config *clientcmdapi.Config) string {
	var names []string
	for name := range config.Contexts {
		names = append(names, name)
	}
	if len(names) == 0 {
		return "one that has contexts"
	}
	slices.Sort(names)
	return "one of " + strings.Join(names, ", ")
}

// problemsOf takes apart what is wrong with a context, a line each. That client-go
// gives an Aggregate is its way, not its promise.
func problemsOf(err error) []string {
	var all utilerrors.Aggregate
	if !errors.As(err, &all) {
		return []string{err.Error()}
	}
	var problems []string
	for _, one := range all.Errors() {
		problems = append(problems, one.Error())
	}
	return problems
}

// overlay lays what is set for an endpoint over what a kubeconfig says, as
// Calico's own clients do.
func (r *reader) overlay(config *rest.Config) *rest.Config {
	if ca := r.certificates(r.settings.K8sCAFile); ca != nil {
		config.Insecure, config.CAData, config.CAFile = false, ca, "" // whoever names a CA wants it checked
	}
	if cert, key := r.clientCertificate(); cert != nil {
		config.CertData, config.CertFile, config.KeyData, config.KeyFile = cert, "", key, ""
	}
	if r.settings.K8sAPIToken.IsSet() {
		config.BearerToken, config.BearerTokenFile = r.token(), ""
		config.Username, config.Password = "", ""
		config.ExecProvider, config.AuthProvider = nil, nil
	}
	if r.insecure(r.settings.K8sCAFile.IsSet()) {
		config.Insecure, config.CAData, config.CAFile = true, nil, ""
	}
	return config
}

// inMemory reads the TLS files, so that what was judged is what is used, and
// checks that they are what they should be. client-go would watch them, from a
// goroutine that never ends.
func inMemory(config *rest.Config) error {
	if err := rest.LoadTLSFiles(config); err != nil {
		return err
	}
	config.CAFile, config.CertFile, config.KeyFile = "", "", ""
	_, err := rest.TLSConfigFor(config)
	return err
}

// addUndecodable quotes the setting only if it is a name: a text of several lines
// is probably the file.
func addUndecodable(faults *settings.Faults, setting settings.Setting, err error) {
	add := faults.Add
	if strings.Contains(setting.Value, "\n") {
		add = faults.AddSecret
	}
	add(setting, "%s", text.Undecodable(err, wantKubeconfig))
}
