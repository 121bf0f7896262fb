package kubernetes_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// An installer that has a rest.Config.
func Example() {
	ctx := context.Background()
	_ = func(config *rest.Config) error {
		store, err := kubernetes.Open(kubernetes.Config{REST: config, APIGroup: ippool.CRDV1})
		if err != nil {
			return err
		}
		defer store.Close()

		given, err := settings.FromEnv()
		if err != nil {
			return err
		}
		report, err := bootstrap.New(store, bootstrap.WithLogger(slog.Default())).Run(ctx, given)
		switch {
		case errors.Is(err, datastore.ErrNotInstalled):
			return fmt.Errorf("apply Calico's CRDs first: %w", err)
		case err != nil:
			return err
		}
		for _, pool := range report.Pools {
			fmt.Printf("pool %s is %s: %s\n", pool.Name, pool.Action, pool.Reason)
		}
		return nil
	}
}

// From settings, with everything that is wrong in one error.
func ExampleFromSettings() {
	given := settings.DatastoreSettings{
		K8sAPIEndpoint: settings.Given("10.0.0.1", origin.Env("K8S_API_ENDPOINT")),
		CalicoAPIGroup: settings.Given("v3", origin.Flag("calico-api-group")),
	}
	_, _, err := kubernetes.FromSettings(given)
	fmt.Println(err)
	// Output:
	// flag --calico-api-group: "v3": unknown API group; must be crd.projectcalico.org/v1 or projectcalico.org/v3
	// env K8S_API_ENDPOINT: "10.0.0.1": the scheme must be https or http; must be a URL such as https://10.0.0.1:6443
}

// What the cluster knows of its pod CIDRs can be asked by itself, and also for a
// datastore that is not in the cluster: Calico on etcd beside OpenShift.
func ExampleDatastore_PodCIDRs() {
	ctx := context.Background()
	_ = func(cluster *kubernetes.Datastore, etcd datastore.Datastore, given settings.Settings) (bootstrap.Report, error) {
		return bootstrap.New(etcd, bootstrap.WithCluster(cluster)).Run(ctx, given)
	}
}
