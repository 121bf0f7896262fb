package bootstrap

import (
	"fmt"
	"slices"
	"strings"
)

// FindingCode names a kind of finding. Codes are a promise: docs/FINDINGS.md
// says what each means.
type FindingCode string

// The codes of the findings.
const (
	HostInterfaceOverlap      FindingCode = "HostInterfaceOverlap"
	HostRouteOverlap          FindingCode = "HostRouteOverlap"
	NodeAddressOverlap        FindingCode = "NodeAddressOverlap"
	ServiceCIDROverlap        FindingCode = "ServiceCIDROverlap"
	OutsidePodCIDR            FindingCode = "OutsidePodCIDR"
	OutsideNodePodCIDR        FindingCode = "OutsideNodePodCIDR"
	ULAWithoutNAT             FindingCode = "ULAWithoutNAT"
	PrivateWithoutNAT         FindingCode = "PrivateWithoutNAT"
	FewerBlocksThanNodes      FindingCode = "FewerBlocksThanNodes"
	NodeSelectorMatchesNoNode FindingCode = "NodeSelectorMatchesNoNode"
	NoUsablePool              FindingCode = "NoUsablePool"
)

// FindingCodes returns every code, in the order of the documentation.
func FindingCodes() []FindingCode {
	return []FindingCode{
		HostInterfaceOverlap, HostRouteOverlap, NodeAddressOverlap, ServiceCIDROverlap, OutsidePodCIDR, OutsideNodePodCIDR,
		ULAWithoutNAT, PrivateWithoutNAT, FewerBlocksThanNodes, NodeSelectorMatchesNoNode, NoUsablePool,
	}
}

// Finding is something about a pool that the preflight thinks somebody should
// know of before the pool is used.
type Finding struct {
	Code  FindingCode `json:"code"`            // its kind
	Pool  string      `json:"pool,omitempty"`  // its name; empty: it is about a whole family
	CIDR  *Located    `json:"cidr,omitempty"`  // the pool's, and where that came from
	Other *Located    `json:"other,omitempty"` // what it clashes with, and where that is
	Text  string      `json:"text"`            // the whole of it in a sentence, with what to do
}

// Error returns one line: code and text.
func (f Finding) Error() string { return string(f.Code) + ": " + f.Text }

// FindingsError is what the preflight found where the settings want that to
// fail. errors.Is takes it for ErrFindings.
type FindingsError struct {
	Findings []Finding // at least one
	Source   Source    // the setting that makes it an error
}

// Error returns one line a finding, and one that says what to do.
func (e *FindingsError) Error() string {
	var codes []FindingCode
	text := ""
	for _, finding := range e.Findings {
		text += finding.Error() + "\n"
		if !slices.Contains(codes, finding.Code) {
			codes = append(codes, finding.Code)
		}
	}
	return text + fmt.Sprintf("%s makes errors of these: mend them, or allow what is meant so with %s=%s, or be warned only with %s=%s",
		e.Source, SourceFlag("allow"), strings.ReplaceAll(joined(codes), " ", ""), SourceFlag("preflight"), PreflightWarn)
}

// Is makes a FindingsError an ErrFindings.
func (e *FindingsError) Is(target error) bool { return target == ErrFindings }

// readAllow reads codes, in any case.
func readAllow(setting Setting, faults *Faults) []FindingCode {
	var allowed []FindingCode
	for _, text := range strings.Split(setting.Value, ",") {
		text = strings.TrimSpace(text)
		codes := FindingCodes()
		i := slices.IndexFunc(codes, func(code FindingCode) bool { return strings.EqualFold(string(code), text) })
		switch {
		case text == "":
		case i < 0:
			faults.Add(Given(text, setting.Source), "no code of a finding; want some of %s", joined(codes))
		default:
			allowed = append(allowed, codes[i])
		}
	}
	return allowed
}

func joined[T ~string](words []T) string {
	texts := make([]string, len(words))
	for i, word := range words {
		texts[i] = string(word)
	}
	return strings.Join(texts, ", ")
}
