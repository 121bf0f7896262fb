package preflight

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
	"github.com/calico-bootstrap/calico-bootstrap/ippool/nat"
)

// FindingCode is the kind of a finding. Codes are stable. docs/FINDINGS.md describes
// them.
type FindingCode string

// The codes of the findings.
const (
	HostInterfaceOverlap      FindingCode = "HostInterfaceOverlap"
	HostRouteOverlap          FindingCode = "HostRouteOverlap"
	NodeAddressOverlap        FindingCode = "NodeAddressOverlap"
	ServiceCIDROverlap        FindingCode = "ServiceCIDROverlap"
	OutsidePodCIDR            FindingCode = "OutsidePodCIDR"
	OutsideNodePodCIDR        FindingCode = "OutsideNodePodCIDR"
	FamilyNotInCluster        FindingCode = "FamilyNotInCluster"
	UnroutableRange           FindingCode = "UnroutableRange"
	ULAWithoutNAT             FindingCode = "ULAWithoutNAT"
	PrivateWithoutNAT         FindingCode = "PrivateWithoutNAT"
	FewerBlocksThanNodes      FindingCode = "FewerBlocksThanNodes"
	NodeSelectorMatchesNoNode FindingCode = "NodeSelectorMatchesNoNode"
	NoRoutesWithoutBIRD       FindingCode = "NoRoutesWithoutBIRD"
	BIRDNotNeeded             FindingCode = "BIRDNotNeeded"
	EncapsulationPolicyOnly   FindingCode = "EncapsulationPolicyOnly"
	PoolTerminating           FindingCode = "PoolTerminating"
	NoUsablePool              FindingCode = "NoUsablePool"
	NodesWithoutPool          FindingCode = "NodesWithoutPool"
	OperatorManagesPools      FindingCode = "OperatorManagesPools"
	NATPoolCoversNodes        FindingCode = "NATPoolCoversNodes"
	EncapsulatedToNodes       FindingCode = "EncapsulatedToNodes"
	NoReturnRoute             FindingCode = "NoReturnRoute"
)

// The findings of package nat.
const (
	InvalidExternalNodes    = FindingCode(nat.InvalidExternalNodes)
	NATAddressWithIPv6      = FindingCode(nat.NATAddressWithIPv6)
	OverlappingPools        = FindingCode(nat.OverlappingPools)
	WildcardInterfaceFilter = FindingCode(nat.WildcardInterfaceFilter)
	GlobalNATAddress        = FindingCode(nat.GlobalNATAddress)
	LoadBalancerExemption   = FindingCode(nat.LoadBalancerExemption)
	ExemptionWithNAT        = FindingCode(nat.ExemptionWithNAT)
	ExemptionExportedByBGP  = FindingCode(nat.ExemptionExportedByBGP)
)

// FindingCodes returns every code, in the order of the documentation.
func FindingCodes() []FindingCode {
	return []FindingCode{
		HostInterfaceOverlap, HostRouteOverlap, NodeAddressOverlap, ServiceCIDROverlap, OutsidePodCIDR, OutsideNodePodCIDR,
		FamilyNotInCluster, UnroutableRange, ULAWithoutNAT, PrivateWithoutNAT, FewerBlocksThanNodes, NodeSelectorMatchesNoNode,
		NoRoutesWithoutBIRD, BIRDNotNeeded, EncapsulationPolicyOnly, PoolTerminating, NoUsablePool, NodesWithoutPool, OperatorManagesPools,
		InvalidExternalNodes, NATAddressWithIPv6, OverlappingPools, WildcardInterfaceFilter, GlobalNATAddress, LoadBalancerExemption, ExemptionWithNAT, ExemptionExportedByBGP,
		NATPoolCoversNodes, EncapsulatedToNodes, NoReturnRoute,
	}
}

// Finding is a problem of a pool that Calico accepts but that breaks or limits
// something.
type Finding struct {
	Code  FindingCode    `json:"code"`            // kind of the finding
	Pool  string         `json:"pool,omitempty"`  // name of the pool; empty for a finding about a family or a FelixConfiguration
	CIDR  *facts.Located `json:"cidr,omitempty"`  // range of the pool and its source
	Other *facts.Located `json:"other,omitempty"` // range that the pool conflicts with and its source
	Text  string         `json:"text"`            // problem and remedy, as a sentence
}

// Error returns one line: code and text.
func (f Finding) Error() string { return text.OneLine(string(f.Code) + ": " + f.Text) }

// ErrFindings is returned with Strict if there are findings that are not allowed.
// Nothing was written. The error is a *FindingsError.
var ErrFindings = errors.New("preflight checks failed")

// FindingsError lists the findings with Strict. It matches ErrFindings with errors.Is.
type FindingsError struct {
	Findings []Finding     // at least one
	Source   origin.Origin // the setting that makes it an error

	// Names returns how the error names a setting; nil: its identity.
	Names origin.Names `json:"-"`
}

// Error returns one line per finding, up to a limit, and one with the remedy: see Unwrap.
func (e *FindingsError) Error() string { return text.Lines(e.Unwrap()) }

// Unwrap returns the findings, followed by an error with the remedy. Of more than 500
// findings, or of more than 256 KiB of text, it returns the first ones, and an error that
// counts the others.
func (e *FindingsError) Unwrap() []error {
	var codes []FindingCode
	for _, finding := range e.Findings {
		if !slices.Contains(codes, finding.Code) {
			codes = append(codes, finding.Code)
		}
	}
	return append(text.Errors(e.Findings), &remedyError{source: e.Source, names: e.Names, codes: codes})
}

// remedyError is the remedy for findings that are errors.
type remedyError struct {
	source origin.Origin
	names  origin.Names
	codes  []FindingCode
}

func (e *remedyError) Error() string {
	return fmt.Sprintf("%s makes preflight findings errors: fix these, or allow those that are intended with %s, or set %s", e.source,
		e.names.With(origin.SettingAllow, strings.ReplaceAll(text.Join(e.codes), " ", "")), e.names.With(origin.SettingPreflight, string(Warn)))
}

// Is reports whether target is ErrFindings.
func (e *FindingsError) Is(target error) bool { return target == ErrFindings }
