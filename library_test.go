package calicobootstrap_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// forbidden are the functions and variables that a library must not use; * is any.
// Only the file except may use them.
var forbidden = []struct{ pkg, function, except string }{
	{"os", "Exit", ""},
	{"os", "Stdout", ""},
	{"os", "Stderr", ""},
	{"os", "Getenv", ""},
	{"os", "LookupEnv", ""},
	{"os", "Environ", "bootstrap/settings/env.go"},
	{"os", "UserHomeDir", "bootstrap/settings/env.go"},
	{"os", "Setenv", ""},
	{"fmt", "Print", ""},
	{"fmt", "Printf", ""},
	{"fmt", "Println", ""},
	{"log", "*", ""},
	{"slog", "Default", ""},
	{"slog", "SetDefault", ""},
	{"klog", "*", ""},
	{"signal", "*", ""},
}

// TestLibraryHasNoGlobalEffects checks that the library doesn't exit, print, log to
// a global logger, or read the environment unless the caller requests it.
func TestLibraryHasNoGlobalEffects(t *testing.T) {
	t.Parallel()
	files := 0
	for _, folder := range []string{"ippool", "bootstrap", "internal/netcause", "internal/spelling", "internal/text", "internal/calicolinks"} {
		require.NoError(t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			files++
			positions := token.NewFileSet()
			file, err := parser.ParseFile(positions, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(node ast.Node) bool {
				selector, ok := node.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				pkg, ok := selector.X.(*ast.Ident)
				if !ok {
					return true
				}
				name := selector.Sel.Name
				i := slices.IndexFunc(forbidden, func(f struct{ pkg, function, except string }) bool {
					return f.pkg == pkg.Name && (f.function == name || f.function == "*")
				})
				if i >= 0 && forbidden[i].except != filepath.ToSlash(path) {
					assert.Fail(t, "forbidden in a library", "%s: %s.%s", positions.Position(node.Pos()), pkg.Name, name)
				}
				return true
			})
			return nil
		}))
	}
	assert.Greater(t, files, 80)
}
