package api

import (
	"strings"

	"k8s.io/client-go/rest"
)

// Place names the API server in messages, without secrets.
func (c *Client) Place() string { return Place(c.config) }

// Place names the API server of a config, which may be nil.
func Place(config *rest.Config) string {
	if config == nil {
		return "Kubernetes"
	}
	return "Kubernetes " + withoutUser(config.Host)
}

// withoutUser is an address without what may be a secret: what stands before its
// host, and a query. A password need not be escaped as a URL wants it, so that
// url.Parse may take it for something else.
func withoutUser(address string) string {
	scheme, rest, found := strings.Cut(address, "://")
	if !found {
		scheme, rest = "", address
	}
	user, query := strings.LastIndexByte(rest, '@'), strings.IndexAny(rest, "?#")
	switch {
	case query >= 0 && query < user: // a part of the password, or an @ of the query
		rest = "***"
	case query >= 0:
		rest = rest[user+1 : query]
	default:
		rest = rest[user+1:]
	}
	if found {
		return scheme + "://" + rest
	}
	return rest
}
