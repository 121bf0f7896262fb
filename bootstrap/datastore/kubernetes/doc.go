// Package kubernetes is a datastore.Datastore on the Kubernetes API, where most
// clusters keep their pools, and a facts.Cluster that knows the cluster's pod
// CIDRs, Service CIDRs and nodes.
//
// It reads all pools with one list, without discovery, and writes each with a
// request of its own, one after the other, until one fails. The API has no
// transaction over several objects. What it does promise is that an object is
// changed only as it was read, and that a name exists once: bootstraps that race
// for the same names leave one pool of each family. Bootstraps that race with
// different names for the default pools are told apart by nobody; give all of a
// cluster the same. What one run could not finish, because its node died between
// the two creates, the next one does.
//
// [Open] takes a [Config]: [FromSettings] makes one, or the importer does, around
// the rest.Config that it has.
package kubernetes
