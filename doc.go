// Package calicobootstrap creates Calico's default IPPools, as calico-node does at
// start-up, with a library and a program.
//
// A new cluster needs a default IPv4 and IPv6 pool, and a decision whether traffic
// that leaves the pools is masqueraded (natOutgoing). This module creates the pools
// from calico-node's variables, with the same records, byte for byte. It validates
// all settings before it makes any connection, writes nothing if a setting is invalid,
// reports what it does and why, and returns errors.
//
// The packages, in the order of their use:
//
//   - ippool: the rules for Calico's IPPool: defaults, validation, record.
//   - ippool/selector: Calico's selector language.
//   - ippool/manifest: pools from YAML and JSON.
//   - ippool/installation: pools for the Tigera operator.
//   - bootstrap: Plan, Apply, Run, Render.
//   - bootstrap/settings: from flags, environment and files to desired pools;
//     bootstrap/origin: the origin of a value.
//   - bootstrap/datastore: the interface of a datastore; etcdv3 and kubernetes
//     implement it, and open opens either of them.
//   - bootstrap/facts: the networks of the host and the cluster.
//   - bootstrap/plan: the changes that turn existing pools into desired ones.
//   - bootstrap/preflight: checks of the planned pools against the facts.
//   - bootstrap/firewall: the ports and protocols that a host must allow.
//
// All of ippool, and bootstrap/plan, preflight and firewall are pure: they do no I/O and
// read no clock.
//
// A fork of calico-node needs only:
//
//	s, err := settings.FromEnv()
//	…
//	report, err := bootstrap.New(etcdv3.New(client)).Run(ctx, s)
//
// This package is empty. The program, calico-bootstrap, is in
// examples/calico-bootstrap, in a separate module.
package calicobootstrap
