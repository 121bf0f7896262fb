package preflight

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/facts"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/internal/text"
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
	PoolTerminating           FindingCode = "PoolTerminating"
	NoUsablePool              FindingCode = "NoUsablePool"
)

// FindingCodes returns every code, in the order of the documentation.
func FindingCodes() []FindingCode {
	return []FindingCode{
		HostInterfaceOverlap, HostRouteOverlap, NodeAddressOverlap, ServiceCIDROverlap, OutsidePodCIDR, OutsideNodePodCIDR,
		ULAWithoutNAT, PrivateWithoutNAT, FewerBlocksThanNodes, NodeSelectorMatchesNoNode, PoolTerminating, NoUsablePool,
	}
}

// Finding is something about a pool that the preflight thinks somebody should
// know of before the pool is used.
type Finding struct {
	Code  FindingCode    `json:"code"`            // its kind
	Pool  string         `json:"pool,omitempty"`  // its name; empty: it is about a whole family
	CIDR  *facts.Located `json:"cidr,omitempty"`  // the pool's, and where that came from
	Other *facts.Located `json:"other,omitempty"` // what it clashes with, and where that is
	Text  string         `json:"text"`            // the whole of it in a sentence, with what to do
}

// Error returns one line: code and text.
func (f Finding) Error() string { return string(f.Code) + ": " + f.Text }

// ErrFindings comes where preflight checks failed and the settings
// want that to fail. Nothing was written. The error is a *FindingsError.
var ErrFindings = errors.New("preflight checks failed")

// FindingsError is what the preflight found where the settings want that to
// fail. errors.Is takes it for ErrFindings.
type FindingsError struct {
	Findings []Finding     // at least one
	Source   origin.Origin // the setting that makes it an error

	// Names is what the error calls a setting; nil: its identity.
	Names origin.Names `json:"-"`
}

// Error returns one line a finding, and one that says what to do.
func (e *FindingsError) Error() string { return errors.Join(e.Unwrap()...).Error() }

// Unwrap returns the findings, and last an error that says what to do about them.
func (e *FindingsError) Unwrap() []error {
	var (
		errs  []error
		codes []FindingCode
	)
	for _, finding := range e.Findings {
		errs = append(errs, finding)
		if !slices.Contains(codes, finding.Code) {
			codes = append(codes, finding.Code)
		}
	}
	return append(errs, &remedyError{source: e.Source, names: e.Names, codes: codes})
}

// remedyError says what to do about findings that are errors.
type remedyError struct {
	source origin.Origin
	names  origin.Names
	codes  []FindingCode
}

func (e *remedyError) Error() string {
	return fmt.Sprintf("%s makes preflight findings errors: fix these, or allow those that are intended with %s, or set %s", e.source,
		e.names.With(origin.SettingAllow, strings.ReplaceAll(text.Join(e.codes), " ", "")), e.names.With(origin.SettingPreflight, string(Warn)))
}

// Is makes a FindingsError an ErrFindings.
func (e *FindingsError) Is(target error) bool { return target == ErrFindings }
