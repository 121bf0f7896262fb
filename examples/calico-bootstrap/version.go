package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
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

// versionText returns the version, the commit if it is known, the Go version and
// the platform.
func versionText() string {
	text := shortVersion()
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				text += " " + setting.Value
			}
		}
	}
	return fmt.Sprintf("calico-bootstrap %s %s %s/%s", text, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
