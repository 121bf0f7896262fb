package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// The linker sets version: -ldflags "-X main.version=v1.2.3".
var version = ""

// shortVersion returns only the version, for the user agent.
func shortVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// versionInfo is the result of version. Its JSON is stable: later versions may only add
// fields.
type versionInfo struct {
	Version   string `json:"version"`
	Commit    string `json:"commit,omitempty"` // empty if it is unknown
	GoVersion string `json:"goVersion"`
	Platform  string `json:"platform"` // operating system and architecture
}

func thisVersion() versionInfo {
	version := versionInfo{Version: shortVersion(), GoVersion: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				version.Commit = setting.Value
			}
		}
	}
	return version
}

// String returns the version on one line.
func (v versionInfo) String() string {
	return strings.Join(strings.Fields(fmt.Sprintf("calico-bootstrap %s %s %s %s", v.Version, v.Commit, v.GoVersion, v.Platform)), " ")
}
