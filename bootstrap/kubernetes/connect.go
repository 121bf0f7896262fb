package kubernetes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
)

const defaultRequestTimeout = 20 * time.Second

// Open returns a datastore on the API server, which it contacts when it is first
// asked for something. The error is about the config alone.
func Open(config Config) (*Datastore, error) {
	if config.REST == nil {
		return nil, errors.New("kubernetes: no rest.Config")
	}
	if config.APIGroup != (schema.GroupVersion{}) && !isAPIGroup(config.APIGroup) {
		return nil, errors.New("kubernetes: unknown API group " + config.APIGroup.String())
	}
	if config.RequestTimeout == 0 {
		config.RequestTimeout = defaultRequestTimeout
	}
	config.REST = rest.CopyConfig(config.REST)
	config.REST.ContentConfig = rest.ContentConfig{
		ContentType: runtime.ContentTypeJSON,
		// It reads nothing but the Status that the API server answers with
		// when it fails.
		NegotiatedSerializer: statusCodecs(),
	}
	if config.REST.UserAgent == "" {
		config.REST.UserAgent = userAgent()
	}
	if config.REST.WarningHandler == nil {
		config.REST.WarningHandler = rest.NoWarnings{}
	}
	if config.REST.QPS == 0 && config.REST.RateLimiter == nil {
		config.REST.QPS = noLimit
	}
	transport, err := clientFor(config.REST)
	if err != nil {
		return nil, err
	}
	client, err := rest.UnversionedRESTClientForConfigAndClient(config.REST, transport)
	if err != nil {
		return nil, err
	}
	return &Datastore{config: config, transport: transport, client: client}, nil
}

var statusCodecs = sync.OnceValue(func() runtime.NegotiatedSerializer {
	scheme := runtime.NewScheme()
	scheme.AddUnversionedTypes(schema.GroupVersion{Version: "v1"}, &metav1.Status{})
	return serializer.NewCodecFactory(scheme).WithoutConversion()
})

// clientFor returns a client that follows no redirects: client-go would give
// the token to whoever a redirect names, and a POST would become a GET.
func clientFor(config *rest.Config) (*http.Client, error) {
	shared, err := rest.HTTPClientFor(config) // may be http.DefaultClient
	if err != nil {
		return nil, err
	}
	client := *shared
	client.Transport = noUpgrade{cmp.Or(client.Transport, http.DefaultTransport)}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client, nil
}

// noUpgrade refuses to have a connection become another protocol's, which nobody
// asked for. client-go would take what comes then for the answer, and wait for its
// end, which no timeout brings.
type noUpgrade struct{ http.RoundTripper }

func (t noUpgrade) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.RoundTripper.RoundTrip(request)
	if err == nil && response.StatusCode == http.StatusSwitchingProtocols {
		_ = response.Body.Close()
		return nil, errUpgrade
	}
	return response, err
}

func (t noUpgrade) WrappedRoundTripper() http.RoundTripper { return t.RoundTripper }

var errUpgrade = errors.New("101 Switching Protocols, which wasn't asked for")

// Close ends the connections to the API server that are not in use.
func (d *Datastore) Close() error {
	for transport := d.transport.Transport; ; {
		switch t := transport.(type) {
		case interface{ CloseIdleConnections() }:
			if transport != http.DefaultTransport { // its connections are the whole process's
				t.CloseIdleConnections()
			}
			return nil
		case utilnet.RoundTripperWrapper:
			transport = t.WrappedRoundTripper()
		default: // the importer's own, who closes it
			return nil
		}
	}
}

// action is what a request asks for, in the words of RBAC.
type action struct {
	doing     string // for messages: "reading IP pools"
	verb      string
	group     string
	resource  string
	namespace string
	name      string // of the one object that is meant; empty: any
}

