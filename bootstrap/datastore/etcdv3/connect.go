package etcdv3

import (
	"context"
	"crypto/tls"
	"errors"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/internal/await"
)

// call connects if necessary, makes one request with a timeout, and explains its error.
// It closes a failed connection, so that the next call connects again and resolves the
// members again.
func (d *Datastore) call(ctx context.Context, operation string, request func(context.Context, *clientv3.Client) error) error {
	switch {
	case d == nil || d.client == nil && len(d.config.Endpoints) == 0 && d.config.DiscoverySRV == "":
		return errNotOpen
	case ctx == nil:
		return errors.New("etcd: the context is nil")
	}
	outer := ctx
	ctx, cancel := context.WithTimeout(outer, d.config.RequestTimeout)
	defer cancel()
	err := d.connect(ctx, cancel)
	if err == nil {
		if d.seen != nil {
			// Otherwise the client would wait for a connection until the
			// timeout, and then not report the cause.
			d.seen.whenAllFailed(cancel)
			defer d.seen.whenAllFailed(nil)
		}
		err = request(ctx, d.client)
	}
	var wrongCluster *otherClusterError
	if err != nil && errors.Is(outer.Err(), context.Canceled) && !errors.As(err, &wrongCluster) {
		// The caller canceled: this is not a failure of etcd.
		return &datastore.Error{Place: d.config.place(), Operation: operation, Err: outer.Err()}
	}
	err = d.explain(operation, err)
	if errors.Is(err, datastore.ErrUnreachable) || errors.Is(err, datastore.ErrTLS) {
		// An error of closing a broken connection is not relevant.
		_ = d.Close()
	}
	return err
}

// connect creates the client if there is none. With a user name, it requests a token
// from etcd.
func (d *Datastore) connect(ctx context.Context, cancel context.CancelFunc) error {
	if d.client != nil {
		return nil
	}
	d.seen = nil
	endpoints := d.config.Endpoints
	if d.config.DiscoverySRV != "" {
		found, err := discover(ctx, d.config.DiscoverySRV, d.config.TLS != nil)
		if err != nil {
			return err
		}
		endpoints = found
	}
	if len(endpoints) == 0 {
		return &discoveryError{domain: d.config.DiscoverySRV, err: errors.New("the SRV records name no members")}
	}
	d.seen = newTraffic(endpoints)
	d.seen.whenAllFailed(cancel)
	defer d.seen.whenAllFailed(nil)

	// The client outlives ctx, which is for this call only. While it is being
	// created, the end of ctx cancels it.
	clientCtx, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, end)
	client, err := clientv3.New(clientv3.Config{
		Context:     clientCtx,
		Endpoints:   endpoints,
		Username:    d.config.Username,
		Password:    d.config.Password,
		DialTimeout: d.config.RequestTimeout,
		DialOptions: append(withLimits(),
			grpc.WithContextDialer(d.seen.dial),
			grpc.WithTransportCredentials(&watchedCredentials{TransportCredentials: d.credentials(endpoints), seen: d.seen}),
		),
		// One try per member; the run does further retries.
		MaxUnaryRetries: uint(len(endpoints)) + 1,
		Logger:          zap.NewNop(),
	})
	if err != nil {
		end()
		return err
	}
	if !stop() {
		_ = await.Close(client.Close)
		return ctx.Err()
	}
	d.client = client
	return nil
}

// credentials returns the transport credentials of the endpoints: TLS for all of them,
// or for none.
func (d *Datastore) credentials(endpoints []string) credentials.TransportCredentials {
	if !secure(endpoints[0], d.config.TLS != nil) {
		return insecure.NewCredentials()
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if d.config.TLS != nil {
		config = d.config.TLS.Clone()
		config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	}
	return credentials.NewTLS(config)
}
