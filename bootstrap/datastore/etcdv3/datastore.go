package etcdv3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unsafe"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/await"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

const (
	// blockPrefix is the prefix of the keys of Calico's IPAM blocks. Family and
	// block follow: ipv4/block/10.244.0.0-26.
	blockPrefix = "/calico/ipam/v2/assignment/"

	defaultRequestTimeout = 10 * time.Second
)

// Datastore stores pools in etcd. It is not safe for concurrent use. The methods of the
// zero value return an error: use [Open] or [New].
type Datastore struct {
	config        Config
	client        *clientv3.Client
	callersClient bool     // New got the client from the caller
	seen          *traffic // state of the connections; nil with the caller's client

	cluster uint64 // ID of the cluster of the last snapshot, else of the first read; zero: none yet
}

var _ datastore.Datastore = (*Datastore)(nil)

// New returns a datastore that uses the caller's client. Close does not close the
// client. If the client is nil, or is not one of clientv3, the methods of the datastore
// return an error.
//
// Responses are checked as with Open. Only the size of a single response has the limit
// of the client, which is 2 GiB by default: set clientv3.Config.MaxCallRecvMsgSize, to
// 2 MiB or more.
func New(client *clientv3.Client) *Datastore {
	if client == nil || client.KV == nil {
		return &Datastore{}
	}
	return &Datastore{
		config:        Config{Endpoints: client.Endpoints(), RequestTimeout: defaultRequestTimeout, Names: clientNames},
		client:        client,
		callersClient: true,
	}
}

// clientNames names the fields of the caller's client: settings don't change it.
func clientNames(id origin.Setting) string {
	switch id {
	case origin.SettingEtcdUsername:
		return "clientv3.Config.Username"
	case origin.SettingEtcdPassword:
		return "clientv3.Config.Password"
	default:
		return string(id)
	}
}

// errNotOpen is the error of the zero Datastore.
var errNotOpen = errors.New("etcd: the datastore has no client: use etcdv3.Open, or etcdv3.New with a client of clientv3")

// Open returns a datastore that connects with its first request, and again after a
// connection failed. The caller must close it. An error means that the config is
// invalid.
//
// A response to a read has at most 2 MiB, any other 64 KiB; a larger one is an error.
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
	if d == nil || d.callersClient || d.client == nil {
		return nil
	}
	client := d.client
	d.client = nil
	return await.Close(client.Close)
}

// Type returns datastore.EtcdV3.
func (d *Datastore) Type() datastore.Type { return datastore.EtcdV3 }

// Snapshot reads all pools at one revision, with one linearizable range read per 500
// pools. Its Revision contains the cluster ID and the revision of etcd.
//
// A key with a further slash after the prefix is no pool to Calico: it is unreadable.
// More than 20,000 pools, 16 MiB of records, or 500,000 values in them are an error, and
// so is a response that is incomplete.
func (d *Datastore) Snapshot(ctx context.Context) (datastore.Snapshot, error) {
	var (
		snapshot     datastore.Snapshot
		size, values int
	)
	pools := prefixRead{operation: "reading IP pools", prefix: ippool.RecordPrefix, page: poolPage, maxKeys: maxPools, pinned: true, snapshot: true}
	at, err := d.pages(ctx, pools, func(page []*mvccpb.KeyValue) error {
		for _, kv := range page {
			size, values = size+len(kv.Value), values+bytes.Count(kv.Value, []byte{','})
			switch {
			case size > maxPoolBytes:
				return limitError(fmt.Sprintf("the records of the IP pools have more than %d bytes", maxPoolBytes))
			case values > maxPoolValues:
				return limitError(fmt.Sprintf("the records of the IP pools have more than %d values", maxPoolValues))
			case ctx.Err() != nil:
				return ctx.Err()
			}
			add(&snapshot, kv.Key[len(ippool.RecordPrefix):], kv.Value)
		}
		return nil
	})
	if err != nil {
		return datastore.Snapshot{}, d.toRead(ippool.RecordPrefix, err)
	}
	snapshot.Revision = at.String()
	snapshot.CLI = datastore.CLI{Program: datastore.Calicoctl, Resource: "ippool"}
	return snapshot, nil
}

// add adds the record of a key to the snapshot.
func add(snapshot *datastore.Snapshot, name, value []byte) {
	// Not copied: the value is a part of a response that nothing else holds or changes.
	record, err := ippool.DecodeRecordString(unsafe.String(unsafe.SliceData(value), len(value)))
	cidr := ""
	switch {
	case len(name) == 0 || bytes.ContainsRune(name, '/'):
		err = errors.New("its key is not that of an IPPool")
	case err != nil:
		cidr = ippool.RecordCIDR(value)
	}
	if err != nil {
		snapshot.Unreadable = append(snapshot.Unreadable, datastore.Unreadable{Name: string(name), Err: err, CIDR: cidr})
		return
	}
	if pool := record.Pool(); pool.Name != string(name) {
		pool.Name = string(name) // Calico looks pools up by key
	}
	snapshot.Pools = append(snapshot.Pools, record)
}

// Blocks reads the keys of the families' IPAM blocks, page by page, and never their
// values. It ignores keys that are not those of blocks. More than 400,000 keys of a
// family are an error.
func (d *Datastore) Blocks(ctx context.Context, families []ippool.Family) ([]netip.Prefix, error) {
	var all [][]netip.Prefix // of each page: a list that grows copies what it has
	for _, family := range families {
		prefix := fmt.Sprintf("%sipv%d/block/", blockPrefix, family)
		keys := prefixRead{operation: "reading IPAM block keys", prefix: prefix, page: blockPage, maxKeys: maxBlocks, options: []clientv3.OpOption{clientv3.WithKeysOnly()}}
		_, err := d.pages(ctx, keys, func(page []*mvccpb.KeyValue) error {
			blocks := make([]netip.Prefix, 0, len(page))
			for _, kv := range page {
				if block, ok := parseBlockKey(strings.TrimPrefix(string(kv.Key), prefix)); ok {
					blocks = append(blocks, block)
				}
			}
			all = append(all, blocks)
			return nil
		})
		if err != nil {
			return nil, d.toRead(blockPrefix, err)
		}
	}
	return slices.Concat(all...), nil
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
