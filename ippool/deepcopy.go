package ippool

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

var (
	_ runtime.Object = (*IPPool)(nil)
	_ runtime.Object = (*IPPoolList)(nil)
)

// DeepCopy returns a copy that shares nothing with the pool; nil for nil.
func (p *IPPool) DeepCopy() *IPPool {
	if p == nil {
		return nil
	}
	out := new(IPPool)
	p.DeepCopyInto(out)
	return out
}

// DeepCopyInto makes out a copy that shares nothing with the pool.
func (p *IPPool) DeepCopyInto(out *IPPool) {
	*out = *p
	p.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	p.Spec.DeepCopyInto(&out.Spec)
	out.Status = p.Status.DeepCopy()
}

// DeepCopyObject implements runtime.Object.
func (p *IPPool) DeepCopyObject() runtime.Object {
	if p == nil {
		return nil
	}
	return p.DeepCopy()
}

// DeepCopyInto makes out a copy that shares nothing with the spec.
func (s *IPPoolSpec) DeepCopyInto(out *IPPoolSpec) {
	*out = *s
	out.AllowedUses = slices.Clone(s.AllowedUses)
	if s.AssignmentMode != nil {
		mode := *s.AssignmentMode
		out.AssignmentMode = &mode
	}
}

// DeepCopy returns a copy that shares nothing with the status; nil for nil.
func (s *IPPoolStatus) DeepCopy() *IPPoolStatus {
	if s == nil {
		return nil
	}
	out := new(IPPoolStatus)
	if s.Conditions != nil {
		out.Conditions = make([]metav1.Condition, len(s.Conditions))
		for i := range s.Conditions {
			s.Conditions[i].DeepCopyInto(&out.Conditions[i])
		}
	}
	return out
}

// DeepCopy returns a copy that shares nothing with the list; nil for nil.
func (l *IPPoolList) DeepCopy() *IPPoolList {
	if l == nil {
		return nil
	}
	out := new(IPPoolList)
	*out = *l
	l.ListMeta.DeepCopyInto(&out.ListMeta)
	if l.Items != nil {
		out.Items = make([]IPPool, len(l.Items))
		for i := range l.Items {
			l.Items[i].DeepCopyInto(&out.Items[i])
		}
	}
	return out
}

// DeepCopyObject implements runtime.Object.
func (l *IPPoolList) DeepCopyObject() runtime.Object {
	if l == nil {
		return nil
	}
	return l.DeepCopy()
}
