package calicobootstrap_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tracked returns the files of the checkout that match, including new ones.
func tracked(t *testing.T, pattern string) []string {
	t.Helper()
	out, err := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard", pattern).Output()
	if err != nil {
		t.Skip("not a git checkout")
	}
	return strings.Fields(string(out))
}

// testsOf returns the source of all tests.
func testsOf(t *testing.T) string {
	t.Helper()
	var text strings.Builder
	for _, file := range tracked(t, "*_test.go") {
		text.WriteString(readFile(t, file))
	}
	return text.String()
}

// typedBy maps the beginning of a block of commands in a document, if the block has no
// mark, to the test that runs the commands. TestTranscripts checks blocks that begin
// with $.
var typedBy = map[string]string{
	"README.md: make build":                                          "TestImage", // and make image
	"README.md: bin/calico-bootstrap plan --etcd-endpoints":          "TestQuickStartOnEtcd",
	"docs/INSTALL.md: go install":                                    "TestReleasing",
	"docs/COMMANDS.md: install -D":                                   "TestInstall",
	"docs/KUBERNETES.md: calico-bootstrap render -o installation":    "TestRenderIsAcceptedByTheOperator",
	"docs/KUBERNETES.md: make image":                                 "TestImage",
	"docs/KUBERNETES.md: make push-image":                            "TestPushImage",
	"docs/KUBERNETES.md: podman run":                                 "TestImage",
	"docs/FIREWALL.md: # calico-bootstrap firewall --ipv4-pool-ipip": "TestDocument",
	"docs/LIBRARY.md: go mod edit":                                   "TestLibraryDocument",
	"examples/helm/calico-bootstrap/README.md: helm install":         "TestHelmDocument",
	"docs/FINDINGS.md: ":                                             "TestDocumentedFindings",   // messages, not commands
	"CONTRIBUTING.md: git clone":                                     "TestWorkflowsRunTheTests", // .ci/run has the same
	"CONTRIBUTING.md: ippool/":                                       "TestContributing",         // a list
	"docs/ARCHITECTURE.md:  flags":                                   "TestImportTable",          // a drawing
	"docs/ARCHITECTURE.md: ippool/":                                  "TestImportTable",          // a list
}

var fencedBlock = regexp.MustCompile("(?ms)([^\n]*)\n^```(\\w*)\n(.*?)^```$")

// TestEveryCommandIsTyped checks that a test runs every block of commands in the
// documents.
func TestEveryCommandIsTyped(t *testing.T) {
	t.Parallel()
	tests := testsOf(t)
	blocks := 0
	claimed := map[string]bool{} // of typedBy
	for _, document := range tracked(t, "*.md") {
		for _, block := range fencedBlock.FindAllStringSubmatch(readFile(t, document), -1) {
			mark, language, text := block[1], block[2], block[3]
			if language == "yaml" || language == "go" {
				continue
			}
			blocks++
			first, _, _ := strings.Cut(text, "\n")
			switch session := regexp.MustCompile(`^<!-- session: ([a-z0-9-]+) -->$`).FindStringSubmatch(mark); {
			case session != nil:
				assert.True(t, strings.Contains(tests, `"`+session[1]+`"`), "%s: %s", document, first)
			case strings.Contains(mark, "_test.go runs "):
				assert.FileExists(t, regexp.MustCompile(`\S+_test\.go`).FindString(mark))
			case language == "" && strings.HasPrefix(first, "$ "):
				// by TestTranscripts
			default:
				begins := claim(document, first)
				require.NotEmpty(t, begins, "no test runs this: %s: %s", document, first)
				claimed[begins] = true
				test := typedBy[begins]
				assert.True(t, strings.Contains(tests, "func "+test+"("), "%s: %s", document, first)
			}
		}
	}
	assert.Greater(t, blocks, 30)
	for begins := range typedBy {
		assert.True(t, claimed[begins], "no block begins with this: %s", begins)
	}
}

// claim returns the key of typedBy that matches a block, or an empty string.
func claim(document, first string) string {
	for begins := range typedBy {
		if strings.HasPrefix(document+": "+first, begins) {
			return begins
		}
	}
	return ""
}

// TestLinks checks that every link between the documents leads to an existing file and
// heading.
func TestLinks(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)#:]*)(#[^)]*)?\)`)
	links := 0
	for _, document := range tracked(t, "*.md") {
		for _, found := range link.FindAllStringSubmatch(readFile(t, document), -1) {
			links++
			target := document
			if found[1] != "" {
				target = filepath.Join(filepath.Dir(document), found[1])
			}
			if found[2] == "" {
				_, err := os.Stat(target)
				assert.NoError(t, err, "%s: %s", document, found[0])
				continue
			}
			if assert.FileExists(t, target, "%s: %s", document, found[0]) {
				assert.Contains(t, anchors(readFile(t, target)), found[2], "%s: %s", document, found[0])
			}
		}
	}
	assert.Greater(t, links, 15)
}

// anchors returns the anchors of the headings, as GitHub generates them.
func anchors(text string) []string {
	var all []string
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		anchor := strings.ToLower(regexp.MustCompile(`[^\pL\pN _-]`).ReplaceAllString(heading[1], ""))
		all = append(all, "#"+strings.ReplaceAll(anchor, " ", "-"))
	}
	return all
}

// TestFirstRelease checks that the command of docs/RELEASING.md finds every sentence that the
// first release makes wrong.
func TestFirstRelease(t *testing.T) {
	t.Parallel()
	said := regexp.MustCompile(`(?i)no\s+releases?\s+yet|until\s+the\s+first\s+(release|one)|(not|never)\s+(been\s+)?released`)
	releasing := readFile(t, "docs/RELEASING.md")
	for _, document := range tracked(t, "*.md") {
		text := readFile(t, document)
		if document == "docs/RELEASING.md" {
			text, _, _ = strings.Cut(text, "## ")
		}
		if said.MatchString(text) {
			assert.Contains(t, releasing, "\n"+document+"\n", "not in the output of the command")
			assert.Len(t, said.FindAllString(text, -1), 1, document)
			assert.Regexp(t, `There is no release yet[:.]`, text, document)
		}
	}
}
