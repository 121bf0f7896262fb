package integration

import (
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/kubetest"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// What the program may cost a node, in MB of 1,000,000 bytes: the size of the
// stripped binary, and the memory that is resident at most while the pools
// exist already.
const (
	maxSize     = 24
	maxResident = 25
)

// The bare client that the program is compared with, and what measures both.
var (
	buildDynamicList = sync.OnceValues(func() (string, error) { return build("dynamiclist", "./dynamiclist", "-ldflags", "-s -w") })
	buildResident    = sync.OnceValues(func() (string, error) { return build("resident", "./resident") })
)

// aBoot prepares boots where the pools exist.
func aBoot(tb testing.TB) (kubeconfig string) {
	tb.Helper()
	server := kubetest.Shared(tb)
	server.RemoveCRDs(tb)
	server.InstallCRDs(tb, ippool.CRDV1)
	kubeconfig = server.Kubeconfig(tb)
	first := boot(tb, buildProgram, kubeconfig)
	require.NoError(tb, first.Run())
	return kubeconfig
}

// boot prepares a program to be run with the kubeconfig.
func boot(tb testing.TB, build func() (string, error), kubeconfig string) *exec.Cmd {
	tb.Helper()
	binary, err := build()
	require.NoError(tb, err)
	cmd := exec.Command(binary)
	cmd.Env = []string{"KUBECONFIG=" + kubeconfig, "HOME=" + tb.TempDir(), "DATASTORE_TYPE=kubernetes"}
	return cmd
}

func sizeOf(tb testing.TB, build func() (string, error)) float64 {
	tb.Helper()
	binary, err := build()
	require.NoError(tb, err)
	info, err := os.Stat(binary)
	require.NoError(tb, err)
	return float64(info.Size()) / 1e6
}

// residentIn runs a boot and returns the most memory that was resident in it,
// in MB; zero where that can't be known.
func residentIn(tb testing.TB, build func() (string, error), kubeconfig string) float64 {
	tb.Helper()
	watcher, err := buildResident()
	require.NoError(tb, err)
	cmd := boot(tb, build, kubeconfig)
	cmd.Args = append([]string{watcher}, cmd.Args...)
	cmd.Path = watcher
	out, err := cmd.Output()
	require.NoError(tb, err)
	bytes, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	require.NoError(tb, err)
	return bytes / 1e6
}

func TestProgramIsSmall(t *testing.T) {
	assert.Less(t, sizeOf(t, buildProgram), float64(maxSize))
	assert.Less(t, residentIn(t, buildProgram, aBoot(t)), float64(maxResident))
}

// BenchmarkBoot has whole boots of the program where the pools exist, and, each
// beside one of those, whole lists of a bare dynamic client on the same server.
func BenchmarkBoot(b *testing.B) {
	kubeconfig := aBoot(b)
	took := func(build func() (string, error)) time.Duration {
		cmd := boot(b, build, kubeconfig)
		begin := time.Now()
		require.NoError(b, cmd.Run())
		return time.Since(begin)
	}
	var program, bare []time.Duration
	for b.Loop() {
		program = append(program, took(buildProgram))
		bare = append(bare, took(buildDynamicList))
	}
	slices.Sort(program)
	slices.Sort(bare)
	middle := len(program) / 2
	b.ReportMetric(0, "ns/op") // it is of both together
	b.ReportMetric(float64(program[middle])/float64(bare[middle]), "times-a-bare-list")
	b.ReportMetric(float64(program[middle])/1e6, "ms")
	for _, measured := range []struct {
		unit  string
		build func() (string, error)
	}{
		{"", buildProgram},
		{"-bare", buildDynamicList},
	} {
		most := 0.0
		for range 10 {
			most = max(most, residentIn(b, measured.build, kubeconfig))
		}
		b.ReportMetric(most, "MB-resident"+measured.unit)
		b.ReportMetric(sizeOf(b, measured.build), "MB-binary"+measured.unit)
	}
}
