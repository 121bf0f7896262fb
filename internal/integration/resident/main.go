// Command resident runs a program and prints the most memory, in bytes, that
// was resident in it.
//
// It stands between a test and the program because Linux counts what the parent
// had resident when it forked to the child: here that is next to nothing, in a
// test process it is more than the program ever has.
package main

import (
	"fmt"
	"os"
	"os/exec"
)

func main() {
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(peak(cmd.ProcessState))
}
