package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the linker: -ldflags "-X main.version=v1.2.3".
var version = ""

// versionText tells the version, the commit where it is known, and what the
// program was built with.
func versionText() string {
	text, commit := version, ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if text == "" {
			text = info.Main.Version
		}
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				commit = setting.Value
			}
		}
	}
	if text == "" {
		text = "(devel)"
	}
	if commit != "" {
		text += " " + commit
	}
	return fmt.Sprintf("calico-bootstrap %s %s %s/%s", text, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
