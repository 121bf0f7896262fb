package calicobootstrap_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// settingNames matches a flag or a variable of ours in a text, as a whole word.
func settingNames() *regexp.Regexp {
	var names []string
	for _, d := range settings.Definitions() {
		names = append(names, "--"+d.Flag)
		for _, variable := range d.Variables() {
			names = append(names, `\b`+variable)
		}
	}
	return regexp.MustCompile(`(` + strings.Join(names, "|") + `|--config|--data-dir)($|[^-_A-Za-z0-9])`)
}

// The library has neither flags nor variables: its messages name a setting through
// origin.Names. Only the package settings knows the names, as data, and makes origins
// of them.
func TestLibraryNamesNoFlags(t *testing.T) {
	t.Parallel()
	names := settingNames()
	for _, text := range []string{"set --on-drift=update", "want ETCD_PASSWORD too", "(KUBECONFIG, ~/.kube/config)", "flag --config", "CALICO_ETCD_ENDPOINTS"} {
		require.Regexp(t, names, text)
	}
	for _, text := range []string{"etcd's --max-request-bytes", "--service-cluster-ip-range", "KUBERNETES_SERVICE_HOST", "CALICO_IPV4POOL_", "--allowed", "/etcd/ca.pem"} {
		require.NotRegexp(t, names, text)
	}
	literals := 0
	for _, file := range tracked(t, "*.go") {
		top, _, _ := strings.Cut(file, "/")
		forTests := strings.HasSuffix(file, "_test.go") || strings.HasSuffix(path.Dir(file), "test")
		if top != "ippool" && top != "bootstrap" || forTests || file == "bootstrap/settings/definitions.go" {
			continue
		}
		files := token.NewFileSet()
		parsed, err := parser.ParseFile(files, file, nil, 0)
		require.NoError(t, err)
		ast.Inspect(parsed, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.BasicLit:
				if node.Kind == token.STRING {
					literals++
					text, err := strconv.Unquote(node.Value)
					require.NoError(t, err)
					assert.Empty(t, names.FindString(text), "%s: %q", files.Position(node.Pos()), text)
				}
			case *ast.CallExpr:
				if called, ok := node.Fun.(*ast.SelectorExpr); ok && file != "bootstrap/settings/flags.go" {
					of, _ := called.X.(*ast.Ident)
					assert.False(t, of != nil && of.Name == "origin" && called.Sel.Name == "Flag",
						"%s: an origin that is not a flag of the command line", files.Position(node.Pos()))
				}
			}
			return true
		})
	}
	assert.Greater(t, literals, 1000)
}
