package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/programs"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// skewVariable is the environment variable with the clock offset of skewedProgram,
// in seconds.
const skewVariable = "CALICO_BOOTSTRAP_TEST_CLOCK"

// skewedProgram builds the program with a patched package time whose wall clock is
// skewed. Everything in Go reads that clock, certificate validation included. The
// monotonic clock is unchanged.
var skewedProgram = sync.OnceValues(func() (string, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", err
	}
	source := filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	original, err := os.ReadFile(filepath.Join(source, "time.go"))
	if err != nil {
		return "", err
	}
	const nowFunc = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	changed := strings.Replace(string(original), nowFunc, nowFunc+"\tsec += skew()\n", 1)
	if changed == string(original) {
		return "", errors.New("this Go version implements time.Now differently")
	}
	const skew = `package time

import "syscall"

func skew() int64 {
	text, _ := syscall.Getenv("` + skewVariable + `")
	seconds, _ := atoi(text)
	return int64(seconds)
}
`
	folder, err := os.MkdirTemp("", "calico-bootstrap-clock-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(folder)
	overlay := map[string]map[string]string{"Replace": {
		filepath.Join(source, "time.go"): filepath.Join(folder, "time.go"),
		filepath.Join(source, "skew.go"): filepath.Join(folder, "skew.go"),
	}}
	replace, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	for name, content := range map[string]string{"time.go": changed, "skew.go": skew, "overlay.json": string(replace)} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			return "", err
		}
	}
	return programs.New("calico-bootstrap-skewed", "github.com/calico-bootstrap/calico-bootstrap/examples/calico-bootstrap",
		"-overlay", filepath.Join(folder, "overlay.json"), "-tags", programs.Tags)()
})

// TestClock runs the program on hosts with a skewed clock. Certificate validation
// uses it, so the error names the clock; records in etcd have it as their creation
// time. Nothing else depends on it.
func TestClock(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour // certificates are valid from yesterday to tomorrow
	binary, err := skewedProgram()
	require.NoError(t, err)
	plain, secure := newEtcdWorld(t), newEtcdWorld(t, etcdtest.WithServerTLS())
	cluster := newKubernetesWorld(t, ippool.CRDV1)
	for _, tt := range []struct {
		name  string
		env   []string
		pools func() []v3.IPPool
		empty func()
		tls   bool
		stamp bool // the client sets the creation timestamp
	}{
		{"etcd", []string{"ETCD_ENDPOINTS=" + plain.server.Endpoints()[0]},
			func() []v3.IPPool { return plain.Pools(t) }, func() { plain.empty(t) }, false, true},
		{"etcd with TLS", []string{"ETCD_ENDPOINTS=" + secure.server.Endpoints()[0], "ETCD_CA_CERT_FILE=" + secure.server.PKI().CACertFile},
			func() []v3.IPPool { return secure.Pools(t) }, func() { secure.empty(t) }, true, true},
		{"Kubernetes", []string{"DATASTORE_TYPE=kubernetes", "KUBECONFIG=" + cluster.server.Kubeconfig(t)},
			func() []v3.IPPool { return cluster.Pools(t) }, func() { cluster.empty(t) }, true, false},
	} {
		for _, skew := range []time.Duration{-3 * day, -5 * time.Minute, 5 * time.Minute, 3 * day} {
			t.Run(tt.name+" "+skew.String(), func(t *testing.T) {
				tt.empty()
				cmd := command(t, append(tt.env, bothCIDRs...))
				cmd.Path = binary
				cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d", skewVariable, skew/time.Second))
				hostTime := time.Now().Add(skew).UTC()
				r := output(t, cmd, "")
				if tt.tls && skew.Abs() > day {
					assert.Equal(t, 1, r.code, r.stderr)
					assert.Contains(t, r.stderr, "certificate has expired or is not yet valid: current time "+hostTime.Format("2006-01-02"))
					assert.Contains(t, r.stderr, "or set this host's clock")
					assert.Equal(t, 1, strings.Count(r.stderr, "error: "), r.stderr)
					assert.Empty(t, tt.pools())
					return
				}
				assert.Zero(t, r.code, r.stderr)
				pools := tt.pools()
				require.Equal(t, defaultNames, names(pools))
				if !tt.stamp {
					hostTime = time.Now()
				}
				assert.WithinDuration(t, hostTime, pools[0].CreationTimestamp.Time, time.Minute)
			})
		}
	}
}
