package kubernetes

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/api"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

const (
	blockResource = "ipamblocks"

	// blockPage is the number of blocks per page, about 500 bytes each. Each page costs the API server as
	// much as 3000 blocks in addition; the blocks of a page are in its memory.
	blockPage = 10_000

	// Limits of a list of blocks.
	maxBlocks     = 250_000
	maxBlockBytes = 512 << 20

	blockMemory = 64 // of a prefix, in a slice that grows
)

// Blocks reads the names of all IPAM blocks, and never whole blocks, in pages of 10,000.
// It ignores names that are not those of blocks. If the API server doesn't serve
// blocks, there are none.
func (d *Datastore) Blocks(ctx context.Context, families []ippool.Family) ([]netip.Prefix, error) {
	group, err := d.group(ctx)
	if err != nil {
		return nil, err
	}
	action := d.action("list", group, "reading the names of IPAM blocks")
	action.Resource, action.Restarts = blockResource, true
	list := api.List{Path: path(group, blockResource), PageSize: blockPage, MaxBytes: maxBlockBytes, MaxItems: maxBlocks, MaxMemory: maxBlocks * blockMemory}
	var blocks []netip.Prefix
	err = d.client.ReadNames(ctx, action, list, func(name []byte) int {
		prefix, ok := parseBlockName(string(name))
		if ok && slices.Contains(families, ippool.FamilyOf(prefix)) {
			blocks = append(blocks, prefix)
		}
		return blockMemory
	})
	switch {
	case errors.Is(err, datastore.ErrNotInstalled):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return blocks, nil
}

// parseBlockName parses the name of a block, which is its CIDR with dashes in place of
// dots, colons and the slash: 10-244-0-0-26, fd00-10-244--40-122. Four groups are an
// IPv4 address: an IPv6 address with so few groups contains a double dash.
func parseBlockName(name string) (netip.Prefix, bool) {
	i := strings.LastIndexByte(name, '-')
	if i < 0 {
		return netip.Prefix{}, false
	}
	address, length := name[:i], name[i+1:]
	for _, separator := range []string{".", ":"} {
		if prefix, err := netip.ParsePrefix(strings.ReplaceAll(address, "-", separator) + "/" + length); err == nil {
			return prefix, true
		}
	}
	return netip.Prefix{}, false
}
