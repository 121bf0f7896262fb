package calicobootstrap_test

import (
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAPI fails if the exported API differs from the files in api/, one for each
// package with a line for each symbol, so that reviewers see changes of the API.
// `go test . -run API -update` writes the files; `make api` classifies the change.
func TestAPI(t *testing.T) {
	files := map[string]string{} // the compiler's export data of each package
	for _, line := range goList(t, os.Getenv("GOWORK"), "{{.ImportPath}}={{.Export}}", "-export", "-deps", "./ippool/...", "./bootstrap/...") {
		path, file, _ := strings.Cut(line, "=")
		files[path] = file
	}
	packages := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) { return os.Open(files[path]) })

	listings := map[string]bool{}
	for _, path := range publicPackages(t) {
		pkg, err := packages.Import(path)
		require.NoError(t, err)
		name := strings.ReplaceAll(strings.TrimPrefix(path, module), "/", "-")
		listing := filepath.Join("api", name+".txt")
		listings[listing] = true
		if *update {
			require.NoError(t, os.WriteFile(listing, []byte(apiOf(pkg)), 0o644))
		}
		assert.Equal(t, readFile(t, listing), apiOf(pkg), "if the change is intended: go test . -run API -update")
	}
	there, err := filepath.Glob("api/*")
	require.NoError(t, err)
	require.Len(t, listings, 16)
	for _, file := range there {
		assert.True(t, listings[file], "%s is not of a package", file)
	}
}

// publicPackages returns the packages that importers may use. The root package is
// empty.
func publicPackages(t *testing.T) []string {
	t.Helper()
	var public []string
	for _, path := range goList(t, os.Getenv("GOWORK"), "{{.ImportPath}}", "./...") {
		if strings.HasPrefix(path, module) && !strings.Contains(path, "/internal/") {
			public = append(public, path)
		}
	}
	return public
}

// apiOf lists the exported symbols of the package by name, each type with its
// fields and methods.
func apiOf(pkg *types.Package) string {
	short := func(other *types.Package) string {
		if other == pkg {
			return ""
		}
		return other.Name()
	}
	var text strings.Builder
	for _, name := range pkg.Scope().Names() { // sorted
		switch object := pkg.Scope().Lookup(name).(type) {
		case *types.Const:
			if object.Exported() {
				fmt.Fprintf(&text, "const %s %s = %s\n", name, types.TypeString(object.Type(), short), object.Val().ExactString())
			}
		case *types.TypeName:
			if object.Exported() {
				listType(&text, object, short)
			}
		default:
			if object.Exported() {
				fmt.Fprintln(&text, types.ObjectString(object, short))
			}
		}
	}
	return text.String()
}

func listType(text *strings.Builder, object *types.TypeName, short types.Qualifier) {
	name := object.Name()
	switch of := object.Type().Underlying().(type) {
	case *types.Struct:
		fmt.Fprintf(text, "type %s struct\n", name)
		hidden := 0
		for i := range of.NumFields() {
			field := of.Field(i)
			if !field.Exported() {
				hidden++
				continue
			}
			line := "field " + name + "." + field.Name() + " " + types.TypeString(field.Type(), short)
			if field.Embedded() {
				line += " (embedded)"
			}
			if tag := of.Tag(i); tag != "" { // JSON names and variables are part of the API
				line += " `" + tag + "`"
			}
			fmt.Fprintln(text, line)
		}
		if hidden > 0 {
			fmt.Fprintf(text, "field %s: others, not exported\n", name)
		}
	case *types.Interface:
		fmt.Fprintf(text, "type %s interface\n", name)
		for method := range of.Methods() {
			signature := types.TypeString(method.Type(), short)
			fmt.Fprintf(text, "method %s.%s%s\n", name, method.Name(), strings.TrimPrefix(signature, "func"))
		}
	default:
		fmt.Fprintf(text, "type %s %s\n", name, types.TypeString(of, short))
	}
	var methods []string
	if named, ok := object.Type().(*types.Named); ok { // an alias is not
		for method := range named.Methods() {
			if method.Exported() {
				receiver := types.TypeString(method.Signature().Recv().Type(), short)
				signature := strings.TrimPrefix(types.TypeString(method.Signature(), short), "func")
				methods = append(methods, fmt.Sprintf("method (%s) %s%s\n", receiver, method.Name(), signature))
			}
		}
	}
	slices.Sort(methods) // they are in the order of the files
	text.WriteString(strings.Join(methods, ""))
}
