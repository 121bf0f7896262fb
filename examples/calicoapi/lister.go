package calicoapi

import (
	"fmt"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	listers "github.com/projectcalico/api/pkg/client/listers_generated/projectcalico/v3"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// lister is Calico's lister over pools that stay as they are.
type lister struct{ pools []*v3.IPPool }

var _ listers.IPPoolLister = lister{}

// NewLister returns Calico's lister over the pools, such as those that a
// datastore of this project read. It lists them in their order. It keeps copies,
// and is safe for concurrent use as long as nobody writes to what it returns,
// which Calico's listers forbid too. The error names a pool that can't be
// carried over whole.
func NewLister(pools []*ippool.IPPool) (listers.IPPoolLister, error) {
	var l lister
	for _, pool := range pools {
		converted, err := ToAPI(pool)
		if err != nil {
			return nil, fmt.Errorf("IPPool %q: %w", pool.Name, err)
		}
		l.pools = append(l.pools, converted)
	}
	return l, nil
}

// List returns the pools whose labels the selector matches.
func (l lister) List(selector labels.Selector) ([]*v3.IPPool, error) {
	var found []*v3.IPPool
	for _, pool := range l.pools {
		if selector.Matches(labels.Set(pool.Labels)) {
			found = append(found, pool)
		}
	}
	return found, nil
}

// Get returns the pool of that name, or the API's error for none.
func (l lister) Get(name string) (*v3.IPPool, error) {
	for _, pool := range l.pools {
		if pool.Name == name {
			return pool, nil
		}
	}
	return nil, apierrors.NewNotFound(v3.Resource("ippool"), name)
}
