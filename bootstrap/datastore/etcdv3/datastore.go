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
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

const (
	// blockPrefix is what the keys of Calico's IPAM blocks begin with; the
	// family and the block follow: ipv4/block/10.244.0.0-26.
	blockPrefix = "/calico/ipam/v2/assignment/"

	// blockPage is how many block keys one read asks for, some 70 bytes each.
	blockPage = 5000

	defaultRequestTimeout = 10 * time.Second
)

// Datastore keeps pools in etcd. It is not safe for concurrent use.
type Datastore struct {
	config        Config
	client        *clientv3.Client
	callersClient bool     // the client is the importer's
	seen          *traffic // what happened to the connections; nil for a lent client

	cluster uint64 // that the last snapshot is of
	other   uint64 // another that has answered since; zero: none has
}

var _ datastore.Datastore = (*Datastore)(nil)

// New returns a datastore that uses the importer's client, which stays the
// importer's to close.
func New(client *clientv3.Client) *Datastore {
	return &Datastore{
		config:        Config{Endpoints: client.Endpoints(), RequestTimeout: defaultRequestTimeout},
		client:        client,
		callersClient: true,
	}
}

// Open returns a datastore that connects by itself, when it is first asked for
// something, and again after the connection broke. The error is about the
// config alone.
func Open(config Config) (*Datastore, error) {
	switch {
	case len(config.Endpoints) == 0 && config.DiscoverySRV == "":
		return nil, errors.New("etcd: no endpoints")
	case len(config.Endpoints) > 0 && config.DiscoverySRV != "":
		return nil, errors.New("etcd: endpoints and a discovery domain; set only one of the two")
	}
	endpoints, problems := normalise(config.Endpoints)
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

// Close ends the connections that Open made.
func (d *Datastore) Close() error {
	if d.callersClient || d.client == nil {
		return nil
	}
	client := d.client
	d.client = nil
	return client.Close()
}

// Type is datastore.EtcdV3.
func (d *Datastore) Type() datastore.Type { return datastore.EtcdV3 }

// Snapshot reads every pool with one linearizable range read. Revision is the
// store's revision at that moment.
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
			record.Pool().Name = name // the key is what Calico finds it by
			snapshot.Pools = append(snapshot.Pools, record)
		}
		return nil
	})
	return snapshot, err
}

// Blocks reads the keys, never the values, of the families' IPAM blocks, page
// by page. A key that names no block is passed over.
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

// parseBlockKey reads the end of a block's key: 10.244.0.0-26.
func parseBlockKey(text string) (netip.Prefix, bool) {
	i := strings.LastIndexByte(text, '-')
	if i < 0 {
		return netip.Prefix{}, false
	}
	prefix, err := netip.ParsePrefix(text[:i] + "/" + text[i+1:])
	return prefix, err == nil
}

// moment is when a snapshot was taken, and where.
type snapshotRevision struct {
	cluster  uint64
	revision int64
}

func (m snapshotRevision) String() string { return fmt.Sprintf("%x/%d", m.cluster, m.revision) }

func parseRevision(text string) (snapshotRevision, error) {
	var m snapshotRevision
	if _, err := fmt.Sscanf(text, "%x/%d", &m.cluster, &m.revision); err != nil {
		return m, fmt.Errorf("etcd: the snapshot is of another datastore: revision %q", text)
	}
	return m, nil
}
