//go:build embedded

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"os"
	"runtime"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/fileutil"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/etcdv3"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/open"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// hasEmbedded reports whether this build has an embedded etcd, which doubles the
// size of the program.
const hasEmbedded = true

// embeddedEtcd is an etcd server in the program, for trials without an
// installation. It listens only on loopback.
type embeddedEtcd struct {
	*etcdv3.Datastore
	server *embed.Etcd
	client *clientv3.Client
	folder string // temporary, removed by Close; empty if the user set a directory
	lock   *fileutil.LockedFile

	// alive ends when the server fails, with the error as its cause.
	alive context.Context
	fail  context.CancelCauseFunc
}

// embeddedStart is the time limit for the start of the embedded etcd, which waits for
// another process that uses its directory.
const embeddedStart = 20 * time.Second

// startEmbedded starts an etcd with one member. An empty directory means a
// temporary one.
func startEmbedded(ctx context.Context, folder string) (open.Datastore, error) {
	e := &embeddedEtcd{}
	e.alive, e.fail = context.WithCancelCause(context.Background())
	config := embed.NewConfig()
	if folder == "" {
		temporary, err := os.MkdirTemp("", "calico-bootstrap-etcd-")
		if err != nil {
			return nil, fmt.Errorf("embedded etcd: %w", err)
		}
		folder, e.folder = temporary, temporary
		config.UnsafeNoFsync = true // the data is deleted when the program ends
	}
	config.Dir = folder
	config.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop().WithOptions(zap.WithFatalHook(e), zap.WithPanicHook(e)))
	anyPort := url.URL{Scheme: "http", Host: "127.0.0.1:0"}
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{anyPort}, []url.URL{anyPort}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{anyPort}, []url.URL{anyPort}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	// A single member elects itself after one election timeout, so make it short.
	config.TickMs, config.ElectionMs = 10, 100

	if err := e.start(ctx, config); err != nil {
		return nil, errors.Join(fmt.Errorf("embedded etcd in %s: %w", folder, err), e.Close())
	}
	return e, nil
}

// OnWrite implements zapcore.CheckWriteHook: etcd logs an error that it can't handle,
// such as that of a full disk, and expects the end of the process. It ends the
// goroutine instead, and the server has failed.
func (e *embeddedEtcd) OnWrite(entry *zapcore.CheckedEntry, fields []zapcore.Field) {
	err := errors.New(entry.Message)
	for _, field := range fields {
		if cause, ok := field.Interface.(error); ok {
			err = fmt.Errorf("%w: %w", err, cause)
		}
	}
	e.fail(err)
	runtime.Goexit()
}

func (e *embeddedEtcd) start(ctx context.Context, config *embed.Config) error {
	late := fmt.Errorf("not ready after %s: does another process use the data directory?", embeddedStart)
	ctx, cancel := context.WithTimeoutCause(ctx, embeddedStart, late)
	defer cancel()
	ended := func() error {
		if cause := context.Cause(ctx); errors.Is(cause, bootstrap.ErrTimedOut) {
			return fmt.Errorf("%w: does another process use the data directory?", cause)
		}
		return context.Cause(ctx)
	}
	started := make(chan *embed.Etcd, 1)
	e.attempt(func() error {
		var err error
		if e.lock, err = prepare(ctx, config.Dir); err != nil {
			return err
		}
		// It waits forever if another etcd has locked the directory.
		server, err := embed.StartEtcd(config)
		if err != nil {
			return err
		}
		started <- server
		return nil
	})
	select {
	case e.server = <-started:
	case <-e.alive.Done():
		return context.Cause(e.alive)
	case <-ctx.Done():
		return ended()
	}
	select {
	case <-e.server.Server.ReadyNotify():
	case err := <-e.server.Err():
		return err
	case <-e.alive.Done():
		return context.Cause(e.alive)
	case <-ctx.Done():
		return ended()
	}
	client, err := clientv3.New(clientv3.Config{
		Endpoints: []string{"http://" + e.server.Clients[0].Addr().String()},
		Logger:    zap.NewNop(),
	})
	if err != nil {
		return err
	}
	e.client, e.Datastore = client, etcdv3.New(client)
	return nil
}

// attempt calls f in a goroutine. If it returns an error or panics, the server has
// failed. The channel is closed when it returns.
func (e *embeddedEtcd) attempt(f func() error) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if r := recover(); r != nil {
				e.fail(fmt.Errorf("etcd can't use its data: %v", r))
			}
		}()
		if err := f(); err != nil {
			e.fail(err)
		}
	}()
	return done
}

// whileAlive makes a call with a context that ends when the server fails. Then it
// returns that error, which is not retried.
func (e *embeddedEtcd) whileAlive(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.alive, cancel)()
	err := call(ctx)
	if e.alive.Err() != nil {
		return fmt.Errorf("embedded etcd in %s: %w", e.server.Config().Dir, context.Cause(e.alive))
	}
	return err
}

// Snapshot implements datastore.Datastore.
func (e *embeddedEtcd) Snapshot(ctx context.Context) (snapshot datastore.Snapshot, err error) {
	err = e.whileAlive(ctx, func(ctx context.Context) error {
		snapshot, err = e.Datastore.Snapshot(ctx)
		return err
	})
	return snapshot, err
}

// Blocks implements datastore.Datastore.
func (e *embeddedEtcd) Blocks(ctx context.Context, families []ippool.Family) (blocks []netip.Prefix, err error) {
	err = e.whileAlive(ctx, func(ctx context.Context) error {
		blocks, err = e.Datastore.Blocks(ctx, families)
		return err
	})
	return blocks, err
}

// Commit implements datastore.Datastore.
func (e *embeddedEtcd) Commit(ctx context.Context, since datastore.Snapshot, changes []datastore.Change) (result datastore.Result, err error) {
	err = e.whileAlive(ctx, func(ctx context.Context) error {
		result, err = e.Datastore.Commit(ctx, since, changes)
		return err
	})
	return result, err
}

// printRecords prints the records in etcd, keys and values, byte for byte.
func (e *embeddedEtcd) printRecords(ctx context.Context, w io.Writer) error {
	resp, err := e.client.Get(ctx, ippool.RecordPrefix, clientv3.WithPrefix())
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "\nIn etcd, %d record(s):\n", len(resp.Kvs)); err != nil {
		return err
	}
	for _, kv := range resp.Kvs {
		if _, err := fmt.Fprintf(w, "%s\n%s\n", text.Graphic(string(kv.Key)), text.Graphic(string(kv.Value))); err != nil {
			return err
		}
	}
	return nil
}

// Close stops the server, unless it has failed, and removes a temporary directory.
func (e *embeddedEtcd) Close() error {
	var err error
	if e.client != nil {
		err = e.client.Close()
	}
	if e.server != nil && e.alive.Err() == nil {
		closed := e.attempt(func() error { e.server.Close(); return nil })
		select {
		case <-closed:
		case <-e.alive.Done():
		}
	}
	if e.folder != "" {
		err = errors.Join(err, os.RemoveAll(e.folder))
	}
	return err
}
