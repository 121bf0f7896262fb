package plan

import "errors"

var (
	// ErrIncompatible comes when the pools that are asked for can't stand
	// beside what the datastore holds: a name is taken by a pool of the other
	// family or by a record that can't be read, or IPAM blocks inside a pool
	// have another size.
	ErrIncompatible = errors.New("conflicts with existing pools")

	// ErrDrift comes where a pool differs from the desired one and the
	// settings want that to fail. Nothing was written. The error is a
	// *DriftError.
	ErrDrift = errors.New("existing pools differ from the desired configuration")
)
