// Package netcause is a stand-in.
package netcause

import (
	"context"
	"crypto/x509"
	"errors"
	"syscall"
)

type Cause int

const (
	Unknown Cause = iota
	UnknownAuthority
	WrongHost
	Expired
	BadCertificate
	NotTLS
	ClientCertificate
	NothingInCommon
	BrokenOff
	Closed
	Refused
	DNS
	TimedOut
	Unreachable
)

func (c Cause) TLS() bool { return c >= UnknownAuthority && c <= NothingInCommon }
func Of(err error) Cause {
	var u x509.UnknownAuthorityError
	switch {
	case errors.As(err, &u):
		return UnknownAuthority
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused
	case errors.Is(err, context.DeadlineExceeded):
		return TimedOut
	}
	return Unknown
}
func Stable(err error) string { return err.Error() }
