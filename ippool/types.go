package ippool

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// Kind is the kind of a pool in both API groups.
	Kind = "IPPool"
	// ListKind is the kind of a list of pools in both API groups.
	ListKind = "IPPoolList"
	// Resource is the plural that the Kubernetes API serves pools under.
	Resource = "ippools"
)

// IPPool is a range of addresses that Calico hands out, and how traffic to and
// from those addresses is treated. It has the JSON of Calico's own type.
//
// The zero value is a pool without a CIDR: not valid, but ready to be filled.
type IPPool struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what the pool is asked to be.
	Spec IPPoolSpec `json:"spec"`

	// Status is written by Calico's controllers and never by this module.
	// Nil means that nothing has been reported.
	Status *IPPoolStatus `json:"status,omitempty"`
}

// IPPoolSpec is what a pool is asked to be. The fields stand in the order in
// which Calico writes them, because the order shows in the stored record.
type IPPoolSpec struct {
	// CIDR is the range of the pool, canonical and without host bits:
	// "192.168.0.0/16", "fd00:10:244::/64". Required; it can't be changed.
	CIDR string `json:"cidr"`

	// VXLANMode says when traffic between nodes is wrapped in VXLAN.
	// Empty means Never.
	VXLANMode VXLANMode `json:"vxlanMode,omitempty"`

	// IPIPMode says when traffic between nodes is wrapped in IP-in-IP. Empty
	// means Never, the only mode for IPv6. It excludes VXLANMode.
	IPIPMode IPIPMode `json:"ipipMode,omitempty"`

	// NATOutgoing says whether traffic from the pool to addresses that are in
	// no pool is masqueraded with the node's address. False means that it
	// leaves with the pod's own.
	NATOutgoing bool `json:"natOutgoing,omitempty"`

	// Disabled stops Calico from handing out more addresses of the pool.
	Disabled bool `json:"disabled,omitempty"`

	// DisableBGPExport keeps the pool's routes out of BGP.
	DisableBGPExport bool `json:"disableBGPExport,omitempty"`

	// BlockSize is the prefix length of the blocks that nodes take from the
	// pool: 20 to 32 for IPv4, 116 to 128 for IPv6. Zero means 26 and 122.
	// It can't be changed.
	BlockSize int `json:"blockSize,omitempty"`

	// NodeSelector chooses the nodes that may take blocks of the pool, in
	// Calico's selector language (package selector). Empty means all().
	NodeSelector string `json:"nodeSelector,omitempty"`

	// NamespaceSelector chooses the namespaces whose pods get addresses of the
	// pool. Empty means all of them.
	NamespaceSelector string `json:"namespaceSelector,omitempty"`

	// AllowedUses is what the addresses may be used for. Empty means Workload
	// and Tunnel.
	AllowedUses []IPPoolAllowedUse `json:"allowedUses,omitempty"`

	// AssignmentMode says whether addresses are taken from the pool without
	// being asked for by name. Nil means Automatic.
	AssignmentMode *AssignmentMode `json:"assignmentMode,omitempty"`
}

// IPPoolStatus is what Calico's controllers report of a pool.
type IPPoolStatus struct {
	// Conditions are kept as they are; none of them means anything here.
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// IPPoolList is a list of pools as the Kubernetes API returns it.
type IPPoolList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []IPPool `json:"items"` // in the server's order
}

// New returns a pool of that name with the kind and the API version of
// Calico's v3 resources, and no spec.
func New(name string) *IPPool {
	return &IPPool{
		TypeMeta:   metav1.TypeMeta{Kind: Kind, APIVersion: V3.String()},
		ObjectMeta: metav1.ObjectMeta{Name: name},
	}
}
