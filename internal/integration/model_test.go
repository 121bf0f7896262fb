package integration

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
)

// modelRecords returns the records that calico-node writes in a valid environment,
// sorted by name. It is a second implementation of the contract, with other means than
// the code under test: strings and the types of package net.
func modelRecords(env map[string]string) []string {
	uids := newModelRandom()
	records := map[string]string{}
	if isTrue(env["NO_DEFAULT_POOLS"], false) {
		return nil
	}
	families := []string{"4"}
	if isTrue(env["FELIX_IPV6SUPPORT"], true) {
		families = append(families, "6")
	}
	families = slices.DeleteFunc(families, func(n string) bool {
		return strings.ToLower(env["CALICO_IPV"+n+"POOL_CIDR"]) == "none"
	})
	env = withClusterCIDR(env)
	if slices.Contains(families, "6") && env["CALICO_IPV6POOL_CIDR"] == "" {
		// The prefix is drawn before the uids.
		env["CALICO_IPV6POOL_CIDR"] = uids.ula()
	}
	for _, n := range families {
		get := func(name, fallback string) string {
			if value := env["CALICO_IPV"+n+"POOL_"+name]; value != "" {
				return value
			}
			return fallback
		}
		_, network, err := net.ParseCIDR(get("CIDR", "192.168.0.0/16"))
		if err != nil {
			panic(err)
		}
		name := get("NAME", "default-ipv"+n+"-ippool")
		var spec strings.Builder
		fmt.Fprintf(&spec, `"cidr":%q,"vxlanMode":%q,"ipipMode":%q,`, network, mode(get("VXLAN", "")), mode(get("IPIP", "")))
		if isTrue(get("NAT_OUTGOING", ""), n == "4") {
			spec.WriteString(`"natOutgoing":true,`)
		}
		if isTrue(get("DISABLE_BGP_EXPORT", ""), false) {
			spec.WriteString(`"disableBGPExport":true,`)
		}
		blockSize := strings.TrimLeft(get("BLOCK_SIZE", map[string]string{"4": "26", "6": "122"}[n]), "0")
		selector, err := json.Marshal(get("NODE_SELECTOR", "all()"))
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(&spec, `"blockSize":%s,"nodeSelector":%s,"allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"`, blockSize, selector)
		records[name] = fmt.Sprintf(`{"kind":"IPPool","apiVersion":"projectcalico.org/v3",`+
			`"metadata":{"name":%q,"uid":%q,"creationTimestamp":"2026-11-22T17:45:23Z"},"spec":{%s}}`, name, uids.uid(), spec.String())
	}
	var sorted []string
	for _, name := range slices.Sorted(maps.Keys(records)) {
		sorted = append(sorted, records[name])
	}
	return sorted
}

// withClusterCIDR returns a copy of the environment in which a pool without a CIDR has that
// of the cluster.
func withClusterCIDR(env map[string]string) map[string]string {
	all := map[string]string{}
	maps.Copy(all, env)
	for _, cidr := range strings.Fields(strings.ReplaceAll(env["CALICO_IPPOOLS_CLUSTER_CIDR"], ",", " ")) {
		name := "CALICO_IPV4POOL_CIDR"
		if strings.Contains(cidr, ":") {
			name = "CALICO_IPV6POOL_CIDR"
		}
		if all[name] == "" {
			all[name] = cidr
		}
	}
	return all
}

func isTrue(word string, fallback bool) bool {
	switch strings.ToLower(word) {
	case "":
		return fallback
	case "false", "0", "f", "no", "n", "off", "disabled":
		return false
	default:
		return true
	}
}

func mode(word string) string {
	switch strings.ToLower(word) {
	case "always":
		return "Always"
	case "crosssubnet", "cross-subnet":
		return "CrossSubnet"
	default:
		return "Never"
	}
}

// modelRandom turns the bytes 0, 1, 2, … into prefixes and uids.
type modelRandom struct{ next byte }

func newModelRandom() *modelRandom { return &modelRandom{} }

func (r *modelRandom) take(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = r.next
		r.next++
	}
	return p
}

func (r *modelRandom) ula() string {
	b := r.take(5)
	return fmt.Sprintf("fd%02x:%x:%x::/48", b[0], int(b[1])<<8|int(b[2]), int(b[3])<<8|int(b[4]))
}

func (r *modelRandom) uid() string {
	b := r.take(16)
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
