package bootstrap

import (
	"crypto/rand"
	"io"
	"log/slog"
	"time"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/host"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// Option configures a Bootstrap. A nil argument keeps the default, and a nil Option is
// ignored.
type Option func(*options)

type options struct {
	logger  *slog.Logger
	now     func() time.Time
	random  io.Reader
	host    facts.Host
	cluster facts.Cluster // nil: no facts of the cluster
	observe func(Event)   // nil: no observer
	busy    time.Duration // how long a read of the pools takes at least if the run gives way
}

// WithLogger sets the logger. The default logs nothing.
func WithLogger(logger *slog.Logger) Option { return func(o *options) { o.logger = logger } }

// WithClock sets the clock for creation times. The default is time.Now.
func WithClock(now func() time.Time) Option { return func(o *options) { o.now = now } }

// WithRandom sets the source of randomness for uids and the random IPv6 prefix. The
// default is crypto/rand.Reader.
func WithRandom(random io.Reader) Option { return func(o *options) { o.random = random } }

// WithHost sets the source of host facts. The default is the host that the process
// runs on, without the interfaces and routes of Calico itself. Its routes are known
// only on Linux.
func WithHost(host facts.Host) Option { return func(o *options) { o.host = host } }

// WithCluster sets the source of cluster facts. The default is the datastore if it
// implements facts.Cluster; otherwise there are no cluster facts.
func WithCluster(cluster facts.Cluster) Option { return func(o *options) { o.cluster = cluster } }

// WithObserver sets a function that receives the progress of a run. The result of the
// run is in the report and the error.
//
// The function is called sequentially from the goroutine of the run: a slow function
// uses up the run's timeout, and a panic in it ends the run. Later versions may add
// event kinds, so a switch over them needs a default case.
func WithObserver(observe func(Event)) Option { return func(o *options) { o.observe = observe } }

func newOptions(opts []Option) options {
	o := options{busy: busy}
	for _, option := range opts {
		if option != nil {
			option(&o)
		}
	}
	if o.logger == nil {
		o.logger = slog.New(slog.DiscardHandler)
	}
	o.logger = text.Logger(o.logger)
	if o.now == nil {
		o.now = time.Now
	}
	if o.random == nil {
		o.random = rand.Reader
	}
	if o.host == nil {
		o.host = host.This()
	}
	return o
}
