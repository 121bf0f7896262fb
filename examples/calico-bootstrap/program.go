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

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/open"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/await"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// program is one run of the program: its streams, its flags and its state.
type program struct {
	stdout, stderr io.Writer
	stdin          io.Reader // only of render

	flags      settings.Settings
	configFile string
	dataDir    string
	fromV1     string // render only
	output     string

	environment    settings.Settings // as read when the time limit started
	environmentErr error

	given       settings.Settings // as loaded
	settings    settings.Settings // as passed to the library
	datastore   open.Config       // the connection to the datastore
	embedded    bool
	connectable bool            // the settings of the connection are valid
	warnings    []string        // of the program and of the datastore's settings
	resolved    []string        // warnings of all other settings, which the library logs
	services    []facts.Located // ranges of Services of the settings
	logger      *slog.Logger
	jsonLogger  *slog.Logger // for errors as well; nil if logs are text
	plain       bool         // logs are lines for a person at a terminal
	warned      *warningLog  // what was logged
	live        *liveLine    // nil if stderr is not a terminal that takes it
	began       time.Time    // when the time limit started
	timeLimit   time.Duration
	running     bool   // the command line is valid
	local       bool   // the datastore is not contacted, but its endpoints are used
	optional    bool   // no datastore needs to be configured
	reported    bool   // the result was printed
	stop        func() // ends the context of the time limit
}

// embeddedType is a datastore type of this program only.
const embeddedType = "embedded"

// limit returns a context that ends at the time limit, which includes the time for reading
// the files that settings name.
func (p *program) limit(ctx context.Context) context.Context {
	p.settings = p.flags
	if p.environment, p.environmentErr = settings.FromEnv(); p.environmentErr == nil {
		p.settings = settings.Merge(p.flags, p.environment)
	}
	p.given = p.settings
	p.began, p.timeLimit = time.Now(), p.settings.TimeLimit()
	if limit := p.timeLimit; limit > 0 {
		ctx, p.stop = context.WithTimeoutCause(ctx, limit, fmt.Errorf("%w after %s", bootstrap.ErrTimedOut, limit))
	}
	return ctx
}

// load loads and validates all settings, and the connection to the datastore if
// contacts is true. It ends with ctx, even while it reads a file that never ends.
func (p *program) load(ctx context.Context, contacts bool, formats ...string) error {
	p.running = true
	_ = p.setLogger() // read reports an invalid setting
	type loaded struct {
		program
		err error
	}
	p.waitFor(p.files(), "")
	result, ok := await.Result(ctx, func() loaded {
		l := loaded{program: *p} // p may be in use when a slow read returns
		l.err = l.read(contacts, formats)
		return l
	})
	p.live.hide()
	if !ok {
		return ended(ctx, "reading "+p.files())
	}
	*p = result.program
	return result.err
}

// ended returns the error of a command whose ctx has ended.
func ended(ctx context.Context, doing string) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, bootstrap.ErrTimedOut) {
		return fmt.Errorf("%w: %s", cause, doing)
	}
	return fmt.Errorf("interrupted (%w): %s", cause, doing)
}

// files lists the settings that name files, without their values.
func (p *program) files() string {
	var sources []string
	if p.configFile != "" {
		sources = append(sources, origin.Flag("config").String())
	}
	if p.fromV1 != "" {
		sources = append(sources, origin.Flag("from-v1").String())
	}
	for _, d := range settings.Definitions() {
		if given := d.Of(&p.given); d.File && given.IsSet() {
			sources = append(sources, given.Source.String())
		}
	}
	if sources == nil {
		return "the settings"
	}
	return "the files of " + strings.Join(sources, ", ")
}

// read is load without a context.
func (p *program) read(contacts bool, formats []string) error {
	given, warnings, loadErr := settings.Settings{}, []string(nil), p.environmentErr
	if loadErr == nil {
		given, warnings, loadErr = settings.LoadFrom(p.flags, p.configFile, p.environment)
	}
	p.given, p.settings, p.warnings = given, given, warnings
	faults := []error{loadErr, p.checkOutput(formats)}

	faults = append(faults, p.readV1())
	embeddedFaults := p.takeEmbedded()
	resolving := p.settings
	if contacts && !p.embedded {
		resolving.Unknown = withoutReported(p.settings)
	}
	config, err := resolving.Resolve()
	faults = append(faults, err)
	if contacts {
		faults = append(faults, embeddedFaults)
	}
	p.datastore.Type = config.Datastore
	switch {
	case !contacts:
	case !p.fromConfigFile(loadErr):
		err := p.loadDatastore(config.Datastore)
		p.connectable = errors.Join(loadErr, embeddedFaults, err) == nil && config.Datastore != ""
		faults = append(faults, err)
	case p.settings.Datastore.IsSelected(): // otherwise the default would be reported
		faults = append(faults, ofValues(p.loadDatastore(config.Datastore)))
	}
	if p.local {
		faults = append(faults, p.checkEndpoints(config.Datastore))
	}
	p.resolved, p.services = config.Warnings, config.Desired.Services
	faults = append(faults, p.setLogger(), p.strictly())
	return errors.Join(faults...)
}

