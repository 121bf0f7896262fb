package etcdv3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/internal/natrecord"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

var (
	_ facts.NATReader = (*Datastore)(nil)
	_ facts.BGPReader = (*Datastore)(nil)
)

// resourcePrefix is the prefix of the keys of Calico's resources, except IPAM's.
const resourcePrefix = "/calico/resources/v3/projectcalico.org/"

// The limits of what decides about NAT. A cluster of 5,000 nodes has about 5 MiB and 150,000
// values.
const (
	resourcePage      = 500
	maxResources      = 20_001 // of a kind: a FelixConfiguration for each node, and default
	maxResourceBytes  = 32 << 20
	maxResourceValues = 2_000_000
	maxNATProblems    = 100 // malformed records that are named
)

// FelixConfigurations reads the FelixConfigurations with one range read per 500 of them.
// More than 20,001 records, 32 MiB, or 2,000,000 values in them are an error.
func (d *Datastore) FelixConfigurations(ctx context.Context) ([]nat.FelixConfiguration, []string, error) {
	var found []nat.FelixConfiguration
	problems, err := d.resources(ctx, "felixconfigurations", "FelixConfiguration", facts.FelixDefaultsAssumed, func(name string, record []byte) error {
		felix, err := natrecord.FelixConfiguration(record)
		if err == nil {
			felix.Name = name // Calico looks resources up by key
			found = append(found, felix)
		}
		return err
	})
	return found, problems, err
}

// NAT reads the FelixConfigurations, Calico's Nodes, the ClusterInformation and the
// BGPConfiguration, one after the other, with the limits of FelixConfigurations for each. Of
// Service CIDRs, etcd has only those that the BGPConfiguration names.
func (d *Datastore) NAT(ctx context.Context) (facts.NAT, error) {
	var (
		read facts.NAT
		err  error
	)
	if read.FelixConfigurations, read.Problems, err = d.FelixConfigurations(ctx); err != nil {
		return facts.NAT{}, err
	}
	read.FelixKnown = len(read.Problems) == 0
	isDefault := func(felix nat.FelixConfiguration) bool { return felix.Name == "default" }
	if len(read.Problems) == 0 && !slices.ContainsFunc(read.FelixConfigurations, isDefault) {
		read.Problems = []string{"no FelixConfiguration default exists: " + facts.FelixDefaultsAssumed}
	}
	problems, err := d.resources(ctx, "nodes", "Node", facts.NodesUnknown, func(name string, record []byte) error {
		node, err := natrecord.Node(record)
		if err == nil {
			node.Name = name
			read.Nodes = append(read.Nodes, node)
		}
		return err
	})
	if err != nil {
		return facts.NAT{}, err
	}
	if len(problems) == 0 && len(read.Nodes) == 0 {
		problems = []string{"there are no Nodes in etcd: " + facts.NodesUnknown}
	}
	read.Problems = append(read.Problems, problems...)

	if read.Version, problems, err = d.calicoVersion(ctx, facts.VersionUnknown); err != nil {
		return facts.NAT{}, err
	}
	read.Problems = append(read.Problems, problems...)

	advertised, err := d.BGPServices(ctx)
	if err != nil {
		return facts.NAT{}, err
	}
	read.Add(advertised)
	return read, nil
}

// BGPServices reads the BGPConfigurations with one range read, with the limits of
// FelixConfigurations, and returns the ranges of Services of the one named default.
func (d *Datastore) BGPServices(ctx context.Context) (facts.BGPServices, error) {
	var found facts.BGPServices
	problems, err := d.resources(ctx, "bgpconfigurations", "BGPConfiguration", facts.AdvertisedUnknown, func(name string, record []byte) (err error) {
		if name == "default" { // Calico looks resources up by key
			_, found, err = natrecord.BGPServices(record)
		}
		return err
	})
	found.Problems = append(found.Problems, problems...)
	return found, err
}

// resources reads all records of a resource and passes each to use. It returns a problem for
// each record that is malformed, and one if reading is forbidden.
func (d *Datastore) resources(ctx context.Context, resource, kind, assumed string, use func(name string, record []byte) error) ([]string, error) {
	var (
		problems     []string
		size, values int
		malformed    int
		prefix       = resourcePrefix + resource + "/"
		all          = prefixRead{operation: "reading " + resource, prefix: prefix, page: resourcePage, maxKeys: maxResources, pinned: true}
		_, err       = d.pages(ctx, all, func(page []*mvccpb.KeyValue) error {
			for _, kv := range page {
				size, values = size+len(kv.Value), values+bytes.Count(kv.Value, []byte{','})
				switch {
				case size > maxResourceBytes:
					return limitError(fmt.Sprintf("the records with the prefix %s have more than %d bytes", prefix, maxResourceBytes))
				case values > maxResourceValues:
					return limitError(fmt.Sprintf("the records with the prefix %s have more than %d values", prefix, maxResourceValues))
				case ctx.Err() != nil:
					return ctx.Err()
				}
				name := strings.TrimPrefix(string(kv.Key), prefix)
				err := errors.New("its key is not that of a " + kind)
				if name != "" && !strings.Contains(name, "/") {
					err = use(name, kv.Value)
				}
				if err == nil {
					continue
				}
				if malformed++; malformed <= maxNATProblems {
					problems = append(problems, fmt.Sprintf("%s %s is ignored: %s", kind, text.Clip(text.Graphic(name), text.MaxQuoted), text.Cause(err)))
				}
			}
			return nil
		})
	)
	switch {
	case errors.Is(err, datastore.ErrForbidden):
		return []string{assumed + ": " + d.toRead(prefix, err).Error()}, nil
	case err != nil:
		return nil, err
	case malformed > maxNATProblems:
		problems = append(problems, fmt.Sprintf("%d more %ss are ignored", malformed-maxNATProblems, kind))
	}
	return problems, nil
}
