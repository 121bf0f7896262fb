package ippool

import (
	"fmt"
	"slices"
	"strings"
)

// IPIPMode says when traffic between nodes is wrapped in IP-in-IP.
type IPIPMode string

// The modes of IP-in-IP.
const (
	IPIPModeNever       IPIPMode = "Never"
	IPIPModeAlways      IPIPMode = "Always"
	IPIPModeCrossSubnet IPIPMode = "CrossSubnet" // only between nodes of different subnets
)

// VXLANMode says when traffic between nodes is wrapped in VXLAN.
type VXLANMode string

// The modes of VXLAN.
const (
	VXLANModeNever       VXLANMode = "Never"
	VXLANModeAlways      VXLANMode = "Always"
	VXLANModeCrossSubnet VXLANMode = "CrossSubnet" // only between nodes of different subnets
)

// IPPoolAllowedUse is something that the addresses of a pool may be used for.
type IPPoolAllowedUse string

// The uses of a pool.
const (
	IPPoolAllowedUseWorkload     IPPoolAllowedUse = "Workload"     // pods and VMs
	IPPoolAllowedUseTunnel       IPPoolAllowedUse = "Tunnel"       // the nodes' tunnel devices
	IPPoolAllowedUseLoadBalancer IPPoolAllowedUse = "LoadBalancer" // Services; excludes the others
)

// AssignmentMode says whether addresses are taken from a pool unasked.
type AssignmentMode string

// The assignment modes.
const (
	Automatic AssignmentMode = "Automatic"
	Manual    AssignmentMode = "Manual" // only for who names the pool or an address in it
)

// modeWords are the spellings that calico-node's environment knows, in lower
// case. They are the same for both encapsulations.
var modeWords = map[string]string{
	"off":          "Never",
	"never":        "Never",
	"always":       "Always",
	"crosssubnet":  "CrossSubnet",
	"cross-subnet": "CrossSubnet",
}

func parseMode(text string) (string, error) {
	if mode, ok := modeWords[strings.ToLower(text)]; ok {
		return mode, nil
	}
	return "", fmt.Errorf("unknown mode %q: want never (or off), always or cross-subnet (or crosssubnet)", text)
}

// ParseIPIPMode reads a mode as calico-node's environment spells it: off or
// never, always, crosssubnet or cross-subnet, in any case.
func ParseIPIPMode(text string) (IPIPMode, error) {
	mode, err := parseMode(text)
	return IPIPMode(mode), err
}

// ParseVXLANMode reads a mode as calico-node's environment spells it: off or
// never, always, crosssubnet or cross-subnet, in any case.
func ParseVXLANMode(text string) (VXLANMode, error) {
	mode, err := parseMode(text)
	return VXLANMode(mode), err
}

// ParseAllowedUse reads a use, in any case.
func ParseAllowedUse(text string) (IPPoolAllowedUse, error) {
	return parseWord(text, allowedUses)
}

// ParseAssignmentMode reads an assignment mode, in any case.
func ParseAssignmentMode(text string) (AssignmentMode, error) {
	return parseWord(text, assignmentModes)
}

// The words that may stand in a stored pool, as the CRD lists them.
var (
	ipipModes       = []IPIPMode{IPIPModeNever, IPIPModeAlways, IPIPModeCrossSubnet}
	vxlanModes      = []VXLANMode{VXLANModeNever, VXLANModeAlways, VXLANModeCrossSubnet}
	allowedUses     = []IPPoolAllowedUse{IPPoolAllowedUseWorkload, IPPoolAllowedUseTunnel, IPPoolAllowedUseLoadBalancer}
	assignmentModes = []AssignmentMode{Automatic, Manual}
)

func parseWord[T ~string](text string, known []T) (T, error) {
	i := slices.IndexFunc(known, func(word T) bool { return strings.EqualFold(string(word), text) })
	if i < 0 {
		return "", fmt.Errorf("unknown word %q: want one of %s", text, joinWords(known))
	}
	return known[i], nil
}

func joinWords[T ~string](words []T) string {
	texts := make([]string, len(words))
	for i, word := range words {
		texts[i] = string(word)
	}
	return strings.Join(texts, ", ")
}

// String returns the mode as it stands in a record; an empty one reads Never.
func (m IPIPMode) String() string { return string(m.orNever()) }

// String returns the mode as it stands in a record; an empty one reads Never.
func (m VXLANMode) String() string { return string(m.orNever()) }

// String returns the use as it stands in a record.
func (u IPPoolAllowedUse) String() string { return string(u) }

// String returns the assignment mode as it stands in a record.
func (m AssignmentMode) String() string { return string(m) }

// Enabled reports whether anything is wrapped at all.
func (m IPIPMode) Enabled() bool { return m.orNever() != IPIPModeNever }

// Enabled reports whether anything is wrapped at all.
func (m VXLANMode) Enabled() bool { return m.orNever() != VXLANModeNever }

func (m IPIPMode) orNever() IPIPMode {
	if m == "" {
		return IPIPModeNever
	}
	return m
}

func (m VXLANMode) orNever() VXLANMode {
	if m == "" {
		return VXLANModeNever
	}
	return m
}
