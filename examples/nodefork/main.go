// Command nodefork is the start-up of a fork of calico-node, cut down to what
// concerns the default pools: ippools.go is what the fork puts in the place of
// calico-node's own function, and this file makes the clients that a fork has
// already.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/etcdv3"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/kubernetes"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := startUp(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// startUp is what a fork does before its agents start.
func startUp(ctx context.Context) error {
	pools, err := ensureIPPools(ctx)
	if err != nil {
		return err
	}
	ipip, vxlan := tunnels(pools)
	fmt.Printf("%d IPPools; tunnel devices: IP-in-IP %t, VXLAN %t\n", len(pools), ipip, vxlan)
	return nil
}

// ensureIPPools uses the datastore that the fork's environment names.
func ensureIPPools(ctx context.Context) ([]*v3.IPPool, error) {
	if endpoints := os.Getenv("ETCD_ENDPOINTS"); endpoints != "" {
		client, err := clientv3.New(clientv3.Config{Endpoints: strings.Split(endpoints, ",")})
		if err != nil {
			return nil, err
		}
		defer client.Close()
		return withEtcd(ctx, client)
	}
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return nil, err
	}
	return withKubernetes(ctx, config)
}

// withEtcd uses the client that the fork has. It stays the fork's, and open.
func withEtcd(ctx context.Context, client *clientv3.Client) ([]*v3.IPPool, error) {
	return configureIPPools(ctx, etcdv3.New(client))
}

// withKubernetes uses the config that the fork's clientset was made from.
func withKubernetes(ctx context.Context, config *rest.Config) ([]*v3.IPPool, error) {
	store, err := kubernetes.Open(kubernetes.Config{REST: config})
	if err != nil {
		return nil, err
	}
	defer store.Close()
	pools, err := configureIPPools(ctx, store)
	if errors.Is(err, bootstrap.ErrNotInstalled) {
		return nil, fmt.Errorf("install Calico's CRDs before its nodes: %w", err)
	}
	return pools, err
}
