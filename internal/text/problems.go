package text

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"sync"
)

// Unreadable returns a problem: the file can't be read, and what it must be. It
// omits the file's path, which the message already has.
func Unreadable(err error, must string) string {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	return fmt.Sprintf("can't be read: %s; must be %s", Cause(err), must)
}

// Undecodable returns a problem: the text is not the YAML or JSON of what it must
// be, and the decoder's error, without the values that it quotes.
func Undecodable(err error, must string) string {
	return fmt.Sprintf("not %s: %s", must, Decoding(err))
}

// valuesInErrors matches what the decoders of YAML and JSON quote. The most likely value is
// an unquoted password that begins with *, which reads as an alias. The first group is
// the text before a name, which is shown if it looks like one.
var valuesInErrors = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile("((?:field|key|kind|version|Kind) )?(\"(?:[^\"\\\\]|\\\\.)*\")" +
		"|(unknown anchor )'[^']*'|(invalid map key: |cannot unmarshal number |unexpected GroupVersion string: )(\\S+( .*)?)" + "|`.*")
})

// Decoding returns a decoder's error without quoted values, which may be secrets, and
// without the leading description of the decoding step, which depends on the decoder's
// version.
func Decoding(err error) string {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	problem := Clip(strings.TrimPrefix(err.Error(), "while decoding JSON: "), 16*MaxCause)
	if groups := goTypeInErrors().FindStringSubmatch(problem); groups != nil {
		return OneLine(wrongType(groups[1], groups[2], groups[3]))
	}
	return OneLine(valuesInErrors().ReplaceAllStringFunc(problem, func(match string) string {
		groups := valuesInErrors().FindStringSubmatch(match)
		if name, quote := groups[1], groups[2]; name != "" && isName().MatchString(quote[1:len(quote)-1]) && Secret(quote) == "" {
			return match
		}
		return groups[1] + groups[3] + groups[4] + Hidden
	}))
}

// goTypeInErrors matches what encoding/json reports of a value of another type: the value's
// type, the field, if any, without the Go type that has it, and the expected Go type.
var goTypeInErrors = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`json: cannot unmarshal (\w+)(?: \S+)? into Go (?:value|struct field \w*\.(\S+)) of type (.+)$`)
})

// wrongType returns the problem of a value of a type of JSON that is decoded into a Go type.
// The value may be an element of the field, if that is a list or a mapping.
func wrongType(is, field, name string) string {
	problem := "a " + is
	switch is {
	case "object":
		problem = "a mapping"
	case "array":
		problem = "a list"
	case "bool":
		problem = "a boolean"
	}
	if field != "" {
		problem = field + ": has " + problem
	}
	must := inPlaceOf(name)
	switch {
	case must == "":
		return problem + ", which is not valid there"
	case is == "number" && must == "a number":
		return problem + " that is out of range, or has a fraction"
	default:
		return problem + " in place of " + must
	}
}

// inPlaceOf returns what a value of a Go type must be; empty if the type has a name of its own.
func inPlaceOf(name string) string {
	switch strings.TrimRight(name, "0123456789") {
	case "string":
		return "a string"
	case "bool":
		return "true or false"
	case "int", "uint", "float":
		return "a number"
	}
	switch {
	case name == "[]uint8": // in base64
		return "a string"
	case strings.HasPrefix(name, "["):
		return "a list"
	case strings.HasPrefix(name, "map["), strings.HasPrefix(name, "struct {"):
		return "a mapping"
	}
	return ""
}

// isName matches the name of a field, a kind or a version.
var isName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z][\w./\[\]-]{0,127}$`) })

// Strict returns the text of a warning that a setting turns into an error.
func Strict(warning, setting string) string {
	return fmt.Sprintf("%s (an error because of %s)", Clip(OneLine(warning), MaxProblem-100), setting)
}
