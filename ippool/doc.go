// Package ippool has the rules for Calico's IPPool: its defaults, what makes one
// valid, and its record in etcd.
//
// The package is pure. It does no I/O, keeps no state and reads no clock; the
// only randomness is what a caller passes in. Everything in it is safe for
// concurrent use as long as no two goroutines change the same value.
//
// Pools are Calico's own type, [v3.IPPool] of github.com/projectcalico/api, so
// there is nothing to convert for who has such pools. The package names only the
// fields that every version of that module has, and so builds with newer ones.
//
// Facts about Calico are taken from its sources of 2026 and from the
// CustomResourceDefinitions that it publishes.
package ippool
