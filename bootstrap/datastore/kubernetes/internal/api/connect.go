// Package api asks an API server for one thing at a time, bounded in time and size, and
// says in our words what went wrong.
package api

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
	"k8s.io/apimachinery/pkg/types"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
)

// NoLimit is a rest.Config's QPS for no limit: the API server has its own, and a
// run asks for less than ten things.
const NoLimit = -1

const (
	defaultRequestTimeout = 20 * time.Second

	// defaultMaxBytes is far more than a page of anything that is requested.
	defaultMaxBytes = 64 << 20
)

// Client asks an API server. It is safe for concurrent use.
type Client struct {
	config         *rest.Config
	requestTimeout time.Duration
	transport      *http.Client
	rest           *rest.RESTClient

	forbidden sync.Map // Action to time.Time: what is forbidden, and since when
}

// New returns a client of the API server, which it contacts when it is first asked
// for something. The config is copied. The user agent is for a config that has
// none; a timeout of zero is 20 seconds.
func New(config *rest.Config, userAgent string, requestTimeout time.Duration) (*Client, error) {
	config = rest.CopyConfig(config)
	config.ContentConfig = rest.ContentConfig{
		ContentType: runtime.ContentTypeJSON,
		// It reads nothing but the Status that the API server answers with
		// when it fails.
		NegotiatedSerializer: statusCodecs(),
	}
	config.UserAgent = cmp.Or(config.UserAgent, userAgent)
	if config.WarningHandler == nil {
		config.WarningHandler = rest.NoWarnings{}
	}
	if config.QPS == 0 && config.RateLimiter == nil {
		config.QPS = NoLimit
	}
	transport, err := clientFor(config)
	if err != nil {
		return nil, err
	}
	client, err := rest.UnversionedRESTClientForConfigAndClient(config, transport)
	if err != nil {
		return nil, err
	}
	return &Client{
		config: config, requestTimeout: cmp.Or(requestTimeout, defaultRequestTimeout), transport: transport, rest: client,
	}, nil
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
	client.Transport = bounded{cmp.Or(client.Transport, http.DefaultTransport)}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client, nil
}

// bounded reads no more of an answer than the request's context allows: client-go
// reads all there is, of an error too. And it refuses to have a connection become
// another protocol's: client-go would take what comes then for the answer, and wait
// for its end, which no timeout brings.
type bounded struct{ http.RoundTripper }

func (t bounded) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.RoundTripper.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusSwitchingProtocols {
		_ = response.Body.Close()
		return nil, errUpgrade
	}
	if limit, ok := request.Context().Value(maxBytes{}).(int64); ok {
		response.Body = http.MaxBytesReader(nil, response.Body, limit)
	}
	return response, nil
}

func (t bounded) WrappedRoundTripper() http.RoundTripper { return t.RoundTripper }

// maxBytes is the key of a limit in a request's context.
type maxBytes struct{}

var errUpgrade = errors.New("unexpected 101 Switching Protocols")

// Close ends the connections to the API server that are not in use.
func (c *Client) Close() error {
	for transport := c.transport.Transport; ; {
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

// Get begins a request for what is at the path.
func (c *Client) Get(path ...string) *rest.Request { return c.rest.Get().AbsPath(path...) }

// Post begins a request to create what belongs below the path.
func (c *Client) Post(path ...string) *rest.Request { return c.rest.Post().AbsPath(path...) }

// Patch begins a request to merge something into what is at the path.
func (c *Client) Patch(path ...string) *rest.Request {
	return c.rest.Patch(types.MergePatchType).AbsPath(path...)
}

// Call makes a request and returns the body of the answer. Its error is in our
// words. What an API server forbids while it starts, it may allow when it knows
// its roles: so it is asked whether it is ready, and then once more.
func (c *Client) Call(ctx context.Context, action Action, request *rest.Request) ([]byte, error) {
	body, err := c.once(ctx, action, request)
	if !errors.Is(err, datastore.ErrForbidden) {
		c.forbidden.Delete(action)
		return body, err
	}
	if !c.ready(ctx, action) {
		return nil, &datastore.Error{
			Kind: datastore.ErrUnreachable, Place: c.Place(), Operation: action.Operation,
			Err: errNotReady, Hint: "if this persists, " + action.RoleHint(),
		}
	}
	return c.once(ctx, action, request)
}

var errNotReady = errors.New("forbidden, but the API server is not ready: RBAC may not be synced yet")

// rolesTime is how long an API server may take to know its roles: it reads them
// as soon as it serves.
const rolesTime = 5 * time.Second

// ready reports whether the API server knows its roles. It tells everybody
// whether it is ready, by a role. Where that one was taken away, only time tells:
// how long it has forbidden the action, whatever else it allowed meanwhile.
func (c *Client) ready(ctx context.Context, forbidden Action) bool {
	now := time.Now()
	since, _ := c.forbidden.LoadOrStore(forbidden, now)
	asking := Action{Operation: "checking whether the API server is ready", Verb: "get", Resource: "readyz"}
	_, err := c.once(ctx, asking, c.Get("readyz"))
	switch {
	case errors.Is(err, datastore.ErrUnreachable):
		return false
	case errors.Is(err, datastore.ErrForbidden):
		return now.Sub(since.(time.Time)) >= rolesTime
	default:
		return true
	}
}

// once makes one request, bounded in time and size.
func (c *Client) once(ctx context.Context, action Action, request *rest.Request) ([]byte, error) {
	outer := ctx
	ctx = context.WithValue(ctx, maxBytes{}, cmp.Or(action.MaxBytes, defaultMaxBytes))
	// client-go would log, past the importer's logger, what is in the error.
	ctx, cancel := context.WithTimeout(logr.NewContext(ctx, logr.Discard()), c.requestTimeout)
	defer cancel()
	// A run has its own pauses, and says what it waits for.
	result, err := c.do(ctx, request.MaxRetries(0))
	if err == nil {
		return result.Raw()
	}
	if errors.Is(outer.Err(), context.Canceled) {
		// The caller's will, and nobody's failure.
		return nil, &datastore.Error{Place: c.Place(), Operation: action.Operation, Err: outer.Err()}
	}
	if outer.Err() != nil && errors.Is(err, context.Cause(outer)) && !errors.Is(err, outer.Err()) {
		err = outer.Err() // net/http names the cause alone
	}
	explained := c.Explain(action, err)
	_, plain := result.Raw()
	readHeader(explained, plain)
	if errors.Is(explained, datastore.ErrUnreachable) {
		// The next request dials anew, also to what DNS says by then.
		_ = c.Close()
	}
	return nil, explained
}

// do waits for an exec plugin no longer than for anything else: client-go would
// until the plugin ends, whatever becomes of ctx. A plugin that never ends
// outlives the request.
func (c *Client) do(ctx context.Context, request *rest.Request) (rest.Result, error) {
	if c.config.ExecProvider == nil {
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
func readHeader(explained, plain error) {
	var (
		failure *datastore.Error
		status  apierrors.APIStatus
	)
	if !errors.As(explained, &failure) || !errors.As(plain, &status) || failure.Kind != datastore.ErrUnreachable {
		return
	}
	if details := status.Status().Details; details != nil {
		failure.RetryAfter = max(failure.RetryAfter, time.Duration(details.RetryAfterSeconds)*time.Second)
	}
}
