package etcdv3

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
)

// discoveryError is the error of a failed DNS discovery.
type discoveryError struct {
	domain string
	err    error
}

func (e *discoveryError) Error() string { return stable(e.err) }
func (e *discoveryError) Unwrap() error { return e.err }

// discover returns the members in the domain's SRV records, in the order of the DNS
// response. Like etcd's own tools, it looks up _etcd-client-ssl._tcp (https) and, only
// if that does not exist, _etcd-client._tcp (http). It returns an error if the name
// server fails, and never uses http members if TLS is configured: a DNS failure must
// not cause a password to be sent unencrypted.
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
