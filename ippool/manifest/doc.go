// Package manifest reads IPPools from the files that people keep them in: what
// they would give kubectl or calicoctl, what those print, and the plain list
// that Ansible roles have.
//
// It is strict, and it tells everything that is wrong at once, each fault with
// its line. It reads no file itself and contacts nothing.
package manifest
