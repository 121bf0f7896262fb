// Package api makes requests to a Kubernetes API server, limited in time and size, and
// explains their errors.
package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/await"
)

// NoLimit is the QPS of a rest.Config without a limit: the API server has its own
// limits, and a run makes fewer than ten requests.
const NoLimit = -1

const defaultRequestTimeout = 20 * time.Second

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

// statusCodecs decodes a Status in JSON. YAML would take hundreds of times its size in
// memory.
var statusCodecs = sync.OnceValue(func() runtime.NegotiatedSerializer {
	scheme := runtime.NewScheme()
	scheme.AddUnversionedTypes(schema.GroupVersion{Version: "v1"}, &metav1.Status{})
	return onlyJSON{serializer.NewCodecFactory(scheme).WithoutConversion()}
})

type onlyJSON struct{ runtime.NegotiatedSerializer }

func (s onlyJSON) SupportedMediaTypes() []runtime.SerializerInfo {
	return slices.DeleteFunc(slices.Clone(s.NegotiatedSerializer.SupportedMediaTypes()),
		func(info runtime.SerializerInfo) bool { return info.MediaType != runtime.ContentTypeJSON })
}

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

// bounded limits the size of an error response, which client-go reads without a limit,
// and keeps its Retry-After, which client-go drops if the body is a Status without it. It
// also rejects 101 Switching Protocols, after which client-go would read from the
// connection without a timeout.
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
	if response.StatusCode < 200 || response.StatusCode >= 300 {
		response.Body = http.MaxBytesReader(nil, response.Body, maxErrorBytes)
		if wait, ok := request.Context().Value(retryAfter{}).(*time.Duration); ok {
			seconds, _ := strconv.ParseUint(response.Header.Get("Retry-After"), 10, 31) // it may also be a date
			*wait = time.Duration(seconds) * time.Second
		}
	}
	return response, nil
}

func (t bounded) WrappedRoundTripper() http.RoundTripper { return t.RoundTripper }

// retryAfter is the context key of a *time.Duration for the Retry-After of an error
// response.
type retryAfter struct{}

var errUpgrade = errors.New("unexpected 101 Switching Protocols")

// Close closes idle connections to the API server. One whose peer doesn't read is closed
// in the background after a second: TLS waits longer to say that it closes.
func (c *Client) Close() error { return await.Close(c.close) }

func (c *Client) close() error {
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

// Call makes a request for a single object and returns the body of the response, which
// is at most maxObjectBytes long. Its errors are explained.
func (c *Client) Call(ctx context.Context, action Action, request *rest.Request) (body []byte, err error) {
	err = c.read(ctx, action, request, func(_ context.Context, response io.Reader) error {
		body, err = io.ReadAll(http.MaxBytesReader(nil, io.NopCloser(response), maxObjectBytes))
		return err
	})
	return body, err
}

// read makes a request and has the response read. An API server that is starting may
// forbid a request until its RBAC roles are synced; so if the request is forbidden, read
// checks whether the API server is ready and repeats the request.
func (c *Client) read(ctx context.Context, action Action, request *rest.Request, read reading) error {
	err := c.once(ctx, action, request, read)
	if !errors.Is(err, datastore.ErrForbidden) {
		c.forbidden.Delete(action)
		return err
	}
	if !c.ready(ctx, action) {
		return &datastore.Error{
			Kind: datastore.ErrUnreachable, Place: c.Place(), Operation: action.Operation,
			Err: errNotReady, Hint: "if this persists, " + action.RoleHint(),
		}
	}
	return c.once(ctx, action, request, read)
}

// reading reads the body of a response. The context ends with the time of the request.
type reading func(ctx context.Context, body io.Reader) error

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
	err := c.once(ctx, check, c.Get("readyz"), func(context.Context, io.Reader) error { return nil })
	switch {
	case errors.Is(err, datastore.ErrUnreachable):
		return false
	case errors.Is(err, datastore.ErrForbidden):
		return now.Sub(since.(time.Time)) >= rolesTime
	default:
		return true
	}
}

// once makes one request, limited in time, and has the response read.
func (c *Client) once(ctx context.Context, action Action, request *rest.Request, read reading) error {
	outer := ctx
	var wait time.Duration
	ctx = context.WithValue(ctx, retryAfter{}, &wait)
	// client-go would log what is in the error, bypassing the caller's logger.
	ctx, cancel := context.WithTimeout(logr.NewContext(ctx, logr.Discard()), c.requestTimeout)
	defer cancel()
	// The run does the retries.
	body, err := c.open(ctx, request.MaxRetries(0))
	if err == nil {
		err = read(ctx, body)
		_ = body.Close()
	}
	if err == nil {
		return nil
	}
	if errors.Is(outer.Err(), context.Canceled) {
		// The caller canceled: this is not a failure of the API server.
		return &datastore.Error{Place: c.Place(), Operation: action.Operation, Err: outer.Err()}
	}
	if outer.Err() != nil && errors.Is(err, context.Cause(outer)) && !errors.Is(err, outer.Err()) {
		err = outer.Err() // net/http returns only the cause
	}
	explained := c.Explain(action, err)
	var failure *datastore.Error
	if errors.As(explained, &failure) && failure.Kind == datastore.ErrUnreachable {
		failure.RetryAfter = max(failure.RetryAfter, wait)
		// The next request connects again and resolves the name again.
		_ = c.Close()
	}
	return explained
}

// open makes the request and returns the body of the response. With an exec plugin or a
// token file it returns when ctx ends, while client-go waits until the plugin exits or the
// file is read. If that never happens, it outlives the request.
func (c *Client) open(ctx context.Context, request *rest.Request) (io.ReadCloser, error) {
	source := "exec plugin of the kubeconfig's user"
	switch {
	case c.config.ExecProvider != nil:
	case c.config.BearerTokenFile != "":
		source = "file " + c.config.BearerTokenFile + " with the token"
	default:
		return request.Stream(ctx)
	}
	type response struct {
		body io.ReadCloser
		err  error
	}
	got, ok := await.Result(ctx, func() response {
		body, err := request.Stream(ctx)
		if err == nil && ctx.Err() != nil { // Result may have returned
			_ = body.Close()
			body, err = nil, ctx.Err()
		}
		return response{body, err}
	})
	if !ok {
		return nil, fmt.Errorf("neither the %s nor the API server responded: %w", source, ctx.Err())
	}
	return got.body, got.err
}
