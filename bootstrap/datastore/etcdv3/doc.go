// Package etcdv3 is a datastore.Datastore on etcd v3.
//
// It reads all pools with one range read and writes with one transaction, which
// creates every pool or none: etcd carries it out only if no key under the
// pools' prefix was written after the read. So no race, whatever the names and
// the CIDRs of the others, can leave two default pools of a family, or half of
// what was asked for.
//
// [Open] connects by itself, from a [Config]; [New] takes a client that the
// importer has. Only Open can tell in detail why a connection fails.
package etcdv3
