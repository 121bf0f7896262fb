// Package bootstrap creates Calico's default IPPools when a cluster starts.
//
// A [Bootstrap] works on a datastore, etcd v3 or the Kubernetes API.
// [Bootstrap.Plan] computes what is to be done, [Bootstrap.Apply] carries out a plan,
// and [Bootstrap.Run] does both. [Render] returns the desired pools without a
// datastore.
//
//	s, err := settings.FromEnv()
//	// handle err
//	config, err := open.FromSettings(s)
//	// handle err, show config.Warnings
//	store, err := config.Open() // or etcdv3.New(client), or kubernetes.Open(config)
//	// handle err
//	defer store.Close()
//	report, err := bootstrap.New(store).Run(ctx, s)
//
// Plan, Apply and Run retry while the datastore is unreachable, and after a conflict with
// a concurrent write: for 60 seconds, unless the settings or the context say otherwise.
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
