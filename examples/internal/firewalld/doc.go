// Package firewalld checks over D-Bus which packets a running firewalld allows. It
// changes nothing.
//
// The interface is that of firewalld.dbus(5). Settings are dictionaries since
// firewalld 0.9.0, and tuples in earlier versions, such as those of RHEL 7 and
// CentOS 7.
package firewalld
