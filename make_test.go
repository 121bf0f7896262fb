package calicobootstrap_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMakeVuln has govulncheck end in every way it can: only a database that is
// out of reach is no failure.
func TestMakeVuln(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("no make here")
	}
	tests := []struct {
		name, prints string
		code         int
		fails        bool
		says         string
	}{
		{"nothing known", "No vulnerabilities found.", 0, false, "No vulnerabilities found."},
		{"something found", "Vulnerability #1: GO-2026-0001", 3, true, "GO-2026-0001"},
		{"something known, and not called", "Your code is affected by 0 vulnerabilities.", 0, false, "affected by 0"},
		{"a panic that ends with 0", "Vulnerability #1: GO-2026-0001\npanic: runtime error", 0, true, "GO-2026-0001"},
		{"no network", `govulncheck: fetching vulnerabilities: Get "https://x": no such host`, 1, false, "make vuln: skipped: https://x gives no vulnerabilities; VULNDB=URL names a mirror"},
		{"code that can't be loaded", "govulncheck: loading packages: there are errors", 1, true, "there are errors"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			fake := filepath.Join(dir, "go")
			script := fmt.Sprintf("#!/bin/sh\n[ \"$2\" = govulncheck ] || exit 9\necho '%s' >&2\nexit %d\n", tt.prints, tt.code)
			require.NoError(t, os.WriteFile(fake, []byte(script), 0o755))

			out, err := exec.CommandContext(t.Context(), "make", "-s", "vuln", "GO="+fake, "BIN="+dir, "VULNDB=https://x").CombinedOutput()
			var exit *exec.ExitError
			assert.Equal(t, tt.fails, errors.As(err, &exit), "%s", out)
			assert.Contains(t, string(out), tt.says)
		})
	}
}
