// Package ansible tests the role of examples/ansible with ansible-playbook on real
// servers and firewalld. Its tests have the build tag host.
package ansible
