package etcdv3

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
)

// discoveryError is a failure to find the members by DNS.
type discoveryError struct {
	domain string
	err    error
}

func (e *discoveryError) Error() string { return stable(e.err) }
func (e *discoveryError) Unwrap() error { return e.err }

// discover returns the members that the domain's SRV records name, in the
// order that DNS gives them. As etcd's own tools do it asks for
// _etcd-client-ssl._tcp (https) and, only if there are none of those, for
// _etcd-client._tcp (http). A name server that fails says nothing about which
// there are, and with TLS configured the plain ones are never taken: a password
// must not go out in the clear because DNS had a bad moment.
func discover(ctx context.Context, domain string, withTLS bool) ([]string, error) {
	services := []struct{ name, scheme string }{{"etcd-client-ssl", "https"}, {"etcd-client", "http"}}
	if withTLS {
		services = services[:1]
	}
	var failed []error
	for _, service := range services {
		_, records, err := net.DefaultResolver.LookupSRV(ctx, service.name, "tcp", domain)
		var dns *net.DNSError
		switch {
		case errors.As(err, &dns) && dns.IsNotFound:
			failed = append(failed, err)
			continue
		case err != nil:
			return nil, &discoveryError{domain: domain, err: err}
		}
		var endpoints []string
		for _, record := range records {
			host := strings.TrimSuffix(record.Target, ".")
			endpoints = append(endpoints, service.scheme+"://"+net.JoinHostPort(host, strconv.Itoa(int(record.Port))))
		}
		return endpoints, nil
	}
	return nil, &discoveryError{domain: domain, err: errors.Join(failed...)}
}
