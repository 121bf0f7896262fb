package plan

import "errors"

var (
	// ErrIncompatible is returned if the desired pools conflict with the
	// existing ones: a name is taken by a pool of the other family or by a
	// malformed record, ranges overlap, IPAM blocks inside a pool have another
	// size, or an update is invalid.
	ErrIncompatible = errors.New("conflicts with existing pools")

	// ErrPodCIDR is returned if a pool without a configured CIDR gets the pod CIDR of
	// the cluster, and is invalid with it.
	ErrPodCIDR = errors.New("invalid pod CIDR")

	// ErrDrift is returned with DriftFail if an existing pool differs from
	// desired. Nothing was written. The error is a *DriftError.
	ErrDrift = errors.New("existing pools differ from the desired configuration")
)
