// Package open opens the datastore that settings name: what every program with
// both datastores would write again.
package open

import (
	"errors"
	"fmt"
	"io"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/etcdv3"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// Config says how either datastore is reached. The zero value opens none.
type Config struct {
	Type       datastore.Type    // which of the two
	Etcd       etcdv3.Config     // for datastore.EtcdV3
	Kubernetes kubernetes.Config // for datastore.Kubernetes

	// Warnings are about the settings, a line each.
	Warnings []string
}

// Datastore is one that is to be closed in the end.
type Datastore interface {
	datastore.Datastore
	io.Closer
}

// FromSettings validates all settings, also those that don't concern the
// datastore, reads the files that they name, and returns how the datastore is
// reached. The error wraps ErrInvalidSettings of package settings, and has a line for
// each thing that is invalid. Nothing is contacted. The warnings are the caller's to
// show: no run knows them.
func FromSettings(s settings.Settings) (Config, error) {
	resolved, err := s.ReadAndResolve()
	config, datastoreErr := For(resolved.Datastore, s.Datastore)
	var faults settings.Faults // what is wrong with the setting itself is in err
	if s.Strict.Bool(false, &settings.Faults{}) {
		for _, warning := range config.Warnings {
			faults.Add(settings.Setting{}, "%s", text.Strict(warning, s.Strict.Source.String()))
		}
		config.Warnings = nil
	}
	return config, errors.Join(err, datastoreErr, faults.Err())
}

// For is FromSettings for one datastore, and for its settings alone. The empty
// type is none: nothing is validated.
func For(kind datastore.Type, s settings.DatastoreSettings) (Config, error) {
	config := Config{Type: kind}
	var err error
	switch kind {
	case datastore.EtcdV3:
		config.Etcd, config.Warnings, err = etcdv3.FromSettings(s)
	case datastore.Kubernetes:
		config.Kubernetes, config.Warnings, err = kubernetes.FromSettings(s)
	}
	return config, err
}

// String names the datastore and where it is, without secrets.
func (c Config) String() string {
	if c.Type == datastore.Kubernetes {
		return fmt.Sprint(c.Kubernetes)
	}
	return fmt.Sprint(c.Etcd)
}

// Open returns the datastore, which connects with its first request.
// It is the caller's to close. The error is about the config alone.
func (c Config) Open() (Datastore, error) {
	switch c.Type {
	case datastore.EtcdV3:
		return opened(etcdv3.Open(c.Etcd))
	case datastore.Kubernetes:
		return opened(kubernetes.Open(c.Kubernetes))
	default:
		return nil, fmt.Errorf("unknown datastore %q; must be %s or %s", c.Type, datastore.EtcdV3, datastore.Kubernetes)
	}
}

// opened returns no datastore beside an error, not even a nil one of its type.
func opened(store Datastore, err error) (Datastore, error) {
	if err != nil {
		return nil, err
	}
	return store, nil
}
