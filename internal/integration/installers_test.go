package integration

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/programs"
	"github.com/calico-bootstrap/calico-bootstrap/internal/integration/typed"
)

// TestInstallersDocument runs the commands of docs/INSTALLERS.md on an empty etcd.
func TestInstallersDocument(t *testing.T) {
	t.Parallel()
	world := newEtcdWorld(t)
	program, err := programs.CalicoBootstrap()
	require.NoError(t, err)
	tools, folder := t.TempDir(), t.TempDir()
	require.NoError(t, os.Symlink(program, filepath.Join(tools, "calico-bootstrap")))
	env := []string{
		"PATH=" + tools + string(filepath.ListSeparator) + os.Getenv("PATH"), "HOME=" + folder, "ETCD_ENDPOINTS=" + world.server.Endpoints()[0],
	}
	typed.Session{
		Document: "../../docs/INSTALLERS.md", Name: "installers", Folder: folder, Env: append(env, preflightOn...), Update: *update,
		Tidy: func(printed string) string { return allowedNote.ReplaceAllString(printed, "") },
	}.Type(t)
	assert.Empty(t, world.Pools(t), "plan writes nothing")
}
