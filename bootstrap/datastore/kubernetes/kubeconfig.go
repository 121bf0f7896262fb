package kubernetes

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/files"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/internal/yamlnode"
)

const wantKubeconfig = "a kubeconfig"

// kubeconfigFiles merges the files of a list as kubectl does: the first file takes
// precedence, and relative paths are relative to the file that contains them.
func (r *reader) kubeconfigFiles(setting settings.Setting) *rest.Config {
	var (
		found    []string
		contents [][]byte
		missing  []error
	)
	before := len(r.faults)
	hidden := text.Secret(setting.Value) != "" // with colons in it, such as a URL
	for _, path := range filepath.SplitList(setting.Value) {
		if path == "" {
			continue
		}
		one := settings.Given(path, setting.Source)
		if hidden {
			one = setting
		}
		data, err := files.ReadRegular(path, files.MaxConfig)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, err)
			r.warn("%s: %s does not exist and is ignored", setting.Source, text.Quote(one.Value))
		case err != nil:
			r.faults.Add(one, "%s", text.Unreadable(err, wantKubeconfig))
		case isAPIConfig(data):
			r.faults.Add(one, "a CalicoAPIConfig; must be %s: give this file as %s instead", wantKubeconfig, r.name(origin.SettingConfigFile))
		default:
			found, contents = append(found, path), append(contents, data)
		}
	}
	if len(found) == 0 && len(r.faults) == before {
		r.warnings = nil // redundant with the fault
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
				one := settings.Given(path, setting.Source)
				if hidden {
					one = setting
				}
				r.faults.Add(one, "%s", noKubeconfig(contents[i], err))
			}
		}
		if len(r.faults) == before { // one of the files changed in between
			r.faults.Add(setting, "%s", text.Undecodable(err, wantKubeconfig))
		}
	}
	if len(r.faults) > before {
		return &rest.Config{}
	}
	return r.kubeconfig(setting, merged)
}

// inlineKubeconfig reads the kubeconfig inside a CalicoAPIConfig file.
func (r *reader) inlineKubeconfig() *rest.Config {
	setting := r.settings.KubeconfigInline
	if isAPIConfig([]byte(setting.Value)) {
		r.faults.AddSecret(setting, "must be a kubeconfig, not a CalicoAPIConfig")
		return &rest.Config{}
	}
	config, err := clientcmd.Load([]byte(setting.Value))
	if err != nil {
		r.faults.AddSecret(setting, "%s", noKubeconfig([]byte(setting.Value), err))
		return &rest.Config{}
	}
	return r.kubeconfig(settings.Given("inline", setting.Source), config)
}

// noKubeconfig returns the problem of data that client-go can't decode.
func noKubeconfig(data []byte, err error) string {
	problem := text.Undecodable(err, wantKubeconfig)
	switch kind := yamlnode.Kind(data); {
	case kind != "" && kind != "Config":
		return fmt.Sprintf("not %s: its kind is %s; must be Config", wantKubeconfig, text.Quote(kind))
	case strings.Contains(problem, "illegal base64"):
		return problem + ", in a field whose name ends with -data"
	default:
		return problem
	}
}

// isAPIConfig reports whether the data is a CalicoAPIConfig.
func isAPIConfig(data []byte) bool {
	const kind = "calicoapiconfig"
	return bytes.Contains(bytes.ToLower(data), []byte(kind)) && // which takes less time than decoding each kubeconfig
		strings.EqualFold(yamlnode.Kind(data), kind)
}

// kubeconfig returns the config of the selected context of a kubeconfig.
func (r *reader) kubeconfig(setting settings.Setting, config *clientcmdapi.Config) *rest.Config {
	context, source := config.CurrentContext, setting
	add := func(problem string) {
		for _, secret := range misplaced(config) {
			problem = text.Without(problem, secret)
		}
		r.faults.Add(setting, "context %s: %s", text.Quote(context), problem)
	}
	if given := r.settings.K8sCurrentContext; given.IsSet() {
		context, source = given.Value, given
	}
	known := knownContexts(config)
	switch {
	case len(config.Contexts) == 0:
		r.faults.Add(setting, "it has no contexts; must be a kubeconfig with a context")
		return &rest.Config{}
	case context == "":
		r.faults.Add(setting, "it has no current-context; set %s to %s", r.name(origin.SettingCurrentContext), known)
		return &rest.Config{}
	case config.Contexts[context] == nil && source == setting:
		r.faults.Add(setting, "its current-context %s does not exist; must be %s", text.Quote(context), known)
		return &rest.Config{}
	case config.Contexts[context] == nil:
		r.faults.Add(source, "no such context in the kubeconfig; must be %s", known)
		return &rest.Config{}
	}
	if cluster := config.Clusters[config.Contexts[context].Cluster]; cluster != nil {
		if server, found := text.Unbracket(cluster.Server); found { // as Calico's install-cni wrote it
			cluster.Server = server
			r.warn("%s: context %s: brackets around an address that is not IPv6 are ignored in its server", setting.Source, text.Quote(context))
		}
	}
	if problem := urlProblem(config.Clusters[config.Contexts[context].Cluster]); problem != "" {
		add(problem)
		return &rest.Config{}
	}
	if problem := filesProblem(config, config.Contexts[context]); problem != "" {
		add(problem)
		return &rest.Config{}
	}
	if err := clientcmd.ConfirmUsable(*config, context); err != nil {
		for _, problem := range problemsOf(err) {
			add(problem)
		}
		return &rest.Config{}
	}
	result, err := clientcmd.NewNonInteractiveClientConfig(*config, context, &clientcmd.ConfigOverrides{}, nil).ClientConfig()
	if err != nil {
		add(err.Error())
		return &rest.Config{}
	}
	if err := inMemory(result); err != nil {
		add(err.Error())
	}
	if server, _, err := rest.DefaultServerUrlFor(result); err != nil || server.Scheme != "https" && server.Scheme != "http" {
		add("its server must be a URL such as https://10.0.0.1:6443")
		return &rest.Config{}
	}
	return result
}

