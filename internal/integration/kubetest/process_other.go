//go:build !linux

package kubetest

import "os/exec"

// dieWithParent does nothing, as only Linux has Pdeathsig.
func dieWithParent(*exec.Cmd) {}
