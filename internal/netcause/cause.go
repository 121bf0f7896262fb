// Package netcause classifies the errors of connections. It is independent of the
// datastores, which have their own hints for each cause.
package netcause

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Cause is the reason why a connection failed. The peer is the other end of the
// connection.
type Cause int

const (
	// Unknown: the error is not of the connection, for example a response of the
	// peer, an unreadable file, a cancelled context, or nil.
	Unknown Cause = iota

	// UnknownAuthority: no trusted CA signed the peer's certificate.
	UnknownAuthority
	// WrongHost: the peer's certificate is for other names and addresses.
	WrongHost
	// Expired: the peer's certificate has expired or is not valid yet.
	Expired
	// BadCertificate: the peer's certificate is invalid for another reason.
	BadCertificate
	// NotTLS: the peer doesn't use TLS, but the client does.
	NotTLS
	// ClientCertificate: the peer rejects the client certificate, or requires one
	// and got none.
	ClientCertificate
	// NothingInCommon: client and peer have no TLS version, cipher suite or
	// protocol in common. With TLS 1.2, a peer that requires a client certificate
	// and gets none sends the same alert.
	NothingInCommon
	// BrokenOff: the peer aborted TLS for another reason, such as an internal
	// error while its certificate is replaced.
	BrokenOff

	// NotHTTP: the peer's response is not HTTP.
	NotHTTP
	// Closed: the peer closed the connection, or a stream of it, without a
	// response or during one.
	Closed
	// Refused: no process listens on the address.
	Refused
	// DNS: the lookup of the peer's name failed.
	DNS
	// TimedOut: the peer didn't respond in time.
	TimedOut
	// Unreachable: another network error, such as a reset or no route.
	Unreachable
)

var names = [...]string{
	Unknown:           "unknown",
	UnknownAuthority:  "unknown authority",
	WrongHost:         "wrong host",
	Expired:           "expired",
	BadCertificate:    "bad certificate",
	NotTLS:            "not TLS",
	ClientCertificate: "client certificate",
	NothingInCommon:   "nothing in common",
	BrokenOff:         "broken off",
	NotHTTP:           "not HTTP",
	Closed:            "closed",
	Refused:           "refused",
	DNS:               "DNS",
	TimedOut:          "timed out",
	Unreachable:       "unreachable",
}

// String returns the name of the cause.
func (c Cause) String() string {
	if c < 0 || int(c) >= len(names) {
		return "Cause(" + strconv.Itoa(int(c)) + ")"
	}
	return names[c]
}

// TLS reports whether TLS fails until a certificate or a setting changes. It is false for
// BrokenOff, which is retryable.
func (c Cause) TLS() bool {
	switch c {
	case UnknownAuthority, WrongHost, Expired, BadCertificate, NotTLS, ClientCertificate, NothingInCommon:
		return true
	default:
		return false
	}
}

// Of returns the cause of an error of crypto/tls, net or net/http, wrapped or not.
func Of(err error) Cause {
	var (
		unknown      x509.UnknownAuthorityError
		host         x509.HostnameError
		invalid      x509.CertificateInvalidError
		verification *tls.CertificateVerificationError
		record       tls.RecordHeaderError
		dns          *net.DNSError
		op           *net.OpError
	)
	switch {
	case errors.As(err, &unknown):
		return UnknownAuthority
	case errors.As(err, &host):
		return WrongHost
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return Expired
	case errors.As(err, &verification):
		return BadCertificate
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return NotTLS
	case alertIn(err) != nil:
		return ofAlert(alertIn(err))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return Closed
	case errors.Is(err, context.Canceled):
		// The caller cancelled, although net returns a net error.
		return Unknown
	case errors.As(err, &dns):
		return DNS
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused
	case isTimeout(err):
		return TimedOut
	case errors.As(err, &op):
		return Unreachable
	default:
		return ofText(err)
	}
}

// alertIn returns the TLS alert that the peer sent, or nil. The error of a proxy is
// a net error in a net error.
func alertIn(err error) error {
	var op *net.OpError
	for errors.As(err, &op) {
		if op.Op == "remote error" {
			return op.Err
		}
		err = op.Err
	}
	return nil
}

// ofAlert classifies an alert by the numbers in RFC 8446, section 6. crypto/tls
// returns alerts of an unexported type, with the texts of tls.AlertError.
func ofAlert(alert error) Cause {
	is := func(numbers ...tls.AlertError) bool {
		return slices.ContainsFunc(numbers, func(n tls.AlertError) bool { return n.Error() == alert.Error() })
	}
	switch {
	case is(42, 43, 44, 45, 46, 48, 49, 116): // certificates and access
		return ClientCertificate
	case is(40, 70, 71, 86, 120): // no version, cipher or protocol in common
		return NothingInCommon
	default:
		return BrokenOff
	}
}

// isTimeout reports whether the error is a timeout of a context, a socket or
// net/http: all of them have a method Timeout.
func isTimeout(err error) bool {
	return anyIn(err, func(e error) bool {
		timeout, ok := e.(interface{ Timeout() bool })
		return ok && timeout.Timeout()
	})
}

// ofText classifies the errors of net/http and its HTTP/2 that have no type.
func ofText(err error) Cause {
	begins := func(beginnings ...string) bool {
		return anyIn(err, func(e error) bool {
			text := e.Error()
			return slices.ContainsFunc(beginnings, func(b string) bool { return strings.HasPrefix(text, b) })
		})
	}
	switch {
	case begins("malformed HTTP ", "malformed MIME header"):
		return NotHTTP
	case begins("http: server closed idle connection", "http2: client conn", "http2: server sent GOAWAY",
		"http2: Transport received ", "http2: Transport: cannot retry ", "stream error: ", "connection error: "):
		return Closed
	default:
		return Unknown
	}
}

// anyIn reports whether is returns true for the error or one that it wraps.
func anyIn(err error, is func(error) bool) bool {
	if err == nil {
		return false
	}
	if is(err) {
		return true
	}
	switch wrapper := err.(type) {
	case interface{ Unwrap() error }:
		return anyIn(wrapper.Unwrap(), is)
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(wrapper.Unwrap(), func(one error) bool { return anyIn(one, is) })
	default:
		return false
	}
}
