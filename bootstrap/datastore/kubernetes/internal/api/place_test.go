package api

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"k8s.io/client-go/rest"
)

// The caller's config may have a password in its URL, which no message may show.
func TestPlaceShowsNoSecret(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"https://10.0.0.1:6443":                     "Kubernetes https://10.0.0.1:6443",
		"https://10.0.0.1:6443/k8s/clusters/c-1":    "Kubernetes https://10.0.0.1:6443/k8s/clusters/c-1",
		"https://root:hunter2@10.0.0.1/a?token=b#c": "Kubernetes https://10.0.0.1/a",
		"10.0.0.1:6443":                             "Kubernetes 10.0.0.1:6443",
		"root:hunter2@10.0.0.1:6443":                "Kubernetes 10.0.0.1:6443",
		"https://root:1/hunter2@10.0.0.1:6443/a":    "Kubernetes https://10.0.0.1:6443/a",
		"https://root:1?hunter2@10.0.0.1:6443":      "Kubernetes https://***",
		"https://10.0.0.1:6443?token=a@hunter2":     "Kubernetes https://***",
		"":                                          "Kubernetes ",
	}
	for host, want := range tests {
		assert.Equal(t, want, Place(&rest.Config{Host: host}))
	}
	assert.Equal(t, "Kubernetes", Place(nil))
}
