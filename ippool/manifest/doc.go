// Package manifest decodes IPPools from manifests: the input and the output of
// kubectl and calicoctl, and the plain lists in Ansible variables.
//
// It is strict, and it reports all faults at once, each with its line. It does no
// I/O.
package manifest
