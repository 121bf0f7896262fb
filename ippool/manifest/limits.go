package manifest

import (
	"fmt"

	"github.com/calico-bootstrap/calico-bootstrap/internal/yamlnode"
)

// MaxPools is the maximum number of pools that Decode returns.
const MaxPools = 20_000

// maxIndicators is the maximum number of indicators in the data, so that the largest
// document takes less than 200 MB: see yamlnode.TooLarge. A pool as kubectl prints it has
// about 25 indicators.
const maxIndicators = 300_000

// checkSize returns a fault if the data has more indicators than that.
func checkSize(data []byte, most int) *yamlnode.Fault {
	line := yamlnode.TooLarge(data, most)
	if line == 0 {
		return nil
	}
	return &yamlnode.Fault{Line: line, Problem: fmt.Sprintf("more than %d keys and items up to this line; split the file", most)}
}
