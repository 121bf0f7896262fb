package api

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/files"
)

// Action describes a request: its RBAC attributes, and the texts for its errors.
type Action struct {
	Operation string // operation for messages: "reading IP pools"
	Verb      string
	Group     string
	Resource  string
	Namespace string
	Name      string // name of a single object; empty: any

	// OrElse is an alternative hint if the action is forbidden; may be empty.
	OrElse string

	// Restarts reports whether an expired page is retryable, because a retry
	// starts at the first page.
	Restarts bool
}

// RoleHint returns the hint with the missing RBAC rule, as YAML without double quotes,
// which a log would escape.
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

// writes reports whether the request is subject to admission.
func (a Action) writes() bool { return a.Verb == "create" || a.Verb == "patch" }

// isRBAC reports whether the authorizer refused the request, and not admission. The
// responses differ only in the message.
func isRBAC(status metav1.Status, a Action) bool {
	return strings.Contains(status.Message, fmt.Sprintf("cannot %s resource", a.Verb))
}

// credentialsHint returns the hint for a request that was not authenticated.
func (c *Client) credentialsHint(now time.Time) string {
	config := c.config
	switch {
	case config.BearerTokenFile != "":
		token, err := files.ReadRegular(config.BearerTokenFile, files.MaxConfig)
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
		return fmt.Sprintf("no credentials are configured: use a kubeconfig, %s, or %s with %s", c.names.Of(origin.SettingAPIToken),
			c.names.Of(origin.SettingCertFile), c.names.Of(origin.SettingKeyFile))
	}
}

// isAnonymous reports whether no credentials are configured.
func (c *Client) isAnonymous() bool {
	config := c.config
	return config.BearerToken == "" && config.BearerTokenFile == "" && config.Username == "" && config.ExecProvider == nil && config.AuthProvider == nil &&
		len(config.CertData) == 0 && config.CertFile == "" && config.WrapTransport == nil && config.Transport == nil
}

// tokenHint returns the hint for a token that was not accepted. It reads the expiry from
// the token's second part (RFC 7519), and never shows the token.
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
			// A token of another form has no readable expiry.
			_ = json.Unmarshal(data, &claims)
		}
	}
	if expires := time.Unix(claims.Expires, 0); claims.Expires > 0 && now.After(expires) {
		return fmt.Sprintf("%s expired on %s: get a new one", which, expires.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("check %s: is it from this cluster, and does its ServiceAccount still exist?", which)
}
