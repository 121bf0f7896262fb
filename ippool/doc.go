// Package ippool says what a Calico IPPool is: its type, its defaults, the
// rules that make one valid, and its record in etcd.
//
// The package is pure. It does no I/O, keeps no state and reads no clock; the
// only randomness is what a caller passes in. Everything in it is safe for
// concurrent use as long as no two goroutines change the same value.
//
// [IPPool] has the field names, the JSON and the meaning of Calico's own type
// (github.com/projectcalico/api, projectcalico.org/v3) without its
// dependencies. [ConvertTo] and [ConvertFrom] carry pools into and out of that
// type, or any other with the same JSON.
//
// Facts about Calico are taken from its sources of 2026 and from the
// CustomResourceDefinitions that it publishes.
package ippool
