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
)

// call makes one request, connected and bounded in time, and puts its error
// into our words. A connection that failed is given up, so that the next call
// makes a new one, also to other members if their names changed.
func (d *Datastore) call(ctx context.Context, operation string, request func(context.Context, *clientv3.Client) error) error {
	outer := ctx
	ctx, cancel := context.WithTimeout(outer, d.config.RequestTimeout)
	defer cancel()
	err := d.connect(ctx, cancel)
	if err == nil {
		if d.seen != nil {
			// The client would wait for a connection until the time is over,
			// and then know no more than that.
			d.seen.whenAllFailed(cancel)
			defer d.seen.whenAllFailed(nil)
		}
		err = request(ctx, d.client)
	}
	var went *otherClusterError
	if err != nil && errors.Is(outer.Err(), context.Canceled) && !errors.As(err, &went) {
		// The caller's will, and nobody's failure.
		return &datastore.Error{Place: d.config.place(), Operation: operation, Err: outer.Err()}
	}
	err = d.explain(operation, err)
	if errors.Is(err, datastore.ErrUnreachable) || errors.Is(err, datastore.ErrTLS) {
		// What closing a broken connection says adds nothing to the error.
		_ = d.Close()
	}
	return err
}

// connect makes a client unless there is one. With a user name, this asks etcd
// for a token.
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
	d.seen = newTraffic(endpoints)
	d.seen.whenAllFailed(cancel)
	defer d.seen.whenAllFailed(nil)

	// The client lives on after ctx, which is for this call alone; until it is
	// made, the end of ctx is its end too.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, end)
	client, err := clientv3.New(clientv3.Config{
		Context:     life,
		Endpoints:   endpoints,
		Username:    d.config.Username,
		Password:    d.config.Password,
		DialTimeout: d.config.RequestTimeout,
		DialOptions: []grpc.DialOption{
			grpc.WithContextDialer(d.seen.dial),
			grpc.WithTransportCredentials(&watchedCredentials{TransportCredentials: d.credentials(endpoints), seen: d.seen}),
		},
		// One try on each member; beyond that a run begins again by itself.
		MaxUnaryRetries: uint(len(endpoints)) + 1,
		Logger:          zap.NewNop(),
	})
	if err != nil {
		end()
		return err
	}
	if !stop() {
		_ = client.Close()
		return ctx.Err()
	}
	d.client = client
	return nil
}

// credentials secures the connection to members that are spoken to with TLS.
// All are, or none.
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
