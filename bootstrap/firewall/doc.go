// Package firewall lists what a host's firewall must allow for Calico,
// derived from the pools and from what else runs there. It is pure: it asks no
// firewall and changes none.
//
// What it knows of Calico is in Calico's documentation, "System requirements"
// and "Configure NetworkManager".
package firewall
