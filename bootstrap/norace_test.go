//go:build !race

package bootstrap

// allocationsPerPool is the limit on the allocations of a plan for each existing pool.
const allocationsPerPool = 10.5
