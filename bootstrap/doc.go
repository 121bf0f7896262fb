// Package bootstrap creates the default IPPools of a cluster: it reads settings,
// judges them, compares what they ask for with what is stored, writes what is
// missing, and reports.
//
//	settings, err := bootstrap.FromEnv()       // texts, each with its place
//	report, err := bootstrap.Run(ctx, store, settings)
//
// [Run] is the whole flow on a [Datastore]; package etcdv3 has one.
// [Settings.Resolve] and [NewPlan] are its pure steps. Nothing here ends the
// process, logs to a global logger, or reads the environment unasked.
package bootstrap
