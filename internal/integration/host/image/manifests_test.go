//go:build host && linux

package image

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// testManifests checks that the manifests have the image's user and name and no command,
// so that they use its entrypoint.
func testManifests(t *testing.T, i image) {
	for _, file := range []string{"base/job.yaml", "init-container/daemonset.yaml"} {
		content, err := os.ReadFile(filepath.Join(repository, "examples/kubernetes", file))
		require.NoError(t, err)
		// The pod template has the same path in a Job and a DaemonSet.
		var manifest struct {
			Spec struct{ Template corev1.PodTemplateSpec }
		}
		require.NoError(t, yaml.Unmarshal(content, &manifest), file)
		pod := manifest.Spec.Template.Spec
		containers := append(pod.InitContainers, pod.Containers...)
		require.Len(t, containers, 1, file)
		user, group := containers[0].SecurityContext.RunAsUser, containers[0].SecurityContext.RunAsGroup
		if pod.SecurityContext != nil && user == nil {
			user, group = pod.SecurityContext.RunAsUser, pod.SecurityContext.RunAsGroup
		}
		require.NotNil(t, user, file)
		require.NotNil(t, group, file)
		assert.Equal(t, i.config.Config.User, fmt.Sprintf("%d:%d", *user, *group), file)
		assert.Equal(t, i.config.Config.Labels["org.opencontainers.image.title"], containers[0].Image, file)
		assert.Empty(t, containers[0].Command, file)
	}
}
