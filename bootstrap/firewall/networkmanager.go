package firewall

import (
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/internal/calicolinks"
)

// UnmanagedInterfaces are the interfaces that Calico makes, as NetworkManager's
// patterns. NetworkManager has to leave them alone, or Calico's routes go.
func UnmanagedInterfaces() []string { return calicolinks.Patterns() }

// NetworkManagerConf returns what belongs into a file of
// /etc/NetworkManager/conf.d, so that NetworkManager leaves Calico's interfaces
// alone.
func NetworkManagerConf() string {
	return "[keyfile]\nunmanaged-devices=interface-name:" +
		strings.Join(UnmanagedInterfaces(), ";interface-name:") + "\n"
}
