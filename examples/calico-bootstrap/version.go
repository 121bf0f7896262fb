package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the linker: -ldflags "-X main.version=v1.2.3".
var version = ""

// shortVersion is the version alone, as API servers log it.
func shortVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// versionText tells the version, the commit where it is known, and what the
// program was built with.
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
