package performance

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
)

// BenchmarkMachine describes the machine and the versions.
func BenchmarkMachine(b *testing.B) {
	for b.Loop() {
		version := func(module string) string {
			out, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", module).Output()
			require.NoError(b, err)
			return strings.TrimSpace(string(out))
		}
		t := newTable("machine", "component", "value")
		t.row("processor", fmt.Sprintf("%s, %d cores", first("/proc/cpuinfo", `model name\s*: (.*)`), runtime.NumCPU()))
		t.row("memory", first("/proc/meminfo", `MemTotal:\s*(.*)`))
		t.row("system", fmt.Sprintf("%s/%s, Linux %s", runtime.GOOS, runtime.GOARCH, first("/proc/sys/kernel/osrelease", `(\d+\.\d+)`)))
		t.row("Go", strings.TrimPrefix(runtime.Version(), "go"))
		t.row("kube-apiserver", kubetest.Start(b).Version(b)+", with its own etcd")
		t.row("etcd", version("go.etcd.io/etcd/server/v3")+", without fsync (--unsafe-no-fsync)")
		t.publish(b)
	}
}

// first returns the first match in a file, or "unknown".
func first(file, pattern string) string {
	content, _ := os.ReadFile(file)
	if match := regexp.MustCompile(pattern).FindSubmatch(content); match != nil {
		return string(match[1])
	}
	return "unknown"
}
