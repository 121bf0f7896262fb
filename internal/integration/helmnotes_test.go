package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// TestHelmNotes compares what Helm prints after an installation with what the values do.
func TestHelmNotes(t *testing.T) {
	t.Parallel()
	const (
		hook      = "At each installation, upgrade and rollback without --no-hooks, the Job pools-calico-bootstrap\ncreates the IPPools that do not exist, and "
		report    = "does not change the others (settings.onDrift=update does).\n"
		log       = "Its log, for 3600 seconds after its end:\n\n  kubectl -n network logs job/pools-calico-bootstrap\n"
		reason    = "If it fails, the reason, for 3600 seconds after its end:\n\n  kubectl -n network get pods --selector job-name=pools-calico-bootstrap -o jsonpath='{..terminated.message}'\n"
		gone      = "Kubernetes deletes the Job and its log at its end, since job.ttlSecondsAfterFinished is 0.\n"
		succeeded = "Helm deletes the Job and its log when it has succeeded.\n"
		failed    = "Helm deletes the Job and its log when it has failed.\n"
		events    = "\nIf its pod does not start, as with a wrong image, the reason:\n\n  kubectl -n network get events | grep pools-calico-bootstrap\n"
		test      = "\nCheck that the IPPools are as the values say:\n\n  helm -n network test pools --logs\n"
		pools     = "\n`helm uninstall` leaves the IPPools.\n"
	)
	for args, want := range map[string]string{
		"":                                       hook + report + log + "\n" + reason + events + test + pools,
		"--set test.enabled=false":               hook + report + log + "\n" + reason + events + pools,
		"--set settings.onDrift=update":          hook + "changes the fields of the others that are updatable in place; cidr and blockSize are not.\n" + log + "\n" + reason + events + test + pools,
		"--set settings.onDrift=fail":            hook + "fails if one that exists differs from the values.\n" + log + "\n" + reason + events + test + pools,
		"--set job.ttlSecondsAfterFinished=0":    hook + report + gone + events + test + pools,
		"--set job.ttlSecondsAfterFinished=null": hook + report + strings.ReplaceAll(log+"\n"+reason, ", for 3600 seconds after its end", "") + events + test + pools,
		`--set hook.jobDeletePolicy=before-hook-creation\,hook-succeeded`: hook + report + succeeded + reason + events + test + pools,
		`--set hook.jobDeletePolicy=hook-failed\,hook-succeeded`:          hook + report + succeeded + failed + events + test + pools,
		`--set hook.jobDeletePolicy=before-hook-creation\,hook-failed`:    hook + report + log + "\n" + failed + events + test + pools,
	} {
		assert.Equal(t, want, notes(t, args), args)
	}
	plain := notes(t, `--set hook.enabled=false,hook.jobDeletePolicy=hook-succeeded`)
	assert.Regexp(t, `^At the installation, and at upgrades and rollbacks that change its values or come more than 3600 seconds after its end,\nthe Job pools-calico-bootstrap-[0-9a-f]{8}\ncreates `, plain)
	assert.Regexp(t, `^At the installation, and at upgrades and rollbacks that change its values,\nthe Job pools-`, notes(t, `--set hook.enabled=false,job.ttlSecondsAfterFinished=null`))
	assert.Contains(t, plain, "logs job/pools-calico-bootstrap-", "Helm does not delete an object of the release")
}

// notes returns what Helm prints after an installation with the arguments. `helm template`
// does not print it, so the chart gets it as an object as well.
func notes(t *testing.T, args string) string {
	t.Helper()
	text, err := os.ReadFile(chart + "/templates/NOTES.txt")
	require.NoError(t, err)
	folder := chartCopy(t, "notes", string(text))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "templates", "notes.yaml"), []byte(`{"kind": "Notes", "text": {{ tpl (.Files.Get "notes") . | toJson }}}`), 0o600))
	documents, err := renderedFrom(t, folder, append(withImage, strings.Fields(args)...)...)
	require.NoError(t, err, args)
	var object struct{ Text string }
	_, documents, _ = strings.Cut(documents, "templates/notes.yaml\n")
	documents, _, _ = strings.Cut(documents, "---\n")
	require.NoError(t, yaml.Unmarshal([]byte(documents), &object))
	return object.Text
}
