// Package calicoapi passes pools between this project and programs that speak
// github.com/projectcalico/api: its IPPool in both directions, and its lister
// over pools that were read here.
//
// It is a module of its own, and made to be copied: the library doesn't import
// projectcalico/api, which moves with Calico's versions of Go and Kubernetes.
package calicoapi

import (
	"context"
	"fmt"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/projectcalico/api/pkg/client/clientset_generated/clientset"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// ToAPI returns the pool as Calico's type. A field that this version of Calico
// doesn't know is an error, not a loss.
func ToAPI(pool *ippool.IPPool) (*v3.IPPool, error) {
	return ippool.ConvertTo[v3.IPPool](pool)
}

// FromAPI returns Calico's pool as this project's type. A field that only newer
// versions of Calico have is an error, not a loss.
func FromAPI(pool *v3.IPPool) (*ippool.IPPool, error) {
	return ippool.ConvertFrom(pool)
}

// List returns the pools that Calico's clientset finds, sorted by name as API
// servers do. A pool that can't be taken whole is an error that names it.
func List(ctx context.Context, client clientset.Interface) ([]*ippool.IPPool, error) {
	list, err := client.ProjectcalicoV3().IPPools().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("listing IPPools: %w", err)
	}
	pools := make([]*ippool.IPPool, 0, len(list.Items))
	for i := range list.Items {
		pool, err := FromAPI(&list.Items[i])
		if err != nil {
			return nil, fmt.Errorf("IPPool %q: %w", list.Items[i].Name, err)
		}
		pools = append(pools, pool)
	}
	return pools, nil
}
