// Package ippool implements the rules for Calico's IPPool: defaults, validation,
// and the record in etcd.
//
// The package is pure. It does no I/O, keeps no state and reads no clock; the
// caller passes in the source of randomness. Everything in it is safe for
// concurrent use as long as no two goroutines change the same value.
//
// Pools are Calico's own type, [v3.IPPool] of github.com/projectcalico/api, so
// callers that have such pools convert nothing. The package uses only the fields
// that every version of that module has, so it builds with newer versions too.
//
// [New] and [Default] set Calico's defaults. [Validate] checks one pool, [ValidateSet] the
// names and ranges of several, [ValidateUpdate] a change, and [ValidateBlocks] existing IPAM
// blocks. [NewRecord] and [DecodeRecord] are for the record in etcd.
//
// The facts about Calico come from the sources of Calico as of 2026 and from the
// CustomResourceDefinitions that it publishes.
package ippool
