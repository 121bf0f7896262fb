package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/etcdv3"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/kubernetes"
)

// program is one call of the program: its streams, its flags, and what comes
// of them.
type program struct {
	stdout, stderr io.Writer

	flags      bootstrap.Settings
	configFile string
	dataDir    string
	output     string

	given      bootstrap.Settings // as they were read
	settings   bootstrap.Settings // as the library gets them
	datastore  bootstrap.DatastoreType
	etcd       etcdv3.Config
	kubernetes kubernetes.Config
	embedded   bool
	warnings   []string // of the program and of the datastore's settings
	resolved   []string // warnings of all other settings, which the library logs
	logger     *slog.Logger
	jsonLogger *slog.Logger // also tells of errors; nil where logs are text
	running    bool         // the command line was understood
	planning   bool         // what is found goes to stdout, with the plan
	timeout    time.Duration
}

// embeddedType is the datastore type that only this program has.
const embeddedType = "embedded"

// load reads the settings and judges all of them. With a datastore, also how
// it is reached.
func (p *program) load(datastore bool, formats ...string) error {
	p.running = true
	settings, warnings, loadErr := bootstrap.Load(p.flags, p.configFile)
	p.given, p.settings, p.warnings = settings, settings, warnings
	faults := []error{loadErr, p.checkOutput(formats)}

	embeddedFaults := p.takeEmbedded()
	config, err := p.settings.Resolve()
	faults = append(faults, err)
	if datastore {
		faults = append(faults, embeddedFaults)
	}
	if datastore && !fromConfigFile(loadErr) { // else it is unknown which datastore is meant
		faults = append(faults, p.loadDatastore(config.Datastore))
	}
	p.datastore, p.timeout, p.resolved = config.Datastore, config.Timeout, config.Warnings
	p.setLogger(config)
	faults = append(faults, p.strictly())
	return errors.Join(faults...)
}

// strictly makes errors of the warnings about settings, if the settings say so.
func (p *program) strictly() error {
	var faults, told bootstrap.Faults // what is wrong with the setting itself is told already
	if strict := p.settings.Strict; strict.Bool(false, &told) {
		faults.AddWarnings(strict, p.warnings)
		p.warnings = nil
	}
	return faults.Err()
}

// fromConfigFile reports whether the error is about the CalicoAPIConfig file.
func fromConfigFile(err error) bool {
	var wrong *bootstrap.SettingsError
	return errors.As(err, &wrong) && slices.ContainsFunc(wrong.Faults, func(f bootstrap.Fault) bool {
		return f.Source == bootstrap.SourceFlag("config")
	})
}

// takeEmbedded keeps the embedded type from the library, which doesn't know it.
func (p *program) takeEmbedded() error {
	var faults bootstrap.Faults
	given := &p.settings.Datastore
	p.embedded = strings.EqualFold(given.DatastoreType.Value, embeddedType)
	dataDir := bootstrap.Given(p.dataDir, bootstrap.SourceFlag("data-dir"))
	switch {
	case p.embedded && !hasEmbedded:
		faults.Add(given.DatastoreType, "this build has no etcd in it: make run has, or go build -tags embedded; want etcdv3 or kubernetes")
		given.DatastoreType.Value = string(bootstrap.EtcdV3)
	case !p.embedded && dataDir.IsSet():
		faults.Add(dataDir, "only the embedded etcd keeps its data there; want --datastore-type embedded too")
	case p.embedded:
		for _, other := range []*bootstrap.Setting{&given.EtcdEndpoints, &given.EtcdDiscoverySRV} {
			switch {
			case !other.IsSet():
			case strings.HasPrefix(string(given.DatastoreType.Source), "flag ") && !strings.HasPrefix(string(other.Source), "flag "):
				p.warnings = append(p.warnings, fmt.Sprintf("%s has no effect: %s is %q", other.Source, given.DatastoreType.Source, given.DatastoreType.Value))
				*other = bootstrap.Setting{}
			default:
				faults.AddSecret(*other, "contradicts %s %q: want one etcd or the other", given.DatastoreType.Source, given.DatastoreType.Value)
			}
		}
		given.DatastoreType.Value = string(bootstrap.EtcdV3)
	}
	return faults.Err()
}

