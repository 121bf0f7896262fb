package plan

// OnDrift is the policy for existing pools that differ from desired. The zero value
// means DriftReport.
type OnDrift string

// The policies.
const (
	DriftReport OnDrift = "report" // warn, don't modify the pool
	DriftUpdate OnDrift = "update" // update mutable fields, warn of the others
	DriftFail   OnDrift = "fail"   // return ErrDrift, write nothing
)

// OnDrifts returns every policy, the default first.
func OnDrifts() []OnDrift { return []OnDrift{DriftReport, DriftUpdate, DriftFail} }
