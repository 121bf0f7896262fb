// Package bootstrap creates Calico's default IPPools when a cluster starts.
//
// A [Bootstrap] works on a datastore: Plan reads and decides, Apply carries out a
// plan, Run does both. What the pools should be comes from package settings, what
// exists from package datastore, what host and cluster use addresses for from
// package facts; package plan compares them, and package preflight checks what
// comes of it.
//
// The package returns errors, logs only to the logger that it is given, and reads
// the environment nowhere: that is left to settings.FromEnv.
package bootstrap
