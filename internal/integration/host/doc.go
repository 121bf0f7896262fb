// Package host holds the tests that need root and other people's programs:
// firewalld, ansible-playbook, buildah. They are built with the tag host, and
// `make test-host` installs what they need and runs them.
//
// Nothing outside of what they make themselves is touched: firewalld runs in a
// network namespace, with a bus and a configuration folder of its own.
package host
