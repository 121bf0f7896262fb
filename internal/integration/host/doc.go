// Package host has the tests that need root and external programs: firewalld, nft,
// iptables, ansible-playbook, buildah. They have the build tag host; `make test-host`
// installs their requirements and runs them.
//
// The tests do not change the host: firewalld runs in its own network namespace, with its
// own bus and configuration directory, and packets pass only network namespaces of the test.
package host
