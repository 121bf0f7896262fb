package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/datastore"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/netcause"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
)

// Errors of responses that are not from an API server.
var (
	ErrNoList = errors.New("the response is not a list of the Kubernetes API")
	ErrNoPool = errors.New("the response is not an IPPool")
)

// Explain wraps an error in a *datastore.Error with kind, cause and hint. For an object
// that exists already, or was modified or deleted concurrently, it returns
// datastore.ErrConflict.
func (c *Client) Explain(action Action, err error) error {
	e := &datastore.Error{Place: c.Place(), Operation: action.Operation, Err: err}
	var (
		status   apierrors.APIStatus
		request  *url.Error
		tooLarge *http.MaxBytesError
	)
	switch {
	case errors.As(err, &tooLarge):
		e.Err, e.Hint = &LimitError{Exceeded: TooManyBytes, Limit: tooLarge.Limit}, notAPIServerHint
	case IsEndless(err):
		e.Hint = notAPIServerHint
	case errors.As(err, &status):
		return c.explainStatus(e, action, status.Status())
	case errors.Is(err, ErrNoList), errors.Is(err, ErrNoPool):
		e.Hint = endpointHint
	case errors.Is(err, errUpgrade):
		e.Err, e.Hint = errUpgrade, notAPIServerHint
	case errors.As(err, &request) && strings.Contains(request.Err.Error(), "getting credentials: "):
		// client-go reports the failure of a plugin only as text.
		e.Kind, e.Err, e.Hint = datastore.ErrUnauthorized, c.pluginError(request.Err), "check the exec plugin of the kubeconfig's user"
	default:
		c.explainConnection(e, err)
	}
	return e
}

// pluginError returns an error of the exec plugin without what client-go quotes of the
// plugin's output, which contains credentials, and of a command that may be a secret.
func (c *Client) pluginError(err error) error {
	problem := err.Error()
	for _, quotes := range []string{"decoding stdout: ", "plugin returned version "} {
		if before, _, found := strings.Cut(problem, quotes); found {
			problem = before + quotes + text.Hidden
		}
	}
	if plugin := c.config.ExecProvider; plugin != nil && text.Secret(plugin.Command) != "" {
		problem = text.Without(problem, plugin.Command)
	}
	return &requestError{text: problem, err: err}
}

// explainStatus explains an error response of the API server.
func (c *Client) explainStatus(e *datastore.Error, action Action, status metav1.Status) error {
	code := int(status.Code)
	// The message may contain a connection error of the API server itself.
	e.Err = errors.New(netcause.Stable(errors.New(strings.TrimSpace(status.Message))))
	page := isPage(status)
	if page { // its content is arbitrary and may vary
		e.Err, e.Hint = fmt.Errorf("%d %s", code, http.StatusText(code)), notAPIServerHint
	}
	switch {
	case code >= http.StatusMultipleChoices && code < http.StatusBadRequest:
		e.Err, e.Hint = fmt.Errorf("%d %s, a redirect", code, http.StatusText(code)), endpointHint
	case page && code != http.StatusNotFound && !mayPass(code): // not the API server's decision on the credentials or the pool
	case code == http.StatusUnauthorized:
		e.Kind, e.Hint = datastore.ErrUnauthorized, c.credentialsHint(time.Now())
	case code == http.StatusForbidden && c.isAnonymous():
		e.Kind, e.Hint = datastore.ErrUnauthorized, c.credentialsHint(time.Now())
	case code == http.StatusForbidden && action.writes() && !isRBAC(status, action):
		e.Kind = datastore.ErrRefused // by an admission webhook, a policy or a quota
	case code == http.StatusForbidden:
		e.Kind, e.Hint = datastore.ErrForbidden, action.RoleHint()
	case code == http.StatusNotFound && action.Verb == "patch" && isGone(status):
		return datastore.ErrConflict
	case code == http.StatusNotFound, code == http.StatusMethodNotAllowed: // the latter while a CRD is deleted
		e.Kind, e.Hint = datastore.ErrNotInstalled, InstallHint
	case code == http.StatusConflict && status.Reason == metav1.StatusReasonAlreadyExists:
		return datastore.ErrConflict
	case code == http.StatusConflict && action.Verb == "patch" && !isWebhooks(status): // another resourceVersion
		return datastore.ErrConflict
	case code == http.StatusConflict: // from an admission webhook
		e.Kind = datastore.ErrRefused
	case code == http.StatusUnprocessableEntity:
		return refusal(e, status)
	case code == http.StatusBadRequest && strings.HasPrefix(c.config.Host, "http://"):
		e.Hint = "if the API server uses TLS, use an https:// endpoint"
	case (code == http.StatusBadRequest || code == http.StatusRequestEntityTooLarge) && action.writes():
		e.Kind = datastore.ErrRefused
	case status.Reason == metav1.StatusReasonExpired && action.Restarts: // the continue token of a page
		e.Kind = datastore.ErrUnreachable
	case mayPass(code):
		e.Kind = datastore.ErrUnreachable
		if status.Details != nil {
			e.RetryAfter = max(0, time.Duration(status.Details.RetryAfterSeconds)*time.Second)
		}
	}
	return e
}