func (p *program) loadDatastore(kind bootstrap.DatastoreType) error {
	var (
		warnings []string
		err      error
	)
	switch {
	case p.embedded, kind == "": // which nobody knows
	case kind == bootstrap.Kubernetes:
		p.kubernetes, warnings, err = kubernetes.FromSettings(p.settings.Datastore)
		p.kubernetes.REST.UserAgent = kubernetes.UserAgent(shortVersion())
	default:
		p.etcd, warnings, err = etcdv3.FromSettings(p.settings.Datastore)
	}
	p.warnings = append(p.warnings, warnings...)
	return err
}

func (p *program) checkOutput(formats []string) error {
	if p.output == "" {
		p.output = formats[0]
	}
	for _, format := range formats {
		if p.output == format {
			return nil
		}
	}
	var faults bootstrap.Faults
	faults.Add(bootstrap.Given(p.output, bootstrap.SourceFlag("output")), "unknown format; want one of %s", strings.Join(formats, ", "))
	return faults.Err()
}

// setLogger sends log lines to stderr: stdout carries the result alone.
func (p *program) setLogger(config bootstrap.Config) {
	options := &slog.HandlerOptions{Level: config.LogLevel}
	if config.LogFormat == bootstrap.LogFormatJSON {
		p.logger = slog.New(slog.NewJSONHandler(p.stderr, options))
		p.jsonLogger = p.logger
		return
	}
	p.logger = slog.New(slog.NewTextHandler(p.stderr, options))
}

// printer writes a report to stdout. It gets the datastore too, for what the
// embedded one has to show.
type printer func(context.Context, closableDatastore, bootstrap.Report) error

// bootstrap runs the library, for apply and for plan, and prints the report.
func (p *program) bootstrap(ctx context.Context, print printer, options ...bootstrap.Option) (bootstrap.Report, error) {
	if err := p.load(true, formatsOf["apply"]...); err != nil {
		return bootstrap.Report{}, err
	}
	if !p.planning { // else the plan has them
		p.warn()
	}
	store, err := p.open(ctx)
	if err != nil {
		return bootstrap.Report{}, err
	}
	defer store.Close()
	report, err := bootstrap.Run(ctx, store, p.settings, append(options, bootstrap.WithLogger(p.logger))...)
	refused := errors.Is(err, bootstrap.ErrDrift) || errors.Is(err, bootstrap.ErrFindings)
	if err != nil && !refused {
		if p.planning { // there is no plan to have them
			p.warn()
		}
		return report, err
	}
	report.Warnings = append(p.warnings[:len(p.warnings):len(p.warnings)], report.Warnings...)
	if report.Warnings == nil {
		report.Warnings = []string{}
	}
	if printErr := print(ctx, store, report); printErr != nil && !refused {
		return report, fmt.Errorf("all was done, but the result could not be written: %w", printErr)
	}
	return report, err
}

// warn logs the warnings of the program and of the datastore's settings.
func (p *program) warn() {
	for _, warning := range p.warnings {
		p.logger.Warn(warning)
	}
}

// closableDatastore is a datastore that the program opened.
type closableDatastore interface {
	bootstrap.Datastore
	io.Closer
}

func (p *program) open(ctx context.Context) (closableDatastore, error) {
	switch {
	case p.embedded:
		return startEmbedded(ctx, p.dataDir, p.timeout)
	case p.datastore == bootstrap.Kubernetes:
		p.logger.Info(fmt.Sprintf("the datastore is %v", p.kubernetes))
		return kubernetes.Open(p.kubernetes)
	default:
		p.logger.Info(fmt.Sprintf("the datastore is %v", p.etcd))
		return etcdv3.Open(p.etcd)
	}
}

func (p *program) render() error {
	if err := p.load(false, formatsOf["render"]...); err != nil {
		return err
	}
	var faults bootstrap.Faults
	group := kubernetes.ReadAPIGroup(p.settings.Datastore.CalicoAPIGroup, &faults)
	if len(faults) > 0 {
		return faults.Err()
	}
	if group.Empty() {
		group = v3.SchemeGroupVersion // which calicoctl takes, too
	}
	pools, warnings, err := bootstrap.Render(p.settings)
	if err != nil {
		return err
	}
	for _, warning := range append(p.warnings, warnings...) {
		p.logger.Warn(warning)
	}
	if p.output == formatInstallation {
		return p.printInstallation(pools)
	}
	for _, pool := range pools {
		pool.APIVersion = group.String()
	}
	if err := p.printPools(pools, group.String()); err != nil {
		return fmt.Errorf("writing the pools: %w", err)
	}
	return nil
}