// call makes a request and returns the body of the answer. Its error is in our
// words. What an API server forbids while it starts, it may allow when it knows
// its roles: so it is asked whether it is ready, and then once more.
func (d *Datastore) call(ctx context.Context, action action, request *rest.Request) ([]byte, error) {
	body, err := d.once(ctx, action, request)
	if !errors.Is(err, bootstrap.ErrForbidden) {
		d.forbidden.Delete(action)
		return body, err
	}
	if !d.ready(ctx, action) {
		return nil, &bootstrap.DatastoreError{
			Kind: bootstrap.ErrUnreachable, Place: d.config.place(), Doing: action.doing,
			Err: errNotReady, Hint: "if it stays so, " + d.roleHint(action),
		}
	}
	return d.once(ctx, action, request)
}

var errNotReady = errors.New("it forbids this, but is not ready: it may not know its roles yet")

// rolesTime is how long an API server may take to know its roles: it reads them
// as soon as it serves.
const rolesTime = 5 * time.Second

// ready reports whether the API server knows its roles. It tells everybody
// whether it is ready, by a role. Where that one was taken away, only time tells:
// how long it has forbidden the action, whatever else it allowed meanwhile.
func (d *Datastore) ready(ctx context.Context, forbidden action) bool {
	now := time.Now()
	since, _ := d.forbidden.LoadOrStore(forbidden, now)
	asking := action{doing: "asking whether the API server is ready", verb: "get", resource: "readyz"}
	_, err := d.once(ctx, asking, d.client.Get().AbsPath("readyz"))
	switch {
	case errors.Is(err, bootstrap.ErrUnreachable):
		return false
	case errors.Is(err, bootstrap.ErrForbidden):
		return now.Sub(since.(time.Time)) >= rolesTime
	default:
		return true
	}
}

// once makes one request, bounded in time.
func (d *Datastore) once(ctx context.Context, action action, request *rest.Request) ([]byte, error) {
	outer := ctx
	// client-go would log, past the importer's logger, what is in the error.
	ctx, cancel := context.WithTimeout(logr.NewContext(outer, logr.Discard()), d.config.RequestTimeout)
	defer cancel()
	// A run has its own pauses, and says what it waits for.
	result, err := d.do(ctx, request.MaxRetries(0))
	if err == nil {
		return result.Raw()
	}
	if errors.Is(outer.Err(), context.Canceled) {
		// The caller's will, and nobody's failure.
		return nil, &bootstrap.DatastoreError{Place: d.config.place(), Doing: action.doing, Err: outer.Err()}
	}
	if outer.Err() != nil && errors.Is(err, context.Cause(outer)) && !errors.Is(err, outer.Err()) {
		err = outer.Err() // net/http names the cause alone
	}
	explained := d.explain(action, err)
	_, plain := result.Raw()
	heedHeader(explained, plain)
	if errors.Is(explained, bootstrap.ErrUnreachable) {
		// The next request dials anew, also to what DNS says by then.
		_ = d.Close()
	}
	return nil, explained
}

// do waits for an exec plugin no longer than for anything else: client-go would
// until the plugin ends, whatever becomes of ctx. A plugin that never ends
// outlives the request.
func (d *Datastore) do(ctx context.Context, request *rest.Request) (rest.Result, error) {
	if d.config.REST.ExecProvider == nil {
		result := request.Do(ctx)
		return result, result.Error()
	}
	done := make(chan rest.Result, 1)
	go func() { done <- request.Do(ctx) }()
	select {
	case result := <-done:
		return result, result.Error()
	case <-ctx.Done():
		return rest.Result{}, fmt.Errorf("neither the exec plugin of the kubeconfig's user nor the API server answered: %w", ctx.Err())
	}
}

// heedHeader fills in how long the header Retry-After asks to wait, which is
// lost where the body of the answer is a Status that says nothing of it.
func heedHeader(explained, plain error) {
	var (
		failure *bootstrap.DatastoreError
		status  apierrors.APIStatus
	)
	if !errors.As(explained, &failure) || !errors.As(plain, &status) || failure.Kind != bootstrap.ErrUnreachable {
		return
	}
	if details := status.Status().Details; details != nil {
		failure.RetryAfter = max(failure.RetryAfter, time.Duration(details.RetryAfterSeconds)*time.Second)
	}
}
