package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/preflight"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// reporter sends the progress of a run to the logger and the observer, and collects
// the warnings and notes of the report.
type reporter struct {
	logger   *slog.Logger
	observe  func(Event) // nil: no observer
	planning bool        // the run only plans; warnings are in its report

	attempts int
	reported map[string]bool // pools that were reported to the observer as written
	warnings lines           // of the settings and of the run
	notes    lines
}

// lines are distinct lines in the order in which they were added.
type lines struct {
	all   []string
	known map[string]bool
}

// add adds a line, and reports whether it is new.
func (l *lines) add(line string) bool {
	if l.known[line] {
		return false
	}
	if l.known == nil {
		l.known = map[string]bool{}
	}
	l.known[line], l.all = true, append(l.all, line)
	return true
}

func newReporter(o options, warnings []string, notes ...string) *reporter {
	r := &reporter{logger: o.logger, observe: o.observe, reported: map[string]bool{}}
	for _, warning := range warnings {
		r.warnings.add(warning)
	}
	for _, note := range notes {
		r.notes.add(note)
	}
	return r
}

// begin logs the warnings about settings.
func (r *reporter) begin() {
	for _, warning := range r.warnings.all {
		r.log(warning)
	}
}

// log logs a warning that is also in the report. For a plan it logs at debug level,
// so that the warning is not shown twice.
func (r *reporter) log(warning string, args ...any) {
	level := slog.LevelWarn
	if r.planning {
		level = slog.LevelDebug
	}
	r.logger.Log(context.Background(), level, warning, args...)
}

// warnOnce logs new warnings and adds them to the report.
func (r *reporter) warnOnce(warnings ...string) {
	for _, warning := range warnings {
		if r.warnings.add(warning) {
			r.log(warning)
		}
	}
}

// note logs new notes at debug level and adds them to the report.
func (r *reporter) note(notes ...string) { r.addNotes(slog.LevelDebug, notes) }

// tell logs new notes about pools that were written at info level, and adds them to the
// report. For a plan, which shows its notes, it logs at debug level.
func (r *reporter) tell(notes ...string) {
	level := slog.LevelInfo
	if r.planning {
		level = slog.LevelDebug
	}
	r.addNotes(level, notes)
}

func (r *reporter) addNotes(level slog.Level, notes []string) {
	for _, note := range notes {
		if r.notes.add(note) {
			r.logger.Log(context.Background(), level, note)
		}
	}
}

// endWithoutReport logs the warnings of a plan that failed and so has no report.
func (r *reporter) endWithoutReport() {
	if !r.planning {
		return
	}
	for _, warning := range r.warnings.all {
		r.logger.Warn(warning)
	}
}

// report returns the report of an attempt that succeeded or was refused, and logs its
// warnings and findings.
func (r *reporter) report(store datastore.Type, p plan.Plan, found, allowed []preflight.Finding, refusal error) Report {
	report := newReport(store, p)
	effects := natEffects(p)
	for i, step := range p.Steps {
		report.Pools[i].NAT = text.OneLine(effects.of(step))
	}
	for _, warning := range p.Warnings {
		r.log(warning)
	}
	report.Warnings = append(append([]string{}, r.warnings.all...), p.Warnings...)
	report.Notes = append([]string{}, r.notes.all...)
	if len(allowed) > 0 {
		report.Notes = append(report.Notes, allowedNote(allowed))
	}
	for _, lines := range [][]string{report.Warnings, report.Notes} {
		for i, line := range lines {
			lines[i] = text.OneLine(line)
		}
	}
	report.Findings = append([]preflight.Finding{}, found...)
	if !errors.Is(refusal, preflight.ErrFindings) { // that error contains the findings
		for _, finding := range found {
			r.log(finding.Text, "code", finding.Code)
		}
	}
	return report
}

// done logs the action on each pool. Of several pools that are created for a range of
// NoNATTo, it logs the number.
func (r *reporter) done(ctx context.Context, report Report) {
	created := map[netip.Prefix]int{}
	for _, pool := range report.Pools {
		if pool.NoNATTo.IsValid() && pool.Action == plan.Created {
			created[pool.NoNATTo]++
		}
	}
	for _, of := range report.NoNATTo {
		if n := created[of.Range]; n > 1 {
			r.logger.Info(fmt.Sprintf("%d %s pools created", n, ippool.FamilyOf(of.Range)), "range", of.Range.String(), "reason", of.NAT)
		}
	}
	for _, pool := range report.Pools {
		level := slog.LevelDebug
		if (pool.Action == plan.Created || pool.Action == plan.Updated) && created[pool.NoNATTo] < 2 {
			level = slog.LevelInfo
		}
		r.logger.Log(ctx, level, fmt.Sprintf("%s pool %s", pool.Family, pool.Action), "pool", pool.Name, "reason", pool.Reason)
	}
}

func (r *reporter) observed(event Event) {
	if r.observe == nil {
		return
	}
	event.Attempt = r.attempts
	r.observe(event)
}

// reading starts an attempt.
func (r *reporter) reading() {
	r.attempts++
	r.observed(Event{Kind: EventReading})
}

func (r *reporter) retrying(err error, wait time.Duration) {
	r.observed(Event{Kind: EventRetrying, Err: err, Wait: wait})
}

// plan reports the planned pools and, unless the plan is only shown, the pools that
// are about to be written.
func (r *reporter) plan(p plan.Plan, shown bool) {
	if r.observe == nil {
		return
	}
	pools, writes := make([]PoolEvent, 0, len(p.Steps)), []PoolEvent{}
	for _, pool := range newReport("", p).Pools {
		event := PoolEvent{pool.Name, pool.Family, pool.Action, pool.Reason}
		pools = append(pools, event)
		if pool.Action == plan.WouldCreate || pool.Action == plan.WouldUpdate {
			writes = append(writes, event)
		}
	}
	r.observed(Event{Kind: EventPlanned, Pools: pools})
	if !shown && len(writes) > 0 {
		r.observed(Event{Kind: EventWriting, Pools: writes})
	}
}

// written reports written pools, each once per run.
func (r *reporter) written(p plan.Plan) {
	if r.observe == nil {
		return
	}
	var pools []PoolEvent
	for _, step := range p.Steps {
		if step.Done && !r.reported[step.Name] {
			r.reported[step.Name] = true
			pools = append(pools, PoolEvent{step.Name, step.Family, step.Action, step.Reason})
		}
	}
	if len(pools) > 0 {
		r.observed(Event{Kind: EventWritten, Pools: pools})
	}
}
