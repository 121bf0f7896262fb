package firewall

// FirewallCmd returns the firewalld commands for the openings, in the permanent and in
// the runtime configuration. They do not reload firewalld, which would drop other
// runtime changes. An empty zone is the default zone.
func FirewallCmd(openings []Opening, zone string) []string {
	var permanent, runtime []string
	for _, opening := range openings {
		permanent = append(permanent, FirewallCmdPermanent(opening, zone))
		runtime = append(runtime, FirewallCmdRuntime(opening, zone))
	}
	return append(permanent, runtime...)
}

// FirewallCmdPermanent returns the command that adds the opening to the permanent
// configuration of the zone. It takes effect with the next reload.
func FirewallCmdPermanent(opening Opening, zone string) string {
	return "firewall-cmd --permanent" + arguments(opening, zone)
}

// FirewallCmdRuntime returns the command that adds the opening to the runtime
// configuration of the zone. It is effective until the next reload.
func FirewallCmdRuntime(opening Opening, zone string) string {
	return "firewall-cmd" + arguments(opening, zone)
}

func arguments(opening Opening, zone string) string {
	if zone != "" {
		zone = " --zone=" + zone
	}
	if opening.Port != "" {
		return zone + " --add-port=" + opening.Port
	}
	return zone + " --add-protocol=" + opening.Protocol
}
