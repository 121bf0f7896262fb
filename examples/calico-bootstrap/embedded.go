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
}

// embeddedStart is the time limit for the start of the embedded etcd, which never
// starts if another etcd uses its directory.
const embeddedStart = 20 * time.Second

// startEmbedded starts an etcd with one member. An empty directory means a
// temporary one.
func startEmbedded(ctx context.Context, folder string) (open.Datastore, error) {
	e := &embeddedEtcd{}
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
	config.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
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

func (e *embeddedEtcd) start(ctx context.Context, config *embed.Config) error {
	late := fmt.Errorf("not ready after %s: does another etcd use the data directory?", embeddedStart)
	ctx, cancel := context.WithTimeoutCause(ctx, embeddedStart, late)
	defer cancel()
	ended := func() error {
		if cause := context.Cause(ctx); errors.Is(cause, bootstrap.ErrTimedOut) {
			return fmt.Errorf("%w: does another etcd use the data directory?", cause)
		}
		return context.Cause(ctx)
	}
	if err := checkData(config.Dir); err != nil {
		return err
	}
	type started struct {
		server *embed.Etcd
		err    error
	}
	// StartEtcd waits forever if another etcd has locked the directory.
	done := make(chan started, 1)
	go func() {
		server, err := embed.StartEtcd(config)
		done <- started{server, err}
	}()
	select {
	case <-ctx.Done():
		return ended()
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

// checkData checks that the database can be opened, because etcd exits the process
// if it can't.
func checkData(folder string) error {
	path := datadir.ToBackendFileName(folder)
	if _, err := os.Stat(path); err != nil {
		return nil // a new directory
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: 100 * time.Millisecond})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil // in use: etcd waits for it, with the time limit in start
	case err != nil:
		return fmt.Errorf("its data can't be read: %w", err)
	default:
		return db.Close()
	}
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

// Close stops the server and removes a temporary directory.
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
