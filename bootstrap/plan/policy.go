package plan

// OnDrift says what is done where a pool exists and differs from what was asked
// for. The zero value is DriftReport.
type OnDrift string

// What can be done about drift.
const (
	DriftReport OnDrift = "report" // warn, and leave the pool as it is
	DriftUpdate OnDrift = "update" // change what can be changed
	DriftFail   OnDrift = "fail"   // ErrDrift, and nothing is written
)

// OnDrifts returns every policy, the default one first.
func OnDrifts() []OnDrift { return []OnDrift{DriftReport, DriftUpdate, DriftFail} }
