// Package host reads the networks and routes of the host that the process runs on.
package host

import (
	"errors"
	"io/fs"
	"os"
	"runtime"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
)

// This returns the host that the process runs on. It omits the interfaces and routes
// that Calico created, because their addresses are from pools. Routes are known only on
// Linux.
func This() facts.Host { return thisHost{} }

type thisHost struct{}

// ipv6Sysctls exists if Linux supports IPv6. calico-node checks it too.
const ipv6Sysctls = "/proc/sys/net/ipv6"

func (thisHost) IPv6Disabled() string {
	if runtime.GOOS != "linux" {
		return ""
	}
	if _, err := os.Stat(ipv6Sysctls); errors.Is(err, fs.ErrNotExist) {
		return ipv6Sysctls + " is missing on this host"
	}
	return ""
}
