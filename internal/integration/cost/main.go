// Command cost runs a program and prints its elapsed time and CPU time in nanoseconds
// and its maximum resident memory in bytes. It discards the program's stdout, and
// passes on its stderr and its exit code.
//
// A test uses it instead of starting the program itself, as Linux counts the resident
// memory of the parent at the fork as the child's. That of a test process is more than
// the program ever has.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"time"
)

func main() {
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	cmd.Stderr = os.Stderr
	begin := time.Now()
	err := cmd.Run()
	took := time.Since(begin)
	if cmd.ProcessState == nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	processors := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	fmt.Println(took.Nanoseconds(), processors.Nanoseconds(), peak(cmd.ProcessState))
	if code := cmd.ProcessState.ExitCode(); code != 0 {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(max(code, 1)) // -1: killed by a signal
	}
}
