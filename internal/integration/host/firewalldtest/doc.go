// Package firewalldtest starts a real firewalld for a test: in a network
// namespace, with a bus and a configuration of its own. It is built with the
// tag host, on Linux.
package firewalldtest
