package kubernetes

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"slices"

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
	var blocks chunks
	err = d.client.ReadNames(ctx, action, list, func(name []byte) int {
		prefix, ok := parseBlockName(name)
		if ok && slices.Contains(families, ippool.FamilyOf(prefix)) {
			blocks.add(prefix)
		}
		return blockMemory
	})
	switch {
	case errors.Is(err, datastore.ErrNotInstalled):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return slices.Concat(blocks...), nil
}

// chunks is a list that grows without copies of what it has.
type chunks [][]netip.Prefix

func (c *chunks) add(prefix netip.Prefix) {
	if last := len(*c) - 1; last >= 0 && len((*c)[last]) < cap((*c)[last]) {
		(*c)[last] = append((*c)[last], prefix)
		return
	}
	*c = append(*c, append(make([]netip.Prefix, 0, 1024), prefix))
}

// parseBlockName parses the name of a block, which is its CIDR with dashes in place of
// dots, colons and the slash: 10-244-0-0-26, fd00-10-244--40-122. Four groups are an
// IPv4 address: an IPv6 address with so few groups contains a double dash.
func parseBlockName(name []byte) (netip.Prefix, bool) {
	i := bytes.LastIndexByte(name, '-')
	if i < 0 {
		return netip.Prefix{}, false
	}
	for _, separator := range []byte(".:") {
		text := append(make([]byte, 0, 64), name...) // without an allocation
		for at, c := range text {
			if c == '-' {
				text[at] = separator
			}
		}
		text[i] = '/'
		if prefix, err := netip.ParsePrefix(string(text)); err == nil {
			return prefix, true
		}
	}
	return netip.Prefix{}, false
}
