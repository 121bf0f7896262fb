package kubernetes

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// roleHint is the rule of RBAC that a request lacks, ready to paste: in YAML
// without double quotes, which a log would escape.
func (d *Datastore) roleHint(a action) string {
	kind, names, group := "a ClusterRole", "", a.group
	if group == "" {
		group = "''"
	}
	if a.namespace != "" {
		kind = "a Role in namespace " + a.namespace
	}
	if a.name != "" {
		names = fmt.Sprintf("resourceNames: [%s], ", a.name)
	}
	hint := fmt.Sprintf("give it %s with the rule - {apiGroups: [%s], resources: [%s], %sverbs: [%s]}", kind, group, a.resource, names, a.verb)
	if a.group == ippool.CRDV1.Group && d.config.APIGroup.Empty() {
		hint += fmt.Sprintf("; if this cluster has its pools in %s, set CALICO_API_GROUP to that", v3.SchemeGroupVersion)
	}
	return hint
}

// writes reports whether admission judges the request too.
func (a action) writes() bool { return a.verb == "create" || a.verb == "patch" }

// isRBAC tells a request that the authorizer refused from one that admission
// refused: the API server answers both alike, but for the words.
func isRBAC(status metav1.Status, a action) bool {
	return strings.Contains(status.Message, fmt.Sprintf("cannot %s resource", a.verb))
}

// credentialsHint is for an API server that doesn't know who asks.
func (d *Datastore) credentialsHint(now time.Time) string {
	config := d.config.REST
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
		return "no credentials are given: use a kubeconfig, --k8s-api-token, or --k8s-cert-file and --k8s-key-file"
	}
}

// isAnonymous reports whether no credentials are given at all.
func (d *Datastore) isAnonymous() bool {
	c := d.config.REST
	return c.BearerToken == "" && c.BearerTokenFile == "" && c.Username == "" && c.ExecProvider == nil && c.AuthProvider == nil &&
		len(c.CertData) == 0 && c.CertFile == "" && c.WrapTransport == nil && c.Transport == nil
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
