// Package open opens the datastore that settings select, etcd v3 or the Kubernetes API.
//
// [FromSettings] validates settings and returns a [Config]; [Config.Open] returns the
// [Datastore]. Programs that support only one datastore use package etcdv3 or
// kubernetes directly.
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

// Config configures the connection to a datastore. The zero value can't be opened.
type Config struct {
	Type       datastore.Type    // selects the datastore
	Etcd       etcdv3.Config     // for datastore.EtcdV3
	Kubernetes kubernetes.Config // for datastore.Kubernetes

	// Warnings are warnings about the settings, one line each.
	Warnings []string
}

// Datastore is a datastore that the caller must close.
type Datastore interface {
	datastore.Datastore
	io.Closer
}

// FromSettings validates all settings, including those that don't concern the
// datastore, reads the files that they name, and returns the config of the datastore.
// It makes no connections. The error wraps [settings.ErrInvalidSettings] and
// has one line per fault. The caller must show the warnings; a run doesn't report them.
func FromSettings(s settings.Settings) (Config, error) {
	resolved, err := s.ReadAndResolve()
	config, datastoreErr := For(resolved.Datastore, s.Datastore)
	warnings, selectionErr := s.CheckSelection()
	config.Warnings = append(config.Warnings, warnings...)
	var faults settings.Faults // faults of the setting itself are in err
	if s.Strict.Bool(false, &settings.Faults{}) {
		for _, warning := range config.Warnings {
			faults.Add(settings.Setting{}, "%s", text.Strict(warning, s.Strict.Source.String()))
		}
		config.Warnings = nil
	}
	return config, errors.Join(err, selectionErr, datastoreErr, faults.Err())
}

// For is like FromSettings, but validates only the settings of the given datastore. If
// kind is empty, it validates nothing.
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

// String returns the datastore and its endpoints, without secrets.
func (c Config) String() string {
	if c.Type == datastore.Kubernetes {
		return fmt.Sprint(c.Kubernetes)
	}
	return fmt.Sprint(c.Etcd)
}

// Open returns the datastore, which connects with its first request. The caller must
// close it. An error means that the config is invalid.
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

// opened returns a nil interface with an error, not an interface that holds a nil
// pointer.
func opened(store Datastore, err error) (Datastore, error) {
	if err != nil {
		return nil, err
	}
	return store, nil
}
