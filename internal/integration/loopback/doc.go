// Package loopback reserves ports of 127.0.0.1 for servers in tests.
package loopback
