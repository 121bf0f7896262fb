package integration

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/etcdv3"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
)

// waitTimeout is how long tests wait for a condition; pollInterval is how often they
// check it.
const (
	waitTimeout  = 30 * time.Second
	pollInterval = 20 * time.Millisecond
)

// soon is an upper limit on a busy machine for a run that does not retry, or whose
// timeout is over.
const soon = 10 * time.Second

// givesWay is the time of a read of the pools after which a run gives way to others, and reads
// them again. A read takes so long on a busy machine.
const givesWay = 100 * time.Millisecond

// rereads returns how many of the first requests, for the pools, were made again because the
// run gave way.
func rereads(requests []string, at []time.Time) int {
	n := 0
	for n+1 < len(requests) && requests[n+1] == requests[n] && strings.Contains(requests[n], "ippools") && at[n+1].Sub(at[n]) >= givesWay {
		n++
	}
	return n
}

// blockOf returns the i-th /26 of 10.0.0.0/8.
func blockOf(i int) string {
	return fmt.Sprintf("10.%d.%d.%d/26", i/1024, i/4%256, i%4*64)
}

// logCounter counts log lines by their message.
type logCounter struct {
	mu    sync.Mutex
	lines map[string]int
}

func newLogCounter() *logCounter { return &logCounter{lines: map[string]int{}} }

func (c *logCounter) logger() *slog.Logger { return slog.New(c) }

func (c *logCounter) count(message string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lines[message]
}

func (c *logCounter) Enabled(context.Context, slog.Level) bool { return true }

func (c *logCounter) Handle(_ context.Context, record slog.Record) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines[record.Message]++
	return nil
}

func (c *logCounter) WithAttrs([]slog.Attr) slog.Handler { return c }
func (c *logCounter) WithGroup(string) slog.Handler      { return c }

func configOf(server *etcdtest.Server) etcdv3.Config {
	return etcdv3.Config{Endpoints: server.Endpoints(), Username: etcdtest.CalicoUser, Password: password}
}

// statesOf returns the state of each change, in their order.
func statesOf(result datastore.Result, changes []datastore.Change) []datastore.State {
	var all []datastore.State
	for i := range changes {
		all = append(all, result.Of(i).State)
	}
	return all
}

func changesOf(pools ...*v3.IPPool) []datastore.Change {
	var changes []datastore.Change
	for _, pool := range pools {
		changes = append(changes, datastore.Change{Create: pool})
	}
	return changes
}
