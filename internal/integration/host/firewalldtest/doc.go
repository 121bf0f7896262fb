// Package firewalldtest starts a real firewalld for a test, in its own network namespace
// with its own bus and configuration. It builds on Linux, with the tag host.
package firewalldtest
