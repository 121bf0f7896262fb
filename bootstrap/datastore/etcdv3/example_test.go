package etcdv3_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/etcdv3"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// This example is for a fork of calico-node, or an installer, that has an etcd client.
// README.md shows the same lines.
func Example() {
	ctx := context.Background()
	_ = func() error {
		client, err := clientv3.New(clientv3.Config{Endpoints: []string{"https://10.0.0.1:2379"}})
		if err != nil {
			return err
		}
		defer client.Close()

		s, err := settings.FromEnv()
		if err != nil {
			return err
		}
		// A value of your own configuration, with the source that messages name.
		s.IPv4.NATOutgoing = settings.Given("false", origin.Caller("cluster.yaml: ipv4.masquerade"))

		b := bootstrap.New(etcdv3.New(client), bootstrap.WithLogger(slog.Default()))
		report, err := b.Run(ctx, s)
		switch {
		case errors.Is(err, settings.ErrInvalidSettings):
			return fmt.Errorf("no connection was made:\n%w", err)
		case err != nil:
			return err
		}
		for _, pool := range report.Pools {
			fmt.Printf("pool %s is %s: %s\n", pool.Name, pool.Action, pool.Reason)
		}
		return nil
	}
}

// FromSettings returns all faults in one error.
func ExampleFromSettings() {
	given := settings.DatastoreSettings{
		EtcdEndpoints: settings.Given("https://10.0.0.1", origin.Env("ETCD_ENDPOINTS")),
		EtcdCertFile:  settings.Given("", origin.Env("ETCD_CERT_FILE")),
		EtcdUsername:  settings.Given("calico", origin.Env("ETCD_USERNAME")),
	}
	_, _, err := etcdv3.FromSettings(given)
	fmt.Println(err)
	// Output:
	// env ETCD_ENDPOINTS: "https://10.0.0.1": no port (etcd's is 2379); must be URLs such as https://10.0.0.1:2379, separated by commas
	// env ETCD_USERNAME: "calico": a user without a password; set etcd.password as well
}
