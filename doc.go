// Package calicobootstrap creates Calico's default IPPools: the job that
// calico-node does in its start-up code, as a library and as a program.
//
// When a cluster starts, somebody must create the default IPv4 and IPv6 pool
// and decide whether traffic that leaves them is masqueraded (natOutgoing).
// This module does that with calico-node's own variables and, byte for byte,
// calico-node's own records. It judges every setting before anything is
// contacted, writes nothing while anything is wrong, explains what it does, and
// returns errors.
//
// The packages, from what is known to what is done:
//
//   - ippool: the rules for Calico's IPPool: defaults, validation, record. Pure.
//   - ippool/selector: Calico's selector language. Pure.
//   - ippool/manifest: pools from YAML and JSON. Pure.
//   - ippool/installation: pools for the Tigera operator. Pure.
//   - bootstrap: Plan, Apply, Run, Render.
//   - bootstrap/settings: flags, environment and files, and what they ask for;
//     bootstrap/origin: where a value came from.
//   - bootstrap/datastore: where the pools are kept; etcdv3, kubernetes, and open
//     for either of them.
//   - bootstrap/facts: what host and cluster say.
//   - bootstrap/plan: what is to be done. Pure.
//   - bootstrap/preflight: what speaks against it. Pure.
//   - bootstrap/firewall: what a host must allow. Pure.
//
// A fork of calico-node needs this much:
//
//	s, err := settings.FromEnv()
//	…
//	report, err := bootstrap.New(etcdv3.New(client)).Run(ctx, s)
//
// This package itself holds nothing. The program is in
// examples/calico-bootstrap, a module of its own.
package calicobootstrap
