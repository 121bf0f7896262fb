// Package v3 stands for github.com/projectcalico/api/pkg/apis/projectcalico/v3
// as of Calico 3.32: of all its types only IPPool, with a Status, and without
// the fields IPIP and NATOutgoingV1, which the version that go.mod names has.
// TestNewerCalicoAPI builds the library with it in the place of that version.
package v3

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const (
	KindIPPool          = "IPPool"
	KindIPPoolList      = "IPPoolList"
	GroupVersionCurrent = "projectcalico.org/v3"
)

var SchemeGroupVersion = schema.GroupVersion{Group: "projectcalico.org", Version: "v3"}

type (
	VXLANMode        string
	IPIPMode         string
	IPPoolAllowedUse string
	AssignmentMode   string
)

const (
	VXLANModeNever       VXLANMode = "Never"
	VXLANModeAlways      VXLANMode = "Always"
	VXLANModeCrossSubnet VXLANMode = "CrossSubnet"

	IPIPModeNever       IPIPMode = "Never"
	IPIPModeAlways      IPIPMode = "Always"
	IPIPModeCrossSubnet IPIPMode = "CrossSubnet"

	IPPoolAllowedUseWorkload     IPPoolAllowedUse = "Workload"
	IPPoolAllowedUseTunnel       IPPoolAllowedUse = "Tunnel"
	IPPoolAllowedUseLoadBalancer IPPoolAllowedUse = "LoadBalancer"

	Automatic AssignmentMode = "Automatic"
	Manual    AssignmentMode = "Manual"
)

type IPPool struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec   IPPoolSpec    `json:"spec"`
	Status *IPPoolStatus `json:"status,omitempty"`
}

type IPPoolSpec struct {
	CIDR              string             `json:"cidr"`
	VXLANMode         VXLANMode          `json:"vxlanMode,omitempty"`
	IPIPMode          IPIPMode           `json:"ipipMode,omitempty"`
	NATOutgoing       bool               `json:"natOutgoing,omitempty"`
	Disabled          bool               `json:"disabled,omitempty"`
	DisableBGPExport  bool               `json:"disableBGPExport,omitempty"`
	BlockSize         int                `json:"blockSize,omitempty"`
	NodeSelector      string             `json:"nodeSelector,omitempty"`
	NamespaceSelector string             `json:"namespaceSelector,omitempty"`
	AllowedUses       []IPPoolAllowedUse `json:"allowedUses,omitempty"`
	AssignmentMode    *AssignmentMode    `json:"assignmentMode,omitempty"`
}

type IPPoolStatus struct {
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

type IPPoolList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []IPPool `json:"items"`
}

func NewIPPool() *IPPool {
	return &IPPool{TypeMeta: metav1.TypeMeta{Kind: KindIPPool, APIVersion: GroupVersionCurrent}}
}

func (p *IPPool) DeepCopyInto(out *IPPool) {
	*out = *p
	p.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Spec.AllowedUses = slices.Clone(p.Spec.AllowedUses)
	if p.Spec.AssignmentMode != nil {
		mode := *p.Spec.AssignmentMode
		out.Spec.AssignmentMode = &mode
	}
	if p.Status != nil {
		out.Status = &IPPoolStatus{Conditions: slices.Clone(p.Status.Conditions)}
	}
}

func (p *IPPool) DeepCopy() *IPPool {
	if p == nil {
		return nil
	}
	out := new(IPPool)
	p.DeepCopyInto(out)
	return out
}

func (p *IPPool) DeepCopyObject() runtime.Object { return p.DeepCopy() }
