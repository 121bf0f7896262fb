// Package firewall lists what a host's firewall must allow for Calico.
//
// [Openings] derives the ports and protocols from a [Config]: the pools, and what else
// runs on the host. [FirewallCmd] returns the firewalld commands for them, and
// [NetworkManagerConf] the configuration that makes NetworkManager ignore Calico's
// interfaces. All functions are pure: they do not read or change a firewall.
//
// The ports and protocols are from Calico's documentation, "System requirements" and
// "Configure NetworkManager".
package firewall
