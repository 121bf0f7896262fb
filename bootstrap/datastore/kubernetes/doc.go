// Package kubernetes implements datastore.Datastore on the Kubernetes API, and
// facts.Cluster with the cluster's pod CIDRs, Service CIDRs and nodes.
//
// [Open] takes a [Config]. [FromSettings] returns one, or the caller creates it from a
// rest.Config.
//
// A datastore reads all pools with one list, without discovery, and writes one pool per
// request, until one fails. The API has no transactions over several objects, but it
// rejects an update of an object that was modified since it was read, and a second
// object of the same name. So bootstraps that race with the same pool names result in
// one default pool per family. Bootstraps with different names for the default pools
// can create several: use the same names in the whole cluster. If a run is interrupted
// between two creates, the next run creates the rest.
//
// Responses are limited: a list of pools to 64 MiB, 20,000 pools and about 96 MiB of
// memory; docs/KUBERNETES.md has all limits. A response that exceeds one is an error that
// is not retryable.
package kubernetes
