package calicobootstrap_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAPIDocumented fails if an exported symbol has no comment: constants and
// variables, by themselves or as a group, functions, types, methods, and the fields
// of structs except for embedded types.
func TestAPIDocumented(t *testing.T) {
	t.Parallel()
	symbols := 0
	for _, path := range publicPackages(t) {
		for symbol, comment := range documentation(t, path) {
			symbols++
			assert.NotEmpty(t, strings.TrimSpace(comment), "%s has no comment for %s", path, symbol)
		}
	}
	assert.Greater(t, symbols, 300)
}

// documentation returns the comment of each symbol of the package.
func documentation(t *testing.T, path string) map[string]string {
	t.Helper()
	files := token.NewFileSet()
	var parsed []*ast.File
	dir := strings.TrimPrefix(path, module)
	for _, name := range goList(t, os.Getenv("GOWORK"), `{{join .GoFiles "\n"}}`, path) {
		file, err := parser.ParseFile(files, filepath.Join(dir, name), nil, parser.ParseComments)
		require.NoError(t, err)
		parsed = append(parsed, file)
	}
	pkg, err := doc.NewFromFiles(files, parsed, path)
	require.NoError(t, err)

	comments := map[string]string{"package " + pkg.Name: pkg.Doc}
	values := func(groups []*doc.Value) {
		for _, group := range groups {
			for _, spec := range group.Decl.Specs {
				spec := spec.(*ast.ValueSpec)
				for _, name := range spec.Names {
					if name.IsExported() {
						comments[name.Name] = group.Doc + spec.Doc.Text() + spec.Comment.Text()
					}
				}
			}
		}
	}
	functions := func(of string, functions []*doc.Func) {
		for _, function := range functions {
			comments[of+function.Name] = function.Doc
		}
	}
	values(pkg.Consts)
	values(pkg.Vars)
	functions("", pkg.Funcs)
	for _, of := range pkg.Types {
		comments[of.Name] = of.Doc
		values(of.Consts)
		values(of.Vars)
		functions("", of.Funcs)
		functions(of.Name+".", of.Methods)
		for _, field := range fields(of) {
			for _, name := range field.Names { // an embedded field has no names
				if name.IsExported() {
					comments[of.Name+"."+name.Name] = field.Doc.Text() + field.Comment.Text()
				}
			}
		}
	}
	return comments
}

// fields returns the fields of a struct, or the methods of an interface.
func fields(of *doc.Type) []*ast.Field {
	for _, spec := range of.Decl.Specs {
		switch of := spec.(*ast.TypeSpec).Type.(type) {
		case *ast.StructType:
			return of.Fields.List
		case *ast.InterfaceType:
			return of.Methods.List
		}
	}
	return nil
}
