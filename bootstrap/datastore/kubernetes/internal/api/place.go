package api

import (
	"net/netip"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
)

// Place returns the API server for messages, without secrets.
func (c *Client) Place() string { return Place(c.config) }

// Place returns the API server of a config for messages. The config may be nil.
func Place(config *rest.Config) string {
	if config == nil {
		return "Kubernetes"
	}
	return "Kubernetes " + withoutUser(config.Host)
}

// Addr returns the address of the API server. It is not valid if the config has a name.
func (c *Client) Addr() netip.Addr {
	address, _, _ := rest.DefaultServerURL(c.config.Host, "", schema.GroupVersion{}, true)
	if address == nil {
		return netip.Addr{}
	}
	addr, _ := netip.ParseAddr(address.Hostname())
	return addr.Unmap().WithZone("")
}

// withoutUser returns an address without user information and query, which may contain
// secrets. It does not use url.Parse, because a password may not be escaped correctly.
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
