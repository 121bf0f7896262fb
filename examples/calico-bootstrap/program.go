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
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/open"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// program is one call of the program: its streams, its flags, and what comes
// of them.
type program struct {
	stdout, stderr io.Writer

	flags      settings.Settings
	configFile string
	dataDir    string
	output     string

	given      settings.Settings // as they were read
	settings   settings.Settings // as the library gets them
	datastore  open.Config       // how the datastore is reached
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
func (p *program) load(contacts bool, formats ...string) error {
	p.running = true
	given, warnings, loadErr := settings.Load(p.flags, p.configFile)
	p.given, p.settings, p.warnings = given, given, warnings
	faults := []error{loadErr, p.checkOutput(formats)}

	embeddedFaults := p.takeEmbedded()
	config, err := p.settings.Resolve()
	faults = append(faults, err)
	if contacts {
		faults = append(faults, embeddedFaults)
	}
	p.datastore.Type = config.Datastore
	if contacts && !fromConfigFile(loadErr) { // else it is unknown which datastore is meant
		faults = append(faults, p.loadDatastore(config.Datastore))
	}
	p.timeout, p.resolved = config.Timeout, config.Warnings
	faults = append(faults, p.setLogger(), p.strictly())
	return errors.Join(faults...)
}

// strictly makes errors of the warnings about settings, if the settings say so.
func (p *program) strictly() error {
	var faults, ignored settings.Faults // what is wrong with the setting itself is told already
	if strict := p.settings.Strict; strict.Bool(false, &ignored) {
		for _, warning := range p.warnings {
			faults.Add(settings.Setting{}, "%s", text.Strict(warning, strict.Source.String()))
		}
		p.warnings = nil
	}
	return faults.Err()
}

// fromConfigFile reports whether the error is about the CalicoAPIConfig file.
func fromConfigFile(err error) bool {
	var invalid *settings.Error
	return errors.As(err, &invalid) && slices.ContainsFunc(invalid.Faults, func(f settings.Fault) bool {
		return f.Source == origin.Flag("config")
	})
}

// takeEmbedded keeps the embedded type from the library, which doesn't know it.
func (p *program) takeEmbedded() error {
	var faults settings.Faults
	given := &p.settings.Datastore
	p.embedded = strings.EqualFold(given.DatastoreType.Value, embeddedType)
	dataDir := settings.Given(p.dataDir, origin.Flag("data-dir"))
	switch {
	case p.embedded && !hasEmbedded:
		faults.Add(given.DatastoreType, "this build has no embedded etcd (make run and go build -tags embedded have); must be etcdv3 or kubernetes")
		given.DatastoreType.Value = string(datastore.EtcdV3)
	case !p.embedded && dataDir.IsSet():
		faults.Add(dataDir, "only the embedded etcd keeps its data there; set --datastore-type embedded as well")
	case p.embedded:
		for _, other := range []*settings.Setting{&given.EtcdEndpoints, &given.EtcdDiscoverySRV} {
			switch {
			case !other.IsSet():
			case given.DatastoreType.Source.Kind() == origin.KindFlag && other.Source.Kind() != origin.KindFlag:
				p.warnings = append(p.warnings, fmt.Sprintf("%s has no effect: %s is %q", other.Source, given.DatastoreType.Source, given.DatastoreType.Value))
				*other = settings.Setting{}
			default:
				faults.AddSecret(*other, "contradicts %s %q; set only one of the two", given.DatastoreType.Source, given.DatastoreType.Value)
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
	if p.datastore.Kubernetes.REST != nil {
		p.datastore.Kubernetes.REST.UserAgent = kubernetes.UserAgent(shortVersion())
	}
	p.warnings = append(p.warnings, p.datastore.Warnings...)
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
	var faults settings.Faults
	faults.Add(settings.Given(p.output, origin.Flag("output")), "unknown format; must be one of %s", strings.Join(formats, ", "))
	return faults.Err()
}

// withDatastore loads the settings and opens the datastore that they name.
func (p *program) withDatastore(ctx context.Context, use func(open.Datastore, *bootstrap.Bootstrap) error) error {
	if err := p.load(true, formatsOf["apply"]...); err != nil {
		return err
	}
	if !p.planning { // else the plan has them
		p.warn()
	}
	store, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	return use(store, bootstrap.New(store, bootstrap.WithLogger(p.logger)))
}

// apply creates the pools and prints the report.
func (p *program) apply(ctx context.Context) error {
	return p.withDatastore(ctx, func(store open.Datastore, b *bootstrap.Bootstrap) error {
		report, err := b.Run(ctx, p.settings)
		if err != nil && !isRefused(err) {
			return err
		}
		if printErr := p.printReport(ctx, store, p.withWarnings(report)); printErr != nil && err == nil {
			return fmt.Errorf("the pools are done, but writing the output failed: %w", printErr)
		}
		return err
	})
}

// plan prints what apply would do, and reports whether that is anything.
func (p *program) plan(ctx context.Context) (pending bool, err error) {
	p.planning = true
	err = p.withDatastore(ctx, func(store open.Datastore, b *bootstrap.Bootstrap) error {
		planned, err := b.Plan(ctx, p.settings)
		if planned == nil {
			p.warn() // there is no plan to have them
			return err
		}
		pending = planned.Pending()
		if printErr := p.printPlan(ctx, store, p.withWarnings(planned.Report)); printErr != nil && err == nil {
			return fmt.Errorf("the plan could not be written: %w", printErr)
		}
		return err
	})
	return pending, err
}

// isRefused reports whether there is a report beside the error.
func isRefused(err error) bool {
	return errors.Is(err, plan.ErrDrift) || errors.Is(err, preflight.ErrFindings)
}

// withWarnings returns the report with the warnings of the program in front.
func (p *program) withWarnings(report bootstrap.Report) bootstrap.Report {
	report.Warnings = append(append([]string{}, p.warnings...), report.Warnings...)
	return report
}

// warn logs the warnings of the program and of the datastore's settings.
func (p *program) warn() {
	for _, warning := range p.warnings {
		p.logger.Warn(warning)
	}
}

func (p *program) open(ctx context.Context) (open.Datastore, error) {
	if p.embedded {
		return startEmbedded(ctx, p.dataDir, p.timeout)
	}
	p.logger.Info(fmt.Sprintf("the datastore is %v", p.datastore))
	return p.datastore.Open()
}

func (p *program) render(ctx context.Context) error {
	if err := p.load(false, formatsOf["render"]...); err != nil {
		return err
	}
	var faults settings.Faults
	group := kubernetes.ReadAPIGroup(p.settings.Datastore.CalicoAPIGroup, &faults)
	if len(faults) > 0 {
		return faults.Err()
	}
	if group.Empty() {
		group = v3.SchemeGroupVersion // which calicoctl takes, too
	}
	pools, warnings, err := bootstrap.Render(ctx, p.settings)
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
