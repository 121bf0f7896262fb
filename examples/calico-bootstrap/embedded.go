//go:build embedded

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/storage/datadir"
	"go.uber.org/zap"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/etcdv3"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/open"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// hasEmbedded says that this build has an etcd in it, which doubles its size.
const hasEmbedded = true

// embeddedEtcd is an etcd inside the program, for trying it out with nothing
// installed. It listens on loopback only.
type embeddedEtcd struct {
	*etcdv3.Datastore
	server *embed.Etcd
	client *clientv3.Client
	folder string // temporary, to be removed; empty: the user's stays
}

// embeddedStart is how long the embedded etcd may take to be ready. A folder
// that another etcd uses is never.
const embeddedStart = 20 * time.Second

// startEmbedded starts an etcd of one member. Without a folder it gets a
// temporary one. The time for the run, if it has a limit, is its limit too.
func startEmbedded(ctx context.Context, folder string, timeout time.Duration) (open.Datastore, error) {
	e := &embeddedEtcd{}
	config := embed.NewConfig()
	if folder == "" {
		temporary, err := os.MkdirTemp("", "calico-bootstrap-etcd-")
		if err != nil {
			return nil, fmt.Errorf("embedded etcd: %w", err)
		}
		folder, e.folder = temporary, temporary
		config.UnsafeNoFsync = true // the data goes with the program
	}
	config.Dir = folder
	config.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
	anyPort := url.URL{Scheme: "http", Host: "127.0.0.1:0"}
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{anyPort}, []url.URL{anyPort}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{anyPort}, []url.URL{anyPort}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	// Alone, the member elects itself after one timeout: a short one.
	config.TickMs, config.ElectionMs = 10, 100

	if err := e.start(ctx, config, timeout); err != nil {
		return nil, errors.Join(fmt.Errorf("embedded etcd in %s: %w", folder, err), e.Close())
	}
	return e, nil
}

func (e *embeddedEtcd) start(ctx context.Context, config *embed.Config, timeout time.Duration) error {
	late := fmt.Errorf("not ready after %s: does another etcd use the folder?", embeddedStart)
	ctx, cancel := context.WithTimeoutCause(ctx, embeddedStart, late)
	defer cancel()
	if timeout > 0 {
		late := fmt.Errorf("%w after %s: does another etcd use the folder?", bootstrap.ErrTimedOut, timeout)
		ctx, cancel = context.WithTimeoutCause(ctx, timeout, late)
		defer cancel()
	}
	if err := checkData(config.Dir); err != nil {
		return err
	}
	type started struct {
		server *embed.Etcd
		err    error
	}
	// Starting waits without end for a folder that another etcd has locked.
	done := make(chan started, 1)
	go func() {
		server, err := embed.StartEtcd(config)
		done <- started{server, err}
	}()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case s := <-done:
		if s.err != nil {
			return s.err
		}
		e.server = s.server
	}
	select {
	case <-e.server.Server.ReadyNotify():
	case err := <-e.server.Err():
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
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

// checkData opens the database as etcd will, which ends the process if it
// can't be read.
func checkData(folder string) error {
	path := datadir.ToBackendFileName(folder)
	if _, err := os.Stat(path); err != nil {
		return nil // a new folder
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: 100 * time.Millisecond})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil // in use: etcd waits for it, and start has an eye on the time
	case err != nil:
		return fmt.Errorf("its data can't be read: %w", err)
	default:
		return db.Close()
	}
}

// printRecords shows what stands in etcd, key and value, byte for byte.
func (e *embeddedEtcd) printRecords(ctx context.Context, w io.Writer) error {
	resp, err := e.client.Get(ctx, ippool.RecordPrefix, clientv3.WithPrefix())
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "\nIn etcd, %d record(s):\n", len(resp.Kvs)); err != nil {
		return err
	}
	for _, kv := range resp.Kvs {
		if _, err := fmt.Fprintf(w, "%s\n%s\n", kv.Key, kv.Value); err != nil {
			return err
		}
	}
	return nil
}

// Close stops the server and removes a temporary folder.
func (e *embeddedEtcd) Close() error {
	var err error
	if e.client != nil {
		err = e.client.Close()
	}
	if e.server != nil {
		e.server.Close()
	}
	if e.folder != "" {
		err = errors.Join(err, os.RemoveAll(e.folder))
	}
	return err
}
