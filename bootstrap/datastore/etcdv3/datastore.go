package etcdv3

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/internal/await"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

const (
	// blockPrefix is the prefix of the keys of Calico's IPAM blocks. Family and
	// block follow: ipv4/block/10.244.0.0-26.
	blockPrefix = "/calico/ipam/v2/assignment/"

	// blockPage is the number of block keys per read, about 70 bytes each.
	blockPage = 5000

	defaultRequestTimeout = 10 * time.Second
)

// Datastore stores pools in etcd. It is not safe for concurrent use.
type Datastore struct {
	config        Config
	client        *clientv3.Client
	callersClient bool     // New got the client from the caller
	seen          *traffic // state of the connections; nil with the caller's client

	cluster uint64 // ID of the cluster of the last snapshot
	other   uint64 // ID of another cluster that has responded since; zero: none
}

var _ datastore.Datastore = (*Datastore)(nil)

// New returns a datastore that uses the caller's client. Close does not close the
// client.
func New(client *clientv3.Client) *Datastore {
	return &Datastore{
		config:        Config{Endpoints: client.Endpoints(), RequestTimeout: defaultRequestTimeout},
		client:        client,
		callersClient: true,
	}
}

// Open returns a datastore that connects with its first request, and again after a
// connection failed. The caller must close it. An error means that the config is
// invalid.
func Open(config Config) (*Datastore, error) {
	switch {
	case len(config.Endpoints) == 0 && config.DiscoverySRV == "":
		return nil, errors.New("etcd: no endpoints")
	case len(config.Endpoints) > 0 && config.DiscoverySRV != "":
		return nil, errors.New("etcd: Endpoints and DiscoverySRV are mutually exclusive")
	}
	endpoints, problems := normalise(config.Endpoints, config.Names)
	if problem := mixed(endpoints, config.TLS != nil); problem != "" {
		problems = append(problems, problem)
	}
	if len(problems) > 0 {
		return nil, errors.New("etcd endpoints: " + strings.Join(problems, "; "))
	}
	config.Endpoints = endpoints
	if config.RequestTimeout == 0 {
		config.RequestTimeout = defaultRequestTimeout
	}
	return &Datastore{config: config}, nil
}

// Close closes the connections of a datastore returned by Open. With New it does
// nothing. One whose peer doesn't read is closed in the background after a second.
func (d *Datastore) Close() error {
	if d.callersClient || d.client == nil {
		return nil
	}
	client := d.client
	d.client = nil
	return await.Close(client.Close)
}

// Type returns datastore.EtcdV3.
func (d *Datastore) Type() datastore.Type { return datastore.EtcdV3 }

// Snapshot reads all pools with one linearizable range read. Its Revision contains the
// cluster ID and the revision of etcd.
func (d *Datastore) Snapshot(ctx context.Context) (datastore.Snapshot, error) {
	var snapshot datastore.Snapshot
	err := d.call(ctx, "reading IP pools", func(ctx context.Context, client *clientv3.Client) error {
		resp, err := client.Get(ctx, ippool.RecordPrefix, clientv3.WithPrefix())
		if err != nil {
			return err
		}
		d.cluster, d.other = resp.Header.ClusterId, 0
		snapshot = datastore.Snapshot{Revision: snapshotRevision{resp.Header.ClusterId, resp.Header.Revision}.String()}
		for _, kv := range resp.Kvs {
			name := strings.TrimPrefix(string(kv.Key), ippool.RecordPrefix)
			record, err := ippool.DecodeRecord(kv.Value)
			if err != nil {
				snapshot.Unreadable = append(snapshot.Unreadable, datastore.Unreadable{
					Name: name, Err: err, CIDR: ippool.RecordCIDR(kv.Value),
				})
				continue
			}
			record.Pool().Name = name // Calico looks pools up by key
			snapshot.Pools = append(snapshot.Pools, record)
		}
		return nil
	})
	return snapshot, err
}

// Blocks reads the keys of the families' IPAM blocks, page by page, and never their
// values. It ignores keys that are not those of blocks.
func (d *Datastore) Blocks(ctx context.Context, families []ippool.Family) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, family := range families {
		blocks, err := d.blocks(ctx, family)
		if err != nil {
			return nil, err
		}
		all = append(all, blocks...)
	}
	return all, nil
}

func (d *Datastore) blocks(ctx context.Context, family ippool.Family) ([]netip.Prefix, error) {
	start := fmt.Sprintf("%sipv%d/block/", blockPrefix, family)
	end := clientv3.GetPrefixRangeEnd(start)

	var blocks []netip.Prefix
	for from := start; from != ""; {
		err := d.call(ctx, "reading IPAM block keys", func(ctx context.Context, client *clientv3.Client) error {
			resp, err := client.Get(ctx, from, clientv3.WithRange(end), clientv3.WithKeysOnly(), clientv3.WithLimit(blockPage))
			if err != nil {
				return err
			}
			if resp.Header.ClusterId != d.cluster {
				d.other = resp.Header.ClusterId
			}
			from = ""
			for _, kv := range resp.Kvs {
				if block, ok := parseBlockKey(strings.TrimPrefix(string(kv.Key), start)); ok {
					blocks = append(blocks, block)
				}
			}
			if resp.More && len(resp.Kvs) > 0 {
				from = string(resp.Kvs[len(resp.Kvs)-1].Key) + "\x00"
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return blocks, nil
}

// parseBlockKey parses the last part of a block's key, such as 10.244.0.0-26.
func parseBlockKey(text string) (netip.Prefix, bool) {
	i := strings.LastIndexByte(text, '-')
	if i < 0 {
		return netip.Prefix{}, false
	}
	prefix, err := netip.ParsePrefix(text[:i] + "/" + text[i+1:])
	return prefix, err == nil
}

// snapshotRevision is the cluster and the etcd revision of a snapshot.
type snapshotRevision struct {
	cluster  uint64
	revision int64
}

func (m snapshotRevision) String() string { return fmt.Sprintf("%x/%d", m.cluster, m.revision) }

func parseRevision(text string) (snapshotRevision, error) {
	var m snapshotRevision
	if _, err := fmt.Sscanf(text, "%x/%d", &m.cluster, &m.revision); err != nil {
		return m, fmt.Errorf("etcd: the snapshot is from another datastore: revision %q", text)
	}
	return m, nil
}
