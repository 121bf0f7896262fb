//go:build race

package bootstrap

// allocationsPerPool is larger with the race detector, which empties the pools of memory
// that package fmt uses.
const allocationsPerPool = 13.0
