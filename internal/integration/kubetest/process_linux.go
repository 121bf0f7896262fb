package kubetest

import (
	"os/exec"
	"syscall"
)

// dieWithParent makes the kernel end the child with the process of the tests,
// even if that is killed.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
