// Command cost runs a program and prints what it took: nanoseconds of time,
// nanoseconds of processors, and the most bytes of memory that were resident.
// What the program prints is thrown away, but not its errors.
//
// It stands between a test and the program because Linux counts what the parent
// had resident when it forked to the child: here that is next to nothing, in a
// test process it is more than the program ever has.
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
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	processors := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	fmt.Println(took.Nanoseconds(), processors.Nanoseconds(), peak(cmd.ProcessState))
}
