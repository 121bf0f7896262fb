// Package etcdv3 implements datastore.Datastore on etcd v3.
//
// It reads all pools with one range read and writes them with one transaction, which
// etcd applies only if no key under the pools' prefix was written after the read. A
// race with other bootstraps, whatever their pool names and CIDRs, therefore can't
// result in two default pools of a family or in half of the desired pools.
//
// [Open] connects with a [Config], which [FromSettings] returns; [New] uses the
// caller's client. Only a datastore of Open reports the exact cause of a failed
// connection.
package etcdv3
