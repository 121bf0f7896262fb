package api

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
)

// Action is what a request asks for, in the words of RBAC, and what is to be said
// if that fails.
type Action struct {
	Operation string // for messages: "reading IP pools"
	Verb      string
	Group     string
	Resource  string
	Namespace string
	Name      string // of the one object that is meant; empty: any

	// MaxBytes limits the answer, as it is decoded. Zero: 64 MiB.
	MaxBytes int64

	// OrElse is what else may be done where it is forbidden; empty: nothing.
	OrElse string

	// Restarts says that a page that has expired passes: another attempt begins
	// at the first.
	Restarts bool
}

// RoleHint is the rule of RBAC that a request lacks, ready to paste: in YAML
// without double quotes, which a log would escape.
func (a Action) RoleHint() string {
	kind, names, group := "a ClusterRole", "", a.Group
	if group == "" {
		group = "''"
	}
	if a.Namespace != "" {
		kind = "a Role in namespace " + a.Namespace
	}
	if a.Name != "" {
		names = fmt.Sprintf("resourceNames: [%s], ", a.Name)
	}
	hint := fmt.Sprintf("add to %s the rule - {apiGroups: [%s], resources: [%s], %sverbs: [%s]}", kind, group, a.Resource, names, a.Verb)
	if a.OrElse != "" {
		hint += "; " + a.OrElse
	}
	return hint
}

// writes reports whether admission judges the request too.
func (a Action) writes() bool { return a.Verb == "create" || a.Verb == "patch" }

// isRBAC tells a request that the authorizer refused from one that admission
// refused: the API server answers both alike, but for the words.
func isRBAC(status metav1.Status, a Action) bool {
	return strings.Contains(status.Message, fmt.Sprintf("cannot %s resource", a.Verb))
}

// credentialsHint is for an API server that doesn't know who asks.
func (c *Client) credentialsHint(now time.Time) string {
	config := c.config
	switch {
	case config.BearerTokenFile != "":
		token, err := os.ReadFile(config.BearerTokenFile)
		if err != nil {
			return fmt.Sprintf("the token can't be read: %v", err)
		}
		return tokenHint(string(token), config.BearerTokenFile, now)
	case config.BearerToken != "":
		return tokenHint(config.BearerToken, "", now)
	case config.ExecProvider != nil:
		return "check the exec plugin of the kubeconfig's user"
	case len(config.CertData) > 0:
		pair, err := tls.X509KeyPair(config.CertData, config.KeyData)
		if err == nil && pair.Leaf != nil && now.After(pair.Leaf.NotAfter) {
			return "the client certificate expired on " + pair.Leaf.NotAfter.UTC().Format(time.RFC3339)
		}
		return "check the client certificate: is it signed by the cluster's CA for clients?"
	default:
		return fmt.Sprintf("no credentials are given: use a kubeconfig, %s, or %s with %s", c.names.Of(origin.SettingAPIToken),
			c.names.Of(origin.SettingCertFile), c.names.Of(origin.SettingKeyFile))
	}
}

// isAnonymous reports whether no credentials are given at all.
func (c *Client) isAnonymous() bool {
	config := c.config
	return config.BearerToken == "" && config.BearerTokenFile == "" && config.Username == "" && config.ExecProvider == nil && config.AuthProvider == nil &&
		len(config.CertData) == 0 && config.CertFile == "" && config.WrapTransport == nil && config.Transport == nil
}

// tokenHint looks when a ServiceAccount's token expires; that is in its second
// part (RFC 7519). The token itself is shown to nobody.
func tokenHint(token, file string, now time.Time) string {
	which := "the token"
	if file != "" {
		which = "the token in " + file
	}
	var claims struct {
		Expires int64 `json:"exp"`
	}
	if parts := strings.Split(strings.TrimSpace(token), "."); len(parts) == 3 {
		if data, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil {
			// Of another form, it just tells nothing.
			_ = json.Unmarshal(data, &claims)
		}
	}
	if expires := time.Unix(claims.Expires, 0); claims.Expires > 0 && now.After(expires) {
		return fmt.Sprintf("%s expired on %s: get a new one", which, expires.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("check %s: is it of this cluster, and does its ServiceAccount still exist?", which)
}
