package text

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
)

// Unreadable returns a problem: the file can't be read, and what it must be. It
// omits the file's path, which the message already has.
func Unreadable(err error, must string) string {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	return fmt.Sprintf("can't be read: %v; must be %s", err, must)
}

// Undecodable returns a problem: the text is not the YAML or JSON of what it must
// be, and the decoder's error. It omits quoted values, which may be secrets.
func Undecodable(err error, must string) string {
	return fmt.Sprintf("not %s: %s", must, yamlProblem(err))
}

// valuesInYAMLErrors matches the values that the YAML decoder quotes. The most
// likely one is an unquoted password that begins with *, which reads as an alias.
const valuesInYAMLErrors = "(unknown anchor )'[^']*'|(invalid map key: ).*|`.*"

// yamlProblem returns the decoder's error without quoted values, and without the
// leading description of the decoding step, which depends on the decoder's version.
func yamlProblem(err error) string {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	problem := strings.TrimPrefix(err.Error(), "while decoding JSON: ")
	return regexp.MustCompile(valuesInYAMLErrors).ReplaceAllString(problem, "$1$2***")
}

// Strict returns the text of a warning that a setting turns into an error.
func Strict(warning, setting string) string {
	return fmt.Sprintf("%s (an error because of %s)", Clip(OneLine(warning), MaxProblem-100), setting)
}