// isGone reports whether an object is missing, and not the whole resource. For a
// missing resource the API server sends no Status, and the one that client-go creates
// has no name.
func isGone(status metav1.Status) bool {
	return status.Reason == metav1.StatusReasonNotFound && status.Details != nil && status.Details.Name != ""
}

// isWebhooks reports whether an admission webhook refused the request. The webhook
// chooses the code; the API server only adds a prefix to the message.
func isWebhooks(status metav1.Status) bool {
	return strings.HasPrefix(status.Message, "admission webhook ")
}

func mayPass(code int) bool {
	return code == http.StatusTooManyRequests || code == http.StatusRequestTimeout || code >= http.StatusInternalServerError
}

// notAPIServerHint is the hint for an HTML page, which is from a load balancer or proxy.
const notAPIServerHint = "the response is not from the API server: check the load balancers and proxies in between"

// isPage reports whether the response is HTML, and not a Status or the plain text of an
// API server that is starting.
func isPage(status metav1.Status) bool {
	if status.Details == nil {
		return false
	}
	return slices.ContainsFunc(status.Details.Causes, func(cause metav1.StatusCause) bool {
		return cause.Type == metav1.CauseTypeUnexpectedServerResponse && strings.HasPrefix(cause.Message, "<")
	})
}

// maxReasons is the number of reasons that are reported.
const maxReasons = 100

// refusal returns one error per reason of the API server's validation, sorted, because
// the server's order varies.
func refusal(e *datastore.Error, status metav1.Status) error {
	e.Kind = datastore.ErrRefused
	if status.Details == nil || len(status.Details.Causes) == 0 {
		return e
	}
	var reasons []string
	for _, cause := range status.Details.Causes {
		reason := cause.Message
		if cause.Field != "" { // policies report no field
			reason = cause.Field + ": " + reason
		}
		reasons = append(reasons, reason)
	}
	slices.Sort(reasons)
	reasons = slices.Compact(reasons)
	// "<nil>" only means that further rules were not evaluated.
	if named := slices.DeleteFunc(slices.Clone(reasons), func(r string) bool { return strings.HasPrefix(r, "<nil>: ") }); len(named) > 0 {
		reasons = named
	}
	if more := len(reasons) - maxReasons; more > 0 {
		reasons = append(reasons[:maxReasons], fmt.Sprintf("and %d more reasons", more))
	}
	var errs []error
	for _, reason := range reasons {
		one := *e
		one.Err = errors.New(reason)
		errs = append(errs, &one)
	}
	return errors.Join(text.Errors(errs)...)
}

const endpointHint = "check that the endpoint is the API server's"

// InstallHint is the hint for an API server that doesn't serve the resource.
const InstallHint = "install Calico's CRDs; if they are installed, check that the endpoint is the API server's"

// connectionHints are those that name no setting.
var connectionHints = map[netcause.Cause]string{
	netcause.WrongHost:         "use an address or a host name that is in the API server's certificate",
	netcause.Expired:           "renew the API server's certificate, or set this host's clock",
	netcause.BadCertificate:    "check the API server's certificate against the CA",
	netcause.NotTLS:            "the server does not use TLS on this port: is the endpoint http://?",
	netcause.ClientCertificate: "the server refuses the client certificate, or requires one: is it signed by a CA that it trusts?",
	netcause.NothingInCommon:   "the server and this program have no TLS version, cipher or protocol in common",
	netcause.BrokenOff:         "the server closed the TLS connection: check its log",
	netcause.NotHTTP:           endpointHint,
	netcause.Closed:            "the server closed the connection before the response was complete",
	netcause.Refused:           "no process listens on this address: check the endpoint, and that the API server is running",
	netcause.DNS:               "check the endpoint's host name, and this host's DNS",
	netcause.TimedOut:          "no response in time: check the endpoint, the route to it, and the firewalls in between",
	netcause.Unreachable:       "check the endpoint, the route to it, and the firewalls in between",
}

// connectionHint returns the hint for a request without a response.
func (c *Client) connectionHint(cause netcause.Cause) string {
	if cause == netcause.UnknownAuthority {
		return "set the CA that signed the API server's certificate: certificate-authority in the kubeconfig, or " + c.names.Of(origin.SettingCAFile)
	}
	return connectionHints[cause]
}

// explainConnection explains a request without a response.
func (c *Client) explainConnection(e *datastore.Error, err error) {
	cause := netcause.Of(err)
	// client-go's text advises a retry, which the run does anyway.
	if inner := errors.Unwrap(err); inner != nil && strings.Contains(err.Error(), "when reading response body") {
		err = inner
	}
	e.Err, e.Hint = &requestError{text: netcause.Stable(err), err: err}, c.connectionHint(cause)
	switch {
	case cause.TLS():
		e.Kind = datastore.ErrTLS
	case cause == netcause.NotHTTP, cause == netcause.Unknown: // not retryable
	default:
		e.Kind = datastore.ErrUnreachable
	}
}

// requestError is an error whose text is the same for the same cause.
type requestError struct {
	text string
	err  error
}

func (e *requestError) Error() string { return e.text }
func (e *requestError) Unwrap() error { return e.err }
