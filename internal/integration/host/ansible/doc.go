// Package ansible plays the role of examples/ansible with ansible-playbook, on a
// real etcd and the real firewalld. Its tests are built with the tag host.
package ansible
