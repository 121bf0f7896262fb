package calicobootstrap_test

import (
	"maps"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// workflow is the part of a GitHub workflow that the tests read.
type workflow struct {
	Permissions map[string]string
	Concurrency map[string]any
	Jobs        map[string]struct {
		TimeoutMinutes int `json:"timeout-minutes"`
		Permissions    map[string]string
		Strategy       struct {
			Matrix struct {
				Include    []map[string]string
				Target     []string
				Kubernetes []string
			}
		}
		Steps []struct {
			Uses, Run string
			With      map[string]any
		}
	}
}

func workflows(t *testing.T) map[string]workflow {
	t.Helper()
	all := map[string]workflow{}
	for _, file := range tracked(t, ".github/workflows/*.yml") {
		var w workflow
		require.NoError(t, yaml.Unmarshal([]byte(readFile(t, file)), &w), file)
		all[path.Base(file)] = w
	}
	require.Len(t, all, 3)
	return all
}

// TestWorkflows checks what actionlint does not: least permissions, pinned actions, time
// limits, and no credentials in a checkout.
func TestWorkflows(t *testing.T) {
	t.Parallel()
	for file, w := range workflows(t) {
		assert.Empty(t, w.Permissions, file)
		assert.Contains(t, readFile(t, ".github/workflows/"+file), "\npermissions: {}\n")
		assert.NotEmpty(t, w.Concurrency, file)
		for name, job := range w.Jobs {
			where := file + ": " + name
			assert.NotZero(t, job.TimeoutMinutes, where)
			assert.Contains(t, job.Permissions, "contents", where)
			for permission, access := range job.Permissions {
				assert.True(t, access == "read" || file == "release.yml", "%s: %s: %s", where, permission, access)
			}
			for _, step := range job.Steps {
				if strings.HasPrefix(step.Uses, "actions/checkout@") {
					assert.Equal(t, false, step.With["persist-credentials"], where)
				}
				// A workflow of a pull request could write the cache of a release.
				if strings.HasPrefix(step.Uses, "actions/setup-go@") && file == "release.yml" {
					assert.Equal(t, false, step.With["cache"], where)
				}
				assert.NotRegexp(t, `\$\{\{\s*(github|inputs)\.`, step.Run, "%s: an expression of an event in a script", where)
			}
		}
		pinned := regexp.MustCompile(`^\s*- uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
		for line := range strings.Lines(readFile(t, ".github/workflows/"+file)) {
			if strings.Contains(line, "uses:") {
				assert.Regexp(t, pinned, strings.TrimRight(line, "\n"), file)
			}
		}
	}
}

// TestWorkflowsRunTheTests checks that continuous integration runs what .ci/run runs, on
// the minimum versions of Go, and on each older Kubernetes.
func TestWorkflowsRunTheTests(t *testing.T) {
	t.Parallel()
	var runs strings.Builder
	versions := map[string]string{} // of Go, by target
	all := workflows(t)
	for _, w := range all {
		for _, job := range w.Jobs {
			for _, step := range job.Steps {
				targets := job.Strategy.Matrix.Target
				for _, include := range job.Strategy.Matrix.Include {
					targets = append(targets, include["target"])
					versions[include["target"]] = include["go"]
				}
				if !strings.Contains(step.Run, "make ${{ matrix.target }}") {
					targets = []string{""}
				}
				for _, target := range targets {
					runs.WriteString(strings.ReplaceAll(step.Run, "${{ matrix.target }}", target) + "\n")
				}
			}
		}
	}
	called := regexp.MustCompile(`(?m)(?:^| )make ([a-z-]+)`)
	for _, call := range called.FindAllStringSubmatch(runs.String(), -1) {
		assert.Contains(t, makeTargets(t), call[1])
	}
	for _, call := range called.FindAllStringSubmatch(readFile(t, ".ci/run"), -1) {
		assert.Contains(t, runs.String(), "make "+call[1]+"\n", ".ci/run")
	}

	for file, target := range map[string]string{"go.mod": "test-floors", "go.work": "cross"} {
		minimum := regexp.MustCompile(`(?m)^go (\d+\.\d+)\.`).FindStringSubmatch(readFile(t, file))[1]
		assert.Equal(t, minimum+".x", versions[target], file)
	}
	var older []string
	for _, file := range tracked(t, "internal/integration/kubetest/kubernetes-*/go.mod") {
		older = append(older, strings.TrimPrefix(path.Base(path.Dir(file)), "kubernetes-"))
	}
	assert.Equal(t, older, all["ci.yml"].Jobs["kubernetes"].Strategy.Matrix.Kubernetes)
}

// TestDependabot checks that every module is in dependabot.yml.
func TestDependabot(t *testing.T) {
	t.Parallel()
	var config struct {
		Updates []struct {
			Ecosystem   string `json:"package-ecosystem"`
			Directory   string
			Directories []string
			Schedule    struct{ Interval string }
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(readFile(t, ".github/dependabot.yml")), &config))
	covered := map[string][]string{}
	for _, update := range config.Updates {
		assert.NotEmpty(t, update.Schedule.Interval)
		for _, directory := range append(update.Directories, update.Directory) {
			if directory != "" {
				covered[update.Ecosystem] = append(covered[update.Ecosystem], directory)
			}
		}
	}
	var modules []string
	for _, file := range append(tracked(t, "go.mod"), tracked(t, "*/go.mod")...) {
		modules = append(modules, path.Join("/", path.Dir(file)))
	}
	assert.Subset(t, covered["gomod"], modules)
	assert.Equal(t, []string{"/"}, covered["github-actions"])
}

// TestIssueForms checks the forms by the rules of GitHub's form schema: a form that breaks
// one is not shown.
func TestIssueForms(t *testing.T) {
	t.Parallel()
	type element struct {
		Type        string         `json:"type"`
		ID          string         `json:"id"`
		Attributes  map[string]any `json:"attributes"`
		Validations map[string]any `json:"validations"`
	}
	type form struct {
		Name        string    `json:"name"`
		Description string    `json:"description"`
		Title       string    `json:"title"`
		Labels      []string  `json:"labels"`
		Assignees   []string  `json:"assignees"`
		Projects    []string  `json:"projects"`
		Type        string    `json:"type"`
		Body        []element `json:"body"`
	}
	required := map[string][]string{ // attributes, by type
		"markdown": {"value"}, "textarea": {"label"}, "input": {"label"}, "dropdown": {"label", "options"}, "checkboxes": {"label", "options"},
	}
	optional := map[string][]string{
		"textarea": {"description", "placeholder", "value", "render"}, "input": {"description", "placeholder", "value"},
		"dropdown": {"description", "multiple", "default"}, "checkboxes": {"description"},
	}
	names := map[string]bool{}
	for _, file := range tracked(t, ".github/ISSUE_TEMPLATE/*.yml") {
		if path.Base(file) == "config.yml" {
			continue
		}
		var f form
		require.NoError(t, yaml.UnmarshalStrict([]byte(readFile(t, file)), &f), file)
		assert.NotEmpty(t, f.Name, file)
		assert.NotEmpty(t, f.Description, file)
		assert.False(t, names[f.Name], "%s: name %s is not unique", file, f.Name)
		names[f.Name] = true
		ids, labels, inputs := map[string]bool{}, map[any]bool{}, 0
		for _, e := range f.Body {
			where := file + ": " + e.ID
			require.Contains(t, required, e.Type, where)
			assert.Subset(t, slices.Collect(maps.Keys(e.Attributes)), required[e.Type], where)
			assert.Subset(t, append(required[e.Type], optional[e.Type]...), slices.Collect(maps.Keys(e.Attributes)), where)
			if e.Type == "markdown" {
				assert.Empty(t, e.ID, where)
				assert.Empty(t, e.Validations, where)
				continue
			}
			inputs++
			assert.Regexp(t, `^[A-Za-z0-9_-]+$`, e.ID, where)
			assert.False(t, ids[e.ID], "%s is not unique", where)
			assert.False(t, labels[e.Attributes["label"]], "%s: label is not unique", where)
			ids[e.ID], labels[e.Attributes["label"]] = true, true
			for validation, value := range e.Validations {
				assert.Equal(t, "required", validation, where)
				assert.IsType(t, true, value, where)
			}
			if options, is := e.Attributes["options"].([]any); is {
				assert.NotEmpty(t, options, where)
				seen := map[any]bool{}
				for _, option := range options {
					assert.False(t, seen[option] || option == "None", "%s: %v", where, option)
					seen[option] = true
				}
			}
		}
		assert.NotZero(t, inputs, "%s: only markdown", file)
	}
	assert.Len(t, names, 3)
	assert.Contains(t, readFile(t, ".github/ISSUE_TEMPLATE/bug.yml"), "`calico-bootstrap bug-report`")

	var config struct {
		Blank    *bool               `json:"blank_issues_enabled"`
		Contacts []map[string]string `json:"contact_links"`
	}
	require.NoError(t, yaml.UnmarshalStrict([]byte(readFile(t, ".github/ISSUE_TEMPLATE/config.yml")), &config))
	assert.NotNil(t, config.Blank)
	for _, contact := range config.Contacts {
		assert.ElementsMatch(t, []string{"name", "url", "about"}, slices.Collect(maps.Keys(contact)))
		assert.Regexp(t, `^https://`, contact["url"])
	}
}

// TestContributing checks that the files exist that CONTRIBUTING.md names.
func TestContributing(t *testing.T) {
	t.Parallel()
	text := readFile(t, "CONTRIBUTING.md")
	files := regexp.MustCompile(`(?m)^\| ([^|]+) \|`).FindAllStringSubmatch(text, -1)
	files = append(files, regexp.MustCompile(`(?m)^([\w./]+/)  +\S`).FindAllStringSubmatch(text, -1)...)
	count := 0
	for _, row := range files {
		folder := ""
		for _, word := range strings.FieldsFunc(row[1], func(r rune) bool { return r == ',' || r == ' ' }) {
			if !strings.ContainsAny(word, "./") {
				continue // the head of a table, or a word
			}
			if !strings.Contains(word, "/") && folder != "" && !strings.Contains(row[1], "docs/") {
				word = path.Join(folder, word)
			}
			_, err := os.Stat(word)
			assert.NoError(t, err, row[1])
			folder = path.Dir(word)
			count++
		}
	}
	assert.Greater(t, count, 30)
}

// TestMakeImageWithoutTool checks that a missing build tool is named, before anything is
// compiled.
func TestMakeImageWithoutTool(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("make is not installed")
	}
	for tool, want := range map[string]string{
		"no-such-tool": "make image: IMAGE_TOOL=no-such-tool: the command is not installed; install it, or set IMAGE_TOOL to docker or another tool\n",
		"":             "make image: none of docker, podman and buildah is installed and works: their command info fails; install one, or set IMAGE_TOOL to another tool\n",
	} {
		out, err := exec.Command("make", "-s", "image", "IMAGE_TOOL="+tool).CombinedOutput()
		require.Error(t, err)
		assert.True(t, strings.HasPrefix(string(out), want), string(out))
	}
}

// TestMakeHelp checks that `make help` is short, and that every target that is listed
// exists and is explained.
func TestMakeHelp(t *testing.T) {
	t.Parallel()
	targets := makeTargets(t)
	for call, limit := range map[string]int{"help": 20, "help-all": 40} {
		out, err := exec.Command("make", "-s", call).Output()
		require.NoError(t, err)
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		assert.Less(t, len(lines), limit, call)
		for _, line := range lines {
			if target, listed := strings.CutPrefix(line, "  "); listed {
				fields := strings.Fields(target)
				assert.Greater(t, len(fields), 1, line)
				assert.Contains(t, targets, fields[0])
			}
		}
	}
	groups := regexp.MustCompile(`(?s)define HELP\n(.*?)endef`).FindStringSubmatch(readFile(t, "Makefile"))[1]
	for line := range strings.Lines(groups) {
		_, group, _ := strings.Cut(line, ":")
		for _, target := range strings.Fields(group) {
			assert.Contains(t, targets, target)
		}
	}
}

func makeTargets(t *testing.T) []string {
	t.Helper()
	var targets []string
	for _, line := range regexp.MustCompile(`(?m)^\.PHONY: (.*)$`).FindAllStringSubmatch(readFile(t, "Makefile"), -1) {
		targets = append(targets, strings.Fields(line[1])...)
	}
	return targets
}
