package main

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/calico-bootstrap/calico-bootstrap/examples/internal/firewalld"
	"github.com/calico-bootstrap/calico-bootstrap/internal/await"
	"github.com/calico-bootstrap/calico-bootstrap/internal/files"
)

// hostTime limits how long a report waits for this host: for firewalld's bus, and for files.
const hostTime = 3 * time.Second

// hostLines describes this host: its system, whether it is a pod, and firewalld.
func hostLines(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, hostTime)
	defer cancel()
	lines, ok := await.Result(ctx, func() []string { return hostFiles("/") })
	if !ok {
		lines = []string{"system: unknown: files could not be read in time"}
	}
	return append(lines, "firewalld: "+firewalldState(ctx))
}

// hostFiles returns what files below root tell about the host.
func hostFiles(root string) []string {
	name, kernel := "unknown", "unknown"
	if data, err := files.Read(root+"etc/os-release", files.MaxConfig); err == nil {
		for line := range strings.Lines(string(data)) {
			if value, found := strings.CutPrefix(line, "PRETTY_NAME="); found {
				name = strings.Trim(strings.TrimSpace(value), `"'`)
			}
		}
	}
	if data, err := files.Read(root+"proc/sys/kernel/osrelease", files.MaxConfig); err == nil {
		kernel = strings.TrimSpace(string(data))
	}
	pod := "no"
	if _, err := os.Stat(root + strings.TrimPrefix(podSecrets, "/") + "serviceaccount"); err == nil || os.Getenv("KUBERNETES_SERVICE_HOST") != "" {
		pod = "yes"
	}
	return []string{"system: " + name, "kernel: " + kernel, "in a pod: " + pod}
}

// firewalldState returns the version of the running firewalld, or why it is unknown.
func firewalldState(ctx context.Context) string {
	firewall, err := firewalld.Connect(ctx)
	if err != nil {
		return err.Error()
	}
	defer firewall.Close()
	version, err := firewall.Version(ctx)
	if err != nil {
		return err.Error()
	}
	return version + " is running"
}