// withoutReported returns the unknown variables without those that the selection of the
// datastore reports, as errors or, in a pod, as warnings: one line for a variable is enough.
func withoutReported(s settings.Settings) []settings.Setting {
	if kind := s.Datastore.DatastoreType; kind.IsSet() && !strings.EqualFold(kind.Value, string(datastore.Kubernetes)) {
		return s.Unknown // no datastore is selected, or it is etcd
	}
	reported := s.Datastore.Unselecting()
	return slices.DeleteFunc(slices.Clone(s.Unknown), func(unknown settings.Setting) bool {
		return slices.ContainsFunc(reported, func(fault settings.Fault) bool { return fault.Source == unknown.Source })
	})
}

// strictly turns the warnings about settings into errors if Strict is set.
func (p *program) strictly() error {
	var faults, ignored settings.Faults // Resolve has reported an invalid value of Strict
	if strict := p.settings.Strict; strict.Bool(false, &ignored) {
		for _, warning := range p.warnings {
			faults.Add(settings.Setting{}, "%s", text.Strict(warning, strict.Source.String()))
		}
		p.warnings = nil
	}
	return faults.Err()
}

// fromConfigFile reports whether the error is about the CalicoAPIConfig file.
func (p *program) fromConfigFile(err error) bool {
	var invalid *settings.Error
	return errors.As(err, &invalid) && slices.ContainsFunc(invalid.Faults, func(f settings.Fault) bool {
		name := f.Source.Name()
		return p.configFile != "" && f.Source.Kind() == origin.KindFile && (name == p.configFile || strings.HasPrefix(name, p.configFile+":"))
	})
}

// ofValues returns the faults of values, without those of settings that are missing: an
// invalid config file may have them.
func ofValues(err error) error {
	var invalid *settings.Error
	if !errors.As(err, &invalid) {
		return err
	}
	var faults settings.Faults
	for _, fault := range invalid.Faults {
		if fault.Source != (origin.Origin{}) {
			faults = append(faults, fault)
		}
	}
	return faults.Err()
}

// takeEmbedded replaces the embedded type, which the library doesn't know, by etcdv3.
func (p *program) takeEmbedded() error {
	var faults settings.Faults
	given := &p.settings.Datastore
	p.embedded = strings.EqualFold(given.DatastoreType.Value, embeddedType)
	dataDir := settings.Given(p.dataDir, origin.Flag("data-dir"))
	switch {
	case p.embedded && !hasEmbedded:
		faults.Add(given.DatastoreType, "this build has no embedded etcd (go build -tags embedded adds it); must be etcdv3 or kubernetes")
		given.DatastoreType.Value = string(datastore.EtcdV3)
	case p.embedded && text.Secret(p.dataDir) != "":
		faults.Add(dataDir, "must be the path of a directory")
	case !p.embedded && dataDir.IsSet():
		faults.Add(dataDir, "only the embedded etcd uses it; set --datastore-type embedded as well")
	case p.embedded:
		for _, other := range []*settings.Setting{&given.EtcdEndpoints, &given.EtcdDiscoverySRV} {
			switch {
			case !other.IsSet():
			case given.DatastoreType.Source.Kind() == origin.KindFlag && other.Source.Kind() != origin.KindFlag:
				p.warnings = append(p.warnings, fmt.Sprintf("%s has no effect: %s is %s", other.Source, given.DatastoreType.Source, embeddedType))
				*other = settings.Setting{}
			default:
				faults.Add(*other, "contradicts %s; set only one of the two", given.DatastoreType)
			}
		}
		given.DatastoreType.Value = string(datastore.EtcdV3)
	}
	return faults.Err()
}

func (p *program) loadDatastore(kind datastore.Type) error {
	if p.embedded {
		return nil
	}
	var err error
	p.datastore, err = open.For(kind, p.settings.Datastore)
	if p.optional {
		err = p.withoutDatastore(err)
	}
	if p.datastore.Kubernetes.REST != nil {
		p.datastore.Kubernetes.REST.UserAgent = kubernetes.UserAgent(shortVersion())
	}
	warnings, selectionErr := p.settings.CheckSelection()
	p.warnings = append(append(p.warnings, p.datastore.Warnings...), warnings...)
	return errors.Join(selectionErr, err)
}

