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

// parentVariable makes TestParent the process that is killed.
const parentVariable = "KUBETEST_TEST_PARENT"

// A test process that is killed cleans nothing up.
func TestChildrenDieWithTheirParent(t *testing.T) {
	t.Parallel()
	parent := exec.Command(os.Args[0], "-test.run=^TestParent$")
	parent.Env = append(os.Environ(), parentVariable+"="+t.TempDir())
	output, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	line, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(t, parent.Process.Kill())
	_ = parent.Wait() // killed, as it says
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

// ended says whether the process is no more, or has only its parent left to
// take note of that: who that is now may not care.
func ended(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}
