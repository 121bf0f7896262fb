package firewall

// FirewallCmd returns the commands that open them in firewalld, for good and
// now: a reload in between would drop whatever else is open at run time only.
// An empty zone is the default zone.
func FirewallCmd(openings []Opening, zone string) []string {
	var permanent, runtime []string
	for _, opening := range openings {
		permanent = append(permanent, FirewallCmdPermanent(opening, zone))
		runtime = append(runtime, FirewallCmdRuntime(opening, zone))
	}
	return append(permanent, runtime...)
}

// FirewallCmdPermanent returns the command that opens it in the zone from the
// next reload on.
func FirewallCmdPermanent(opening Opening, zone string) string {
	return "firewall-cmd --permanent" + arguments(opening, zone)
}

// FirewallCmdRuntime returns the command that opens it in the zone until the
// next reload.
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
