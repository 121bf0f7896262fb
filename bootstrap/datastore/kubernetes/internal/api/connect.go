// Package api makes requests to a Kubernetes API server, limited in time and size, and
// explains their errors.
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
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/crash"
)

// NoLimit is the QPS of a rest.Config without a limit: the API server has its own
// limits, and a run makes fewer than ten requests.
const NoLimit = -1

const (
	defaultRequestTimeout = 20 * time.Second

	// defaultMaxBytes is far more than the largest page that is requested.
	defaultMaxBytes = 64 << 20
)

// Client makes requests to an API server. It is safe for concurrent use.
type Client struct {
	config         *rest.Config
	requestTimeout time.Duration
	names          origin.Names // of settings, in hints
	transport      *http.Client
	rest           *rest.RESTClient

	forbidden sync.Map // Action to time.Time: when the action was first forbidden
}

// New returns a client of the API server, which connects with the first request. The
// config is copied. The user agent applies if the config has none; a timeout of zero
// means 20 seconds. Names returns how hints name a setting.
func New(config *rest.Config, userAgent string, requestTimeout time.Duration, names origin.Names) (*Client, error) {
	config = rest.CopyConfig(config)
	config.ContentConfig = rest.ContentConfig{
		ContentType: runtime.ContentTypeJSON,
		// It only decodes the Status of a failed request.
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
		config: config, requestTimeout: cmp.Or(requestTimeout, defaultRequestTimeout), names: names, transport: transport, rest: client,
	}, nil
}

var statusCodecs = sync.OnceValue(func() runtime.NegotiatedSerializer {
	scheme := runtime.NewScheme()
	scheme.AddUnversionedTypes(schema.GroupVersion{Version: "v1"}, &metav1.Status{})
	return serializer.NewCodecFactory(scheme).WithoutConversion()
})

// clientFor returns a client that does not follow redirects: client-go would send the
// token to the target of a redirect, and a POST would become a GET.
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

// bounded limits the size of a response to the maximum in the request's context,
// because client-go reads responses, including errors, without a limit. It also rejects
// 101 Switching Protocols, after which client-go would read from the connection without
// a timeout.
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

// maxBytes is the context key of the size limit of a request.
type maxBytes struct{}

var errUpgrade = errors.New("unexpected 101 Switching Protocols")

// Close closes idle connections to the API server.
func (c *Client) Close() error {
	for transport := c.transport.Transport; ; {
		switch t := transport.(type) {
		case interface{ CloseIdleConnections() }:
			if transport != http.DefaultTransport { // shared by the whole process
				t.CloseIdleConnections()
			}
			return nil
		case utilnet.RoundTripperWrapper:
			transport = t.WrappedRoundTripper()
		default: // the caller's transport
			return nil
		}
	}
}

// Get returns a request that reads the path.
func (c *Client) Get(path ...string) *rest.Request { return c.rest.Get().AbsPath(path...) }

// Post returns a request that creates an object below the path.
func (c *Client) Post(path ...string) *rest.Request { return c.rest.Post().AbsPath(path...) }

// Patch returns a request that applies a merge patch to the path.
func (c *Client) Patch(path ...string) *rest.Request {
	return c.rest.Patch(types.MergePatchType).AbsPath(path...)
}

// Call makes a request and returns the body of the response. Its errors are explained.
// An API server that is starting may forbid a request until its RBAC roles are synced;
// so if the request is forbidden, Call checks whether the API server is ready and
// repeats the request.
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

// rolesTime is how long an API server may take to sync its roles: it starts as soon as
// it serves.
const rolesTime = 5 * time.Second

// ready reports whether the API server has synced its roles. A default role allows
// everyone to read readyz. If readyz is forbidden too, ready is true once the action has
// been forbidden for rolesTime.
func (c *Client) ready(ctx context.Context, forbidden Action) bool {
	now := time.Now()
	since, _ := c.forbidden.LoadOrStore(forbidden, now)
	check := Action{Operation: "checking whether the API server is ready", Verb: "get", Resource: "readyz"}
	_, err := c.once(ctx, check, c.Get("readyz"))
	switch {
	case errors.Is(err, datastore.ErrUnreachable):
		return false
	case errors.Is(err, datastore.ErrForbidden):
		return now.Sub(since.(time.Time)) >= rolesTime
	default:
		return true
	}
}

// once makes one request, limited in time and size.
func (c *Client) once(ctx context.Context, action Action, request *rest.Request) ([]byte, error) {
	outer := ctx
	ctx = context.WithValue(ctx, maxBytes{}, cmp.Or(action.MaxBytes, defaultMaxBytes))
	// client-go would log what is in the error, bypassing the caller's logger.
	ctx, cancel := context.WithTimeout(logr.NewContext(ctx, logr.Discard()), c.requestTimeout)
	defer cancel()
	// The run does the retries.
	result, err := c.do(ctx, request.MaxRetries(0))
	if err == nil {
		return result.Raw()
	}
	if errors.Is(outer.Err(), context.Canceled) {
		// The caller canceled: this is not a failure of the API server.
		return nil, &datastore.Error{Place: c.Place(), Operation: action.Operation, Err: outer.Err()}
	}
	if outer.Err() != nil && errors.Is(err, context.Cause(outer)) && !errors.Is(err, outer.Err()) {
		err = outer.Err() // net/http returns only the cause
	}
	explained := c.Explain(action, err)
	_, plain := result.Raw()
	readHeader(explained, plain)
	if errors.Is(explained, datastore.ErrUnreachable) {
		// The next request connects again and resolves the name again.
		_ = c.Close()
	}
	return nil, explained
}

// do makes the request. With an exec plugin it returns when ctx ends, while client-go
// waits until the plugin exits. A plugin that never exits outlives the request.
func (c *Client) do(ctx context.Context, request *rest.Request) (rest.Result, error) {
	if c.config.ExecProvider == nil {
		result := request.Do(ctx)
		return result, result.Error()
	}
	done := make(chan rest.Result, 1)
	crashed := make(chan *crash.Panic, 1)
	go func() {
		if p := crash.Of(func() { done <- request.Do(ctx) }); p != nil {
			crashed <- p
		}
	}()
	select {
	case p := <-crashed:
		panic(p)
	case result := <-done:
		return result, result.Error()
	case <-ctx.Done():
		return rest.Result{}, fmt.Errorf("neither the exec plugin of the kubeconfig's user nor the API server responded: %w", ctx.Err())
	}
}

// readHeader sets RetryAfter from the Retry-After header, which client-go drops if the
// body of the response is a Status without it.
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
