package facts

import (
	"context"

	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// FelixReader is implemented by a Datastore that knows the FelixConfigurations. Its method is
// called only for a plan that is shown, and before an IPv6 pool gets natOutgoing: at most
// once per run unless it fails, and not concurrently with other methods.
type FelixReader interface {
	// FelixConfigurations returns the FelixConfigurations, in any order, and what could
	// not be read and why, one line each. Forbidden or malformed ones are not an error, and
	// an absent one is not a problem either: Felix's defaults apply. A retryable error (ErrUnreachable) makes Run retry.
	FelixConfigurations(ctx context.Context) (configurations []nat.FelixConfiguration, problems []string, err error)
}
