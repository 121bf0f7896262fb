package kubernetes

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore/kubernetes/internal/api"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Config says how the Kubernetes API is reached, and where in it the pools are.
type Config struct {
	// REST is how the API server is reached. It is copied, and of the copy
	// only what concerns the kind of content is changed; UserAgent,
	// WarningHandler and QPS (no limit) are filled in where they are not set.
	// Redirects are not followed.
	REST *rest.Config

	// APIGroup is ippool.CRDV1 or v3.SchemeGroupVersion. Empty: the first of these that
	// the API server serves.
	APIGroup schema.GroupVersion

	// RequestTimeout is how long one request may take before it is tried
	// again. Zero means 20 seconds.
	RequestTimeout time.Duration
}

// Format prints where the API server is for every verb, and no secret.
func (c Config) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, api.Place(c.REST)) }

// FromSettings judges the settings for Kubernetes, reads the files that they
// name, and returns the config and warnings. The error is a *settings.Error with
// everything that is wrong. Nothing is contacted.
//
// The API server is the one of the endpoint, or of the kubeconfig, that is set;
// else that of ~/.kube/config if it is there; else, in a pod, the pod's own.
func FromSettings(given settings.DatastoreSettings) (Config, []string, error) {
	r := &reader{settings: given, serviceAccount: serviceAccountFolder}
	config := Config{APIGroup: ReadAPIGroup(given.CalicoAPIGroup, &r.faults)}
	config.REST = r.rest()
	r.limits(config.REST)
	return config, r.warnings, r.faults.Err()
}

// reader reads settings, and gathers what is wrong with them.
type reader struct {
	settings       settings.DatastoreSettings
	serviceAccount string // the folder of a pod's token
	faults         settings.Faults
	warnings       []string
}

func (r *reader) warn(format string, args ...any) {
	r.warnings = append(r.warnings, fmt.Sprintf(format, args...))
}

// ReadAPIGroup reads the setting for the API group: empty if it is unset, and,
// noting a fault, if it is none that may hold pools.
func ReadAPIGroup(given settings.Setting, faults *settings.Faults) schema.GroupVersion {
	for _, group := range apiGroups {
		if strings.EqualFold(given.Value, group.String()) {
			return group
		}
	}
	if given.IsSet() {
		faults.Add(given, "unknown API group; must be %s or %s", ippool.CRDV1, v3.SchemeGroupVersion)
	}
	return schema.GroupVersion{}
}

// limits reads how fast the API server may be asked.
func (r *reader) limits(config *rest.Config) {
	qps, burst := r.settings.K8sClientQPS, r.settings.K8sClientBurst
	config.QPS = api.NoLimit
	if qps.IsSet() {
		value, err := strconv.ParseFloat(qps.Value, 32)
		if !(err == nil && value > 0) { // and so NaN is none
			r.faults.Add(qps, "must be a number of requests per second above 0")
		}
		config.QPS = float32(value)
	}
	if burst.IsSet() {
		value, err := strconv.ParseUint(burst.Value, 10, 31)
		if err != nil || value == 0 {
			r.faults.Add(burst, "must be a whole number of requests above 0")
		}
		config.Burst = int(value)
		if !qps.IsSet() {
			r.warn("%s has no effect: it goes beyond a K8S_CLIENT_QPS, which isn't set", burst.Source)
		}
	}
}

const modulePath = "github.com/calico-bootstrap/calico-bootstrap"

// userAgent is what API servers log of a program that doesn't say who it is:
// name, version of this library where it is known, platform.
func userAgent() string {
	info, _ := debug.ReadBuildInfo()
	return UserAgent(libraryVersion(info))
}

// libraryVersion is that of this module in a program that was built so. Nil: one
// that was built without modules.
func libraryVersion(info *debug.BuildInfo) string {
	if info != nil {
		for _, dep := range info.Deps {
			if dep.Path == modulePath && dep.Version != "" {
				return dep.Version
			}
		}
	}
	return "(devel)"
}

// UserAgent returns the user agent of a program of this project, of the given
// version.
func UserAgent(version string) string {
	return fmt.Sprintf("calico-bootstrap/%s (%s/%s)", version, runtime.GOOS, runtime.GOARCH)
}
