package bootstrap

import (
	"crypto/rand"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Option changes how Run goes about its work. A nil argument leaves the default.
type Option func(*runner)

// WithDryRun makes Run plan only: everything is read and judged, nothing is
// written, and the report says what would be done. Warnings are in the report
// alone, or logged as debug lines.
func WithDryRun() Option { return func(r *runner) { r.dryRun = true } }

// WithLogger gives Run a logger. Without one it logs nothing.
func WithLogger(logger *slog.Logger) Option { return func(r *runner) { r.logger = logger } }

// WithClock gives Run the clock for creation times. Without it, it is time.Now.
func WithClock(now func() time.Time) Option { return func(r *runner) { r.now = now } }

// WithRandom gives Run the source for uids and for the random IPv6 prefix.
// Without it, it is the system's secure one, crypto/rand.Reader.
func WithRandom(random io.Reader) Option { return func(r *runner) { r.random = random } }

// WithHost says what Run takes for the host that it is on. Without it, it is
// ThisHost.
func WithHost(host Host) Option { return func(r *runner) { r.host = host } }

// WithCluster says whom Run asks about the cluster. Without it, that is the
// datastore if it is a Cluster, else nobody.
func WithCluster(cluster Cluster) Option { return func(r *runner) { r.cluster = cluster } }

func newRunner(config Config, options []Option) *runner {
	r := &runner{config: config, warnings: slices.Clone(config.Warnings), toldOf: map[string]bool{}}
	for _, option := range options {
		option(r)
	}
	if r.logger == nil {
		r.logger = slog.New(slog.DiscardHandler)
	}
	if r.now == nil {
		r.now = time.Now
	}
	if r.random == nil {
		r.random = rand.Reader
	}
	if r.host == nil {
		r.host = ThisHost()
	}
	r.networks, r.routes = sync.OnceValues(r.host.Networks), sync.OnceValues(r.host.Routes)
	return r
}
