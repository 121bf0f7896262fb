package kubernetes

import (
	"context"
	"encoding/json"
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

	// blockPage is the number of blocks per page, about 500 bytes each.
	blockPage = "5000"

	acceptMetadata = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
)

// Blocks reads the names of all IPAM blocks, and never whole blocks, in pages of 5000.
// It ignores names that are not those of blocks. If the API server doesn't serve
// blocks, there are none.
func (d *Datastore) Blocks(ctx context.Context, families []ippool.Family) ([]netip.Prefix, error) {
	group, err := d.group(ctx)
	if err != nil {
		return nil, err
	}
	action := d.action("list", group, "reading the names of IPAM blocks")
	action.Resource, action.Restarts = blockResource, true
	var blocks []netip.Prefix
	for next := ""; ; {
		request := d.client.Get(path(group, blockResource)...).SetHeader("Accept", acceptMetadata).Param("limit", blockPage)
		if next != "" {
			request.Param("continue", next)
		}
		body, err := d.client.Call(ctx, action, request)
		if errors.Is(err, datastore.ErrNotInstalled) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		page, err := readList(body)
		if err != nil {
			return nil, d.client.Explain(action, err)
		}
		for _, item := range page.Items {
			var block object
			if err := json.Unmarshal(item, &block); err != nil {
				return nil, d.client.Explain(action, api.ErrNoList)
			}
			prefix, ok := parseBlockName(block.Metadata.Name)
			if ok && slices.Contains(families, ippool.FamilyOf(prefix)) {
				blocks = append(blocks, prefix)
			}
		}
		if next = page.Metadata.Continue; next == "" {
			return blocks, nil
		}
	}
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
