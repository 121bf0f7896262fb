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
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// Config connection to the Kubernetes API and the API group of the
// pools.
type Config struct {
	// REST configures the connection. It is required and is copied. Its
	// ContentConfig is replaced; UserAgent, WarningHandler and QPS (no limit)
	// are set if they are unset. Redirects are not followed. An exec plugin is
	// trusted: client-go does not limit its output, and if it does not exit it
	// outlives the request.
	REST *rest.Config

	// APIGroup is ippool.CRDV1 or v3.SchemeGroupVersion. Empty means the first
	// of these that the API server serves.
	APIGroup schema.GroupVersion

	// RequestTimeout is the time limit of one request. Zero means 20 seconds.
	RequestTimeout time.Duration

	// Names returns how hints name a setting. Nil: its identity, such as
	// kubernetes.apiToken.
	Names origin.Names `json:"-"`
}

// Format prints the URL of the API server for every verb, and no secrets.
func (c Config) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, api.Place(c.REST)) }

// FromSettings validates the settings for Kubernetes, reads the files that they name,
// and returns the config and warnings. It makes no connections. The error is a
// *settings.Error with all faults.
//
// The API server is that of the endpoint or the kubeconfig, if one is set, otherwise
// that of ~/.kube/config if it exists, otherwise, in a pod, that of the pod's cluster.
// ~/.kube/config is not used if anything else looks like a setting of a datastore.
func FromSettings(given settings.DatastoreSettings) (Config, []string, error) {
	r := &reader{settings: given, serviceAccount: serviceAccountFolder}
	config := Config{APIGroup: ReadAPIGroup(given.CalicoAPIGroup, &r.faults), Names: given.Names}
	config.REST = r.rest()
	r.limits(config.REST)
	return config, r.warnings, r.faults.Err()
}

// reader reads settings and collects faults and warnings.
type reader struct {
	settings       settings.DatastoreSettings
	serviceAccount string // directory of a pod's token
	faults         settings.Faults
	warnings       []string
}

// name returns how messages name a setting.
func (r *reader) name(setting origin.Setting) string { return r.settings.Names.Of(setting) }

func (r *reader) warn(format string, args ...any) {
	r.warnings = append(r.warnings, fmt.Sprintf(format, args...))
}

// checkText adds the fault or the warning of a value that may be any text.
func (r *reader) checkText(setting settings.Setting) {
	if warning := r.faults.CheckText(setting); warning != "" {
		r.warn("%s", warning)
	}
}

// ReadAPIGroup parses the setting for the API group. It returns the empty group if the
// setting is unset, and also if it is invalid, which it adds to faults.
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

// limits reads the limits of the request rate.
func (r *reader) limits(config *rest.Config) {
	qps, burst := r.settings.K8sClientQPS, r.settings.K8sClientBurst
	config.QPS = api.NoLimit
	if qps.IsSet() {
		value, err := strconv.ParseFloat(qps.Value, 32)
		if !(err == nil && value > 0) { // rejects NaN, too
			r.faults.Add(qps, "must be a number of requests per second above 0")
		}
		config.QPS = float32(value)
	}
	if burst.IsSet() {
		value, err := strconv.ParseUint(burst.Value, 10, 31)
		if err != nil || value == 0 {
			r.faults.Add(burst, "must be an integer above 0")
		}
		config.Burst = int(value)
		if !qps.IsSet() {
			r.warn("%s has no effect: it requires %s, which is not set", burst.Source, r.name(origin.SettingClientQPS))
		}
	}
}

const modulePath = "github.com/calico-bootstrap/calico-bootstrap"

// userAgent returns the default user agent: name, version of this library if known,
// platform.
func userAgent() string {
	info, _ := debug.ReadBuildInfo()
	return UserAgent(libraryVersion(info))
}

// libraryVersion returns the version of this module in the build info, which is nil in a
// program built without modules.
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

// UserAgent returns the user agent for a version of a program of this project.
func UserAgent(version string) string {
	return fmt.Sprintf("calico-bootstrap/%s (%s/%s)", version, runtime.GOOS, runtime.GOARCH)
}
