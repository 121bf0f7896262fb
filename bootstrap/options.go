package bootstrap

import (
	"crypto/rand"
	"io"
	"log/slog"
	"time"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/host"
)

// Option changes how a Bootstrap goes about its work. A nil argument leaves the
// default.
type Option func(*options)

type options struct {
	logger  *slog.Logger
	now     func() time.Time
	random  io.Reader
	host    facts.Host
	cluster facts.Cluster // nil: nobody to ask
	observe func(Event)   // nil: nobody to tell
}

// WithLogger gives a logger. Without one nothing is logged.
func WithLogger(logger *slog.Logger) Option { return func(o *options) { o.logger = logger } }

// WithClock gives the clock for creation times. Without it, it is time.Now.
func WithClock(now func() time.Time) Option { return func(o *options) { o.now = now } }

// WithRandom gives the source for uids and for the random IPv6 prefix. Without it,
// it is the system's secure one, crypto/rand.Reader.
func WithRandom(random io.Reader) Option { return func(o *options) { o.random = random } }

// WithHost says what is asked about the host. Without it, it is the host that the
// process runs on. What Calico itself has set up there, interfaces and routes, is
// left out; routes are known only on Linux.
func WithHost(host facts.Host) Option { return func(o *options) { o.host = host } }

// WithCluster says what is asked about the cluster. Without it, that is the
// datastore if it is a facts.Cluster, else nothing.
func WithCluster(cluster facts.Cluster) Option { return func(o *options) { o.cluster = cluster } }

// WithObserver has a run report its progress: for whoever shows
// progress or counts it. What came of the run is in the report and the error.
//
// The function is called from the goroutine of the run, one call after the other,
// so a slow one takes from the run's time, and a panic in it ends the run. It
// gets events of kinds that are added in later versions, too: let a switch over
// them have a default.
func WithObserver(observe func(Event)) Option { return func(o *options) { o.observe = observe } }

func newOptions(opts []Option) options {
	var o options
	for _, option := range opts {
		option(&o)
	}
	if o.logger == nil {
		o.logger = slog.New(slog.DiscardHandler)
	}
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