// urlProblem validates the URLs of a cluster. It does not quote them, because they may
// contain a password.
func urlProblem(cluster *clientcmdapi.Cluster) string {
	if cluster == nil {
		return "" // ConfirmUsable reports it
	}
	if _, is := withBrackets(cluster.Server); is {
		return "the IPv6 address of its server requires brackets, as in https://[fd00::1]:6443"
	}
	if server, err := url.Parse(cluster.Server); err == nil && (server.User != nil || strings.Contains(server.Path, "@") || server.RawQuery != "" || server.Fragment != "") {
		return "its server must be only a scheme, a host and a path; set a user's token or certificate instead"
	}
	if proxy, err := url.Parse(cluster.ProxyURL); cluster.ProxyURL != "" && (err != nil || !slices.Contains([]string{"http", "https", "socks5"}, proxy.Scheme)) {
		return "its proxy-url must be an http, https or socks5 URL"
	}
	return ""
}

// filesProblem checks the files of a context before client-go reads them, which it does
// without a limit, and a token again and again. client-go reports those that can't be
// opened.
func filesProblem(config *clientcmdapi.Config, context *clientcmdapi.Context) string {
	type named struct{ field, path string }
	var all []named
	if cluster := config.Clusters[context.Cluster]; cluster != nil {
		all = append(all, named{"certificate-authority", cluster.CertificateAuthority})
	}
	if user := config.AuthInfos[context.AuthInfo]; user != nil {
		all = append(all, named{"client-certificate", user.ClientCertificate}, named{"client-key", user.ClientKey}, named{"tokenFile", user.TokenFile})
	}
	for _, file := range all {
		var unopened *fs.PathError
		if err := files.Check(file.path, files.MaxConfig); file.path != "" && err != nil && !errors.As(err, &unopened) {
			return file.field + " " + text.Unreadable(err, "a regular file of at most 1 MiB")
		}
	}
	return ""
}

// knownContexts returns the contexts that the setting may name, without names that can't
// be a value of it.
func knownContexts(config *clientcmdapi.Config) string {
	var names []string
	for name := range config.Contexts {
		if text.Secret(name) == "" && text.OneLine(name) == name {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if more := len(config.Contexts) - min(len(names), text.MaxNamed); more > 0 {
		names = append(names[:min(len(names), text.MaxNamed)], fmt.Sprintf("%d more", more))
	}
	return "one of " + strings.Join(names, ", ")
}

// misplaced returns the values of a kubeconfig that may be secrets although they belong to
// names, paths or addresses. client-go quotes such values.
func misplaced(config *clientcmdapi.Config) []string {
	var values []string
	for name, context := range config.Contexts {
		values = append(values, name, context.Cluster, context.AuthInfo, context.Namespace)
	}
	for name, cluster := range config.Clusters {
		values = append(values, name, cluster.Server, cluster.CertificateAuthority, cluster.TLSServerName, cluster.ProxyURL)
	}
	for name, user := range config.AuthInfos {
		values = append(values, name, user.ClientCertificate, user.ClientKey, user.TokenFile, user.Username, user.Impersonate)
		if user.AuthProvider != nil {
			values = append(values, user.AuthProvider.Name)
		}
		if plugin := user.Exec; plugin != nil {
			values = append(append(values, plugin.Command, plugin.APIVersion, string(plugin.InteractiveMode)), plugin.Args...)
			for _, variable := range plugin.Env {
				values = append(values, variable.Name)
			}
		}
	}
	return slices.DeleteFunc(values, func(value string) bool { return text.Secret(value) == "" })
}

// problemsOf splits the error of a context into its problems. client-go returns an
// Aggregate but does not document that.
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

// overlay overrides values of a kubeconfig with the settings for an endpoint, as
// Calico's own clients do.
func (r *reader) overlay(config *rest.Config) *rest.Config {
	if ca := r.certificates(r.settings.K8sCAFile); ca != nil {
		config.Insecure, config.CAData, config.CAFile = false, ca, "" // a CA implies verification
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

// inMemory replaces TLS files with their content and validates it. So the validated
// content is what is used, and client-go does not watch the files in a goroutine that
// never ends.
func inMemory(config *rest.Config) error {
	if err := rest.LoadTLSFiles(config); err != nil {
		return err
	}
	config.CAFile, config.CertFile, config.KeyFile = "", "", ""
	_, err := rest.TLSConfigFor(config)
	return err
}
