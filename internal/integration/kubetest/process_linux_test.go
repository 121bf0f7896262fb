package kubetest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// parentVariable is set in the process that TestChildrenDieWithTheirParent kills.
const parentVariable = "KUBETEST_TEST_PARENT"

// TestChildrenDieWithTheirParent kills a test process, which then can't run its cleanups.
func TestChildrenDieWithTheirParent(t *testing.T) {
	t.Parallel()
	parent := exec.Command(os.Args[0], "-test.run=^TestParent$")
	parent.Env = append(os.Environ(), parentVariable+"="+t.TempDir())
	output, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	line, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(t, parent.Process.Kill())
	_ = parent.Wait() // an error, as it was killed
	require.NoError(t, err)
	child, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return ended(child) }, 10*time.Second, pollInterval)
}

func TestParent(t *testing.T) {
	folder := os.Getenv(parentVariable)
	if folder == "" {
		t.Skip("only for TestChildrenDieWithTheirParent")
	}
	sleep, err := exec.LookPath("sleep")
	require.NoError(t, err)
	p, err := launch(folder, sleep, "60")
	require.NoError(t, err)
	fmt.Println(p.cmd.Process.Pid)
	<-p.done
}

// ended reports whether the process has exited. It may be a zombie if its new parent does
// not wait for it.
func ended(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}
