// Package bootstrap creates Calico's default IPPools when a cluster starts.
//
// A [Bootstrap] works on a datastore, etcd v3 or the Kubernetes API.
// [Bootstrap.Plan] computes what is to be done, [Bootstrap.Apply] carries out a plan,
// and [Bootstrap.Run] does both. [Render] returns the desired pools without a
// datastore.
//
//	s, err := settings.FromEnv()
//	// handle err
//	report, err := bootstrap.New(etcdv3.New(client)).Run(ctx, s)
//
// The subpackages hold the parts of a run. Package settings reads flags, environment
// variables and files and resolves them into the desired pools. Package datastore and
// its subpackages read and write the existing pools. Package facts describes which
// addresses the host and the cluster use. Package plan compares desired and existing
// pools, and package preflight checks the planned pools against the facts.
//
// This package never exits the process, logs only to the logger of [WithLogger], and
// does not read the environment; settings.FromEnv does.
package bootstrap
