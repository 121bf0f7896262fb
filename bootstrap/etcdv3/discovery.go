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

func (e *discoveryError) Error() string { return e.err.Error() }
func (e *discoveryError) Unwrap() error { return e.err }

// discover returns the members that the domain's SRV records name, in the
// order that DNS gives them. As etcd's own tools do it asks for
// _etcd-client-ssl._tcp (https) and _etcd-client._tcp (http); where both are
// there it takes the secure ones, since the client speaks to all members alike.
func discover(ctx context.Context, domain string) ([]string, error) {
	var failed []error
	for _, service := range []struct{ name, scheme string }{
		{"etcd-client-ssl", "https"},
		{"etcd-client", "http"},
	} {
		_, records, err := net.DefaultResolver.LookupSRV(ctx, service.name, "tcp", domain)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		var endpoints []string
		for _, record := range records {
			host := strings.TrimSuffix(record.Target, ".")
			endpoints = append(endpoints, service.scheme+"://"+net.JoinHostPort(host, strconv.Itoa(int(record.Port))))
		}
		if len(endpoints) > 0 {
			return endpoints, nil
		}
	}
	return nil, &discoveryError{domain: domain, err: errors.Join(failed...)}
}
