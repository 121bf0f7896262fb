package integration

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/etcdv3"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/etcdtest"
)

// How long tests wait for what must come, and how often they look.
const (
	waiting = 30 * time.Second
	step    = 20 * time.Millisecond
)

// soon is within what a busy machine takes for a run that doesn't wait, or whose
// time is over.
const soon = 10 * time.Second

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

// statesOf are what became of the changes, in their order.
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
