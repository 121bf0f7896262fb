package firewall

import (
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/internal/calicolinks"
)

// UnmanagedInterfaces returns NetworkManager patterns for the interfaces that Calico
// creates. NetworkManager must not manage them, because it would remove Calico's routes.
func UnmanagedInterfaces() []string { return calicolinks.Patterns() }

// NetworkManagerConf returns the content of a file in /etc/NetworkManager/conf.d that
// makes NetworkManager ignore Calico's interfaces.
func NetworkManagerConf() string {
	return "[keyfile]\nunmanaged-devices=interface-name:" +
		strings.Join(UnmanagedInterfaces(), ";interface-name:") + "\n"
}
