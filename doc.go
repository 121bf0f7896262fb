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
//   - ippool: what a pool is: type, defaults, rules, record. Pure.
//   - ippool/selector: Calico's selector language. Pure.
//   - ippool/manifest: pools from YAML and JSON. Pure.
//   - ippool/installation: pools for the Tigera operator. Pure.
//   - bootstrap: settings, plan, run, report.
//   - bootstrap/etcdv3: the datastore on etcd v3.
//   - bootstrap/kubernetes: the datastore on the Kubernetes API, and what the
//     cluster knows of its pod CIDRs.
//   - bootstrap/firewall: what a host has to let in. Pure.
//
// A fork of calico-node needs this much:
//
//	settings, err := bootstrap.FromEnv()
//	…
//	report, err := bootstrap.Run(ctx, etcdv3.New(client), settings)
//
// This package itself holds nothing. The program is in
// examples/calico-bootstrap, a module of its own.
package calicobootstrap
