// Package loopback finds ports of 127.0.0.1 for servers that tests start.
package loopback
