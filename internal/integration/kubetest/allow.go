package kubetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	clusterRoles        = rbacv1.SchemeGroupVersion.WithResource("clusterroles")
	clusterRoleBindings = rbacv1.SchemeGroupVersion.WithResource("clusterrolebindings")
	accessReviews       = schema.GroupVersionResource{Group: "authorization.k8s.io", Version: "v1", Resource: "subjectaccessreviews"}
)

// Rule returns a rule that allows the verbs on a resource of an API group.
func Rule(group, resource string, verbs ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: verbs}
}

// Allow binds the user to a ClusterRole with the rules until the test ends. It returns
// when the rules are effective, which takes a moment. Their removal takes a moment, too,
// so each test should use its own user.
func (s *Server) Allow(tb testing.TB, user string, rules ...rbacv1.PolicyRule) {
	tb.Helper()
	ctx, cancel := bounded(tb)
	defer cancel()
	role := &rbacv1.ClusterRole{Rules: rules}
	role.GenerateName = "kubetest-"
	created, err := s.dynamic.Resource(clusterRoles).Create(ctx, rbac(tb, "ClusterRole", role), metav1.CreateOptions{})
	require.NoError(tb, err)
	name := created.GetName()
	binding := &rbacv1.ClusterRoleBinding{
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	}
	binding.Name = name
	_, err = s.dynamic.Resource(clusterRoleBindings).Create(ctx, rbac(tb, "ClusterRoleBinding", binding), metav1.CreateOptions{})
	require.NoError(tb, err)
	tb.Cleanup(func() {
		ctx, cancel := bounded(tb)
		defer cancel()
		_ = s.dynamic.Resource(clusterRoleBindings).Delete(ctx, name, metav1.DeleteOptions{})
		_ = s.dynamic.Resource(clusterRoles).Delete(ctx, name, metav1.DeleteOptions{})
	})
	for _, rule := range rules {
		s.AwaitAccess(tb, user, rule)
	}
}

// AwaitAccess waits until a rule of an applied role is effective for the user.
func (s *Server) AwaitAccess(tb testing.TB, user string, rule rbacv1.PolicyRule) {
	tb.Helper()
	require.Eventually(tb, func() bool { return s.holds(tb, user, rule) }, helperTime, pollInterval, "%s: %v", user, rule)
}

// pollInterval is how often helpers check a condition.
const pollInterval = 20 * time.Millisecond

func rbac(tb testing.TB, kind string, typed any) *unstructured.Unstructured {
	tb.Helper()
	members, err := runtime.DefaultUnstructuredConverter.ToUnstructured(typed)
	require.NoError(tb, err)
	u := &unstructured.Unstructured{Object: members}
	u.SetGroupVersionKind(rbacv1.SchemeGroupVersion.WithKind(kind))
	return u
}

// holds reports whether the user may do a part of the rule. All parts of a rule become
// effective together.
func (s *Server) holds(tb testing.TB, user string, rule rbacv1.PolicyRule) bool {
	tb.Helper()
	attributes := map[string]any{"verb": first(rule.Verbs), "group": first(rule.APIGroups), "resource": first(rule.Resources)}
	if name := first(rule.ResourceNames); name != "" {
		attributes["name"] = name
	}
	spec := map[string]any{"user": user, "resourceAttributes": attributes}
	if len(rule.NonResourceURLs) > 0 {
		delete(spec, "resourceAttributes")
		spec["nonResourceAttributes"] = map[string]any{"verb": first(rule.Verbs), "path": first(rule.NonResourceURLs)}
	}
	ctx, cancel := bounded(tb)
	defer cancel()
	review := object("authorization.k8s.io/v1", "SubjectAccessReview", "", map[string]any{"spec": spec})
	answer, err := s.dynamic.Resource(accessReviews).Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return false
	}
	allowed, _, _ := unstructured.NestedBool(answer.Object, "status", "allowed")
	return allowed
}

func first(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return words[0]
}