// withoutDatastore turns the fault that no datastore is configured into a warning, and
// returns the other faults.
func (p *program) withoutDatastore(err error) error {
	var (
		invalid *settings.Error
		others  settings.Faults
	)
	if !errors.Is(err, settings.ErrNoDatastore) || !errors.As(err, &invalid) {
		return err
	}
	for _, fault := range invalid.Faults {
		if errors.Is(fault, settings.ErrNoDatastore) {
			p.warnings = append(p.warnings, fault.Error())
		} else {
			others = append(others, fault)
		}
	}
	return others.Err()
}

// checkEndpoints validates only the endpoints of the datastore.
func (p *program) checkEndpoints(kind datastore.Type) error {
	_, err := open.For(kind, p.settings.Datastore)
	var (
		invalid *settings.Error
		faults  settings.Faults
	)
	if errors.As(err, &invalid) {
		for _, fault := range invalid.Faults {
			for _, endpoints := range []settings.Setting{p.settings.Datastore.EtcdEndpoints, p.settings.Datastore.K8sAPIEndpoint} {
				if endpoints.IsSet() && fault.Source == endpoints.Source {
					faults = append(faults, fault)
				}
			}
		}
	}
	return faults.Err()
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
	var faults settings.Faults
	faults.Add(settings.Given(p.output, origin.Flag("output")), "unknown format; must be one of %s", strings.Join(formats, ", "))
	return faults.Err()
}

// withDatastore loads the settings of a command and opens their datastore.
func (p *program) withDatastore(ctx context.Context, command string, use func(open.Datastore, *bootstrap.Bootstrap) error) (err error) {
	defer func() {
		if err != nil && !p.reported {
			p.noteHidden()
		}
	}()
	err = p.load(ctx, true, formatsOf[command]...)
	p.warn()
	if err != nil {
		return err
	}
	store, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	return use(store, bootstrap.New(store, p.options()...))
}

// options are the options of every run.
func (p *program) options() []bootstrap.Option {
	return []bootstrap.Option{bootstrap.WithLogger(p.logger), bootstrap.WithObserver(p.observe)}
}

// apply creates the pools and prints the report.
func (p *program) apply(ctx context.Context) error {
	return p.withDatastore(ctx, "apply", func(store open.Datastore, b *bootstrap.Bootstrap) error {
		report, err := b.Run(ctx, p.settings)
		if err != nil && !isRefused(err) {
			return err
		}
		if printErr := p.printReport(ctx, store, p.withWarnings(report), err); printErr != nil && err == nil {
			return fmt.Errorf("the pools were created, but writing the output failed: %w", printErr)
		}
		return err
	})
}

// plan prints the plan, and reports whether it has changes.
func (p *program) plan(ctx context.Context) (pending bool, err error) {
	err = p.withDatastore(ctx, "plan", func(store open.Datastore, b *bootstrap.Bootstrap) error {
		planned, err := b.Plan(ctx, p.settings)
		if planned == nil {
			return err
		}
		pending = planned.Pending()
		if printErr := p.printPlan(ctx, store, p.withWarnings(planned.Report)); printErr != nil && err == nil {
			return fmt.Errorf("writing the plan: %w", printErr)
		}
		return err
	})
	return pending, err
}

// isRefused reports whether the error comes with a report.
func isRefused(err error) bool {
	return errors.Is(err, plan.ErrDrift) || errors.Is(err, preflight.ErrFindings)
}

// withWarnings returns the report with the warnings of the program first.
func (p *program) withWarnings(report bootstrap.Report) bootstrap.Report {
	report.Warnings = append(append([]string{}, p.warnings...), report.Warnings...)
	return report
}

func (p *program) open(ctx context.Context) (open.Datastore, error) {
	defer p.live.hide()
	if p.embedded {
		p.waitFor("the embedded etcd", "")
		return startEmbedded(ctx, p.dataDir)
	}
	p.logger.Info(fmt.Sprintf("the datastore is %v", p.datastore))
	p.waitFor("the files of the datastore", "")
	type opened struct {
		store open.Datastore
		err   error
	}
	o, ok := await.Result(ctx, func() (o opened) { // it reads the token of a pod
		o.store, o.err = p.datastore.Open()
		return o
	})
	if !ok {
		return nil, ended(ctx, "opening the datastore")
	}
	return o.store, o.err
}
