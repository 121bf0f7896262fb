// Package netcause judges why a connection to a datastore failed. It knows
// nothing of any datastore: each has words of its own for what to do about a
// cause.
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

// Cause is why a connection failed. "The peer" is who was to answer at its
// other end.
type Cause int

const (
	// Unknown is the cause of every error that is not of the connection: what
	// the peer answered, a file that can't be read, a context that was
	// cancelled, nil.
	Unknown Cause = iota

	// UnknownAuthority: nobody whom we trust signed the peer's certificate.
	UnknownAuthority
	// WrongHost: the peer's certificate is for other names and addresses.
	WrongHost
	// Expired: the peer's certificate has expired or is not valid yet.
	Expired
	// BadCertificate: something else is wrong with the peer's certificate.
	BadCertificate
	// NotTLS: the peer answers in clear where TLS was spoken to it.
	NotTLS
	// ClientCertificate: the peer refuses our certificate, or wants one and got
	// none.
	ClientCertificate
	// NothingInCommon: there is no TLS version, cipher or protocol that both
	// sides know. With TLS 1.2 a peer that misses a client certificate says the
	// same.
	NothingInCommon
	// BrokenOff: the peer broke TLS off for a reason of its own, such as an
	// internal error while its certificate is replaced.
	BrokenOff

	// NotHTTP: the peer answers something that is no HTTP.
	NotHTTP
	// Closed: the peer closed the connection, or a stream in it, without an
	// answer or in the middle of one.
	Closed
	// Refused: nothing listens there.
	Refused
	// DNS: the lookup of the peer's name failed.
	DNS
	// TimedOut: no answer came in time.
	TimedOut
	// Unreachable: the network failed otherwise, such as by a reset or for want
	// of a route.
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

// String returns the name of the cause in words.
func (c Cause) String() string {
	if c < 0 || int(c) >= len(names) {
		return "Cause(" + strconv.Itoa(int(c)) + ")"
	}
	return names[c]
}

// TLS reports whether the connection can't be secured until somebody changes
// something. BrokenOff is not of these: it may pass.
func (c Cause) TLS() bool {
	switch c {
	case UnknownAuthority, WrongHost, Expired, BadCertificate, NotTLS, ClientCertificate, NothingInCommon:
		return true
	default:
		return false
	}
}

// Of returns the cause of an error that came from crypto/tls, net or net/http,
// however it is wrapped.
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
		// Whoever cancelled knows why; net makes a net error of it.
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

// alertIn returns what the peer said when it broke TLS off; nil: nothing. A
// proxy's failure has a net error in a net error.
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

// ofAlert judges an alert. Their numbers are those of RFC 8446, section 6. The
// type of the alerts that crypto/tls returns is its own, but their texts are
// those of tls.AlertError.
func ofAlert(alert error) Cause {
	is := func(numbers ...tls.AlertError) bool {
		return slices.ContainsFunc(numbers, func(n tls.AlertError) bool { return n.Error() == alert.Error() })
	}
	switch {
	case is(42, 43, 44, 45, 46, 48, 49, 116): // about certificates, and access
		return ClientCertificate
	case is(40, 70, 71, 86, 120): // no version, cipher or protocol in common
		return NothingInCommon
	default:
		return BrokenOff
	}
}

// isTimeout asks the errors themselves: those of contexts, sockets and net/http
// all tell.
func isTimeout(err error) bool {
	return anyIn(err, func(e error) bool {
		timeout, ok := e.(interface{ Timeout() bool })
		return ok && timeout.Timeout()
	})
}

// ofText judges the errors that net/http and its HTTP/2 give no type to.
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

// anyIn reports whether it is so with the error or one that it wraps.
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
