// Package firewalld asks a running firewalld, over D-Bus, what it lets in. It
// changes nothing.
//
// The interface is that of firewalld.dbus(5). Since 0.9.0 settings come as
// dictionaries; before, as in RHEL 7 and CentOS 7, as tuples.
package firewalld
