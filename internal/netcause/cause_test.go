package netcause_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/netcause"
)

// assertCause checks the cause of an error, also when it is wrapped as client-go and
// importers wrap it.
func assertCause(t *testing.T, want netcause.Cause, err error) {
	t.Helper()
	require.Error(t, err)
	for _, wrapped := range []error{
		err,
		fmt.Errorf("failed to list: %w", err),
		&url.Error{Op: "Get", URL: "https://10.96.0.1/api", Err: err},
		fmt.Errorf("unexpected error when reading response body. Please retry. Original error: %w", err),
		errors.Join(errors.New("other"), err),
	} {
		assert.Equal(t, want, netcause.Of(wrapped), "%T: %v", wrapped, wrapped)
	}
}

// alert returns the error of crypto/tls for an alert of the peer.
func alert(number tls.AlertError) error { return &net.OpError{Op: "remote error", Err: number} }

// TestOf checks errors that the other tests don't cause.
func TestOf(t *testing.T) {
	t.Parallel()
	tcp := func(operation string, err error) error { return &net.OpError{Op: operation, Net: "tcp", Err: err} }
	for _, test := range []struct {
		name string
		err  error
		want netcause.Cause
	}{
		{"alert from behind a proxy", tcp("proxyconnect", alert(116)), netcause.ClientCertificate},
		{"our own alert", tcp("local error", tls.AlertError(20)), netcause.Unreachable},
		{"no route", tcp("dial", os.NewSyscallError("connect", syscall.EHOSTUNREACH)), netcause.Unreachable},
		{"timeout of the kernel", tcp("dial", os.NewSyscallError("connect", syscall.ETIMEDOUT)), netcause.TimedOut},
		{"refused by a proxy", tcp("proxyconnect", tcp("dial", syscall.ECONNREFUSED)), netcause.Refused},
		{"lookup without a response", tcp("dial", &net.DNSError{Err: "i/o timeout", IsTimeout: true}), netcause.DNS},
		{"cancelled lookup", tcp("dial", &net.DNSError{UnwrapErr: context.Canceled}), netcause.Unknown},
		{"idle", errors.New("http: server closed idle connection"), netcause.Closed},
		{"closed before the first request", errors.New("http2: client conn could not be established"), netcause.Closed},
		{"no response to a ping", errors.New("http2: client connection lost"), netcause.Closed},
		{"GOAWAY", errors.New(`http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=NO_ERROR, debug=""`), netcause.Closed},
		{"GOAWAY during a request", errors.New("http2: Transport received Server's graceful shutdown GOAWAY"), netcause.Closed},
		{"GOAWAY after the body", errors.New("http2: Transport: cannot retry err [x] after Request.Body was written"), netcause.Closed},
		{"broken HTTP/2", errors.New("connection error: PROTOCOL_ERROR"), netcause.Closed},
		{"text inside another", errors.New(`it returned "stream error: "`), netcause.Unknown},
		{"a file", &os.PathError{Op: "open", Path: "token", Err: syscall.ENOENT}, netcause.Unknown},
		{"a URL", &url.Error{Op: "parse", URL: "::", Err: errors.New("missing protocol scheme")}, netcause.Unknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			assertCause(t, test.want, test.err)
		})
	}
	assert.Equal(t, netcause.Unknown, netcause.Of(nil))
}

func TestAlerts(t *testing.T) {
	t.Parallel()
	for number := range 256 {
		want := netcause.BrokenOff
		switch number {
		case 42, 43, 44, 45, 46, 48, 49, 116:
			want = netcause.ClientCertificate
		case 40, 70, 71, 86, 120:
			want = netcause.NothingInCommon
		}
		assert.Equal(t, want, netcause.Of(alert(tls.AlertError(number))), number)
	}
}

// TestStable checks that the text of an error is the same with any local port.
func TestStable(t *testing.T) {
	t.Parallel()
	timeout := errors.New("read tcp [::1]:46149->[::1]:6443: i/o timeout (Client.Timeout exceeded while awaiting headers)")
	for _, test := range []struct {
		err  error
		want string
	}{
		{&url.Error{Op: "Get", URL: "https://u:secret@a/", Err: io.EOF}, "EOF"},
		{fmt.Errorf("list: %w", &url.Error{Op: "Get", URL: "https://a/", Err: timeout}), "read: i/o timeout (Client.Timeout exceeded while awaiting headers)"},
		{errors.New("http2: Transport: cannot retry err [write tcp 127.0.0.1:4->127.0.0.1:6443: write: broken pipe] after"), "http2: Transport: cannot retry err [write: write: broken pipe] after"},
		{errors.New("stream error: stream ID 17; REFUSED_STREAM; received from peer"), "stream error: REFUSED_STREAM; received from peer"},
		{errors.New(`http2: server sent GOAWAY and closed the connection; LastStreamID=3, ErrCode=NO_ERROR, debug=""`), `http2: server sent GOAWAY and closed the connection; ErrCode=NO_ERROR, debug=""`},
		{&net.OpError{Op: "proxyconnect", Err: errors.New("dial tcp 127.0.0.1:3128: connect: connection refused")}, "proxyconnect: dial tcp 127.0.0.1:3128: connect: connection refused"},
		{errors.Join(&url.Error{Op: "Get", URL: "https://a/", Err: io.EOF}, alert(116)), "EOF; remote error: tls: certificate required"},
	} {
		assert.Equal(t, test.want, netcause.Stable(test.err))
	}
}

func TestCauseTexts(t *testing.T) {
	t.Parallel()
	texts := map[string]netcause.Cause{}
	for cause := netcause.Unknown; cause <= netcause.Unreachable; cause++ {
		assert.NotEmpty(t, cause.String())
		assert.NotContains(t, texts, cause.String())
		texts[cause.String()] = cause
	}
	assert.Equal(t, "wrong host", netcause.WrongHost.String())
	assert.Equal(t, "Cause(99)", netcause.Cause(99).String())
	assert.Equal(t, "Cause(-1)", netcause.Cause(-1).String())
}

func TestPermanentTLSErrors(t *testing.T) {
	t.Parallel()
	permanent := []netcause.Cause{
		netcause.UnknownAuthority, netcause.WrongHost, netcause.Expired, netcause.BadCertificate,
		netcause.NotTLS, netcause.ClientCertificate, netcause.NothingInCommon,
	}
	for cause := netcause.Unknown; cause <= netcause.Unreachable; cause++ {
		assert.Equal(t, slices.Contains(permanent, cause), cause.TLS(), cause)
	}
}
