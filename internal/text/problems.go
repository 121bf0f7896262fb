package text

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
)

// Unreadable says why a file can't be read, without its path, which stands before
// it in a message, and what would be right.
func Unreadable(err error, want string) string {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	return fmt.Sprintf("can't be read: %v; must be %s", err, want)
}

// Undecodable says why a text is not the YAML or JSON of what it should be: what
// the decoder found, without the values in it, which may be secrets.
func Undecodable(err error, want string) string {
	return fmt.Sprintf("not %s: %s", want, yamlProblem(err))
}

// valuesInYAMLErrors are the places where the YAML decoder quotes a value. The
// likeliest is the alias that an unquoted password with * in front looks like.
const valuesInYAMLErrors = "(unknown anchor )'[^']*'|(invalid map key: ).*|`.*"

// yamlProblem is what the decoder finds, without the values in it and without the
// steps of decoding in front, which differ from one version of the decoder to the
// next.
func yamlProblem(err error) string {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	problem := strings.TrimPrefix(err.Error(), "while decoding JSON: ")
	return regexp.MustCompile(valuesInYAMLErrors).ReplaceAllString(problem, "$1$2***")
}

// Strict is a warning that a setting makes an error.
func Strict(warning, setting string) string {
	return fmt.Sprintf("%s (an error because of %s)", Clip(OneLine(warning), MaxProblem-100), setting)
}
