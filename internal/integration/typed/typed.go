// Package typed runs the commands of a document in a shell and compares their output with
// the document.
package typed

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// consoleBlock is a block of a session: commands after $ and >, and their output.
var consoleBlock = regexp.MustCompile("(?s)<!-- session: ([a-z0-9-]+) -->\n```console\n(.*?)```\n")

// Session is all blocks of a document with the same name. One bash runs their commands in
// order. Every command must succeed.
type Session struct {
	Document string              // path of the document
	Name     string              // name in the blocks' comments
	Folder   string              // working directory of the shell
	Env      []string            // complete environment of the shell
	Tidy     func(string) string // applied to the output of each command
	Update   bool                // rewrites the document instead of comparing
	Ignore   bool                // skips the comparison, for versions with other output

	// Meanwhile is called again and again while the shell runs; nil: nothing is.
	Meanwhile func()
}

// Type runs the session.
func (s Session) Type(t testing.TB) {
	t.Helper()
	text, err := os.ReadFile(s.Document)
	require.NoError(t, err)

	var script strings.Builder
	script.WriteString("set -o pipefail\n")
	commands := 0
	for _, block := range consoleBlock.FindAllStringSubmatch(string(text), -1) {
		if block[1] != s.Name {
			continue
		}
		for _, command := range typedLines(block[2]) {
			fmt.Fprintf(&script, "echo '@@%d'\n%s\n[ $? -eq 0 ] || { echo \"command %[1]d failed\" >&2; exit 1; }\n", commands, command)
			commands++
		}
	}
	require.Positive(t, commands)
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script.String())
	cmd.Dir = s.Folder
	cmd.Env = s.Env
	var out, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &stderr
	require.NoError(t, cmd.Start())
	require.NoError(t, s.wait(cmd), "%s%s", &out, &stderr)
	printed := map[int]string{}
	for i := range commands {
		_, rest, found := strings.Cut(out.String(), fmt.Sprintf("@@%d\n", i))
		require.True(t, found)
		printed[i], _, _ = strings.Cut(rest, fmt.Sprintf("@@%d\n", i+1))
	}

	i := 0
	tried := consoleBlock.ReplaceAllStringFunc(string(text), func(block string) string {
		match := consoleBlock.FindStringSubmatch(block)
		if match[1] != s.Name {
			return block
		}
		var session strings.Builder
		for _, command := range typedLines(match[2]) {
			session.WriteString("$ " + strings.ReplaceAll(command, "\n", "\n> ") + "\n")
			session.WriteString(s.Tidy(printed[i]))
			i++
		}
		return "<!-- session: " + s.Name + " -->\n```console\n" + session.String() + "```\n"
	})
	switch {
	case s.Update:
		require.NoError(t, os.WriteFile(s.Document, []byte(tried), 0o644))
	case !s.Ignore:
		assert.Equal(t, tried, string(text))
	}
}

// wait waits for the shell, and calls Meanwhile.
func (s Session) wait(cmd *exec.Cmd) error {
	if s.Meanwhile == nil {
		return cmd.Wait()
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case err := <-done:
			return err
		case <-time.After(20 * time.Millisecond):
			s.Meanwhile()
		}
	}
}

// typedLines returns the commands of a block, each with its continuation lines.
func typedLines(block string) []string {
	var commands []string
	for line := range strings.Lines(block) {
		line = strings.TrimSuffix(line, "\n")
		if typed, ok := strings.CutPrefix(line, "$ "); ok {
			commands = append(commands, typed)
		} else if typed, ok := strings.CutPrefix(line, "> "); ok && len(commands) > 0 {
			commands[len(commands)-1] += "\n" + typed
		}
	}
	return commands
}
