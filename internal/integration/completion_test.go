package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// completions are command lines and the words that a shell must offer for each, in
// any order. Where a flag takes a file, the shell offers only files.
var completions = []struct {
	typed string
	want  string
	files bool
}{
	{"calico-bootstrap fi", "firewall", false},
	{"calico-bootstrap --prefl", "--preflight", false},
	{"calico-bootstrap plan --on-drift ", "fail report update", false},
	{"calico-bootstrap plan --on-drift u", "update", false},
	{"calico-bootstrap --ipv4-pool-ipip ", "always cross-subnet crosssubnet never off", false},
	{"calico-bootstrap --allow NoUsablePool,ULA", "NoUsablePool,ULAWithoutNAT", false},
	{"calico-bootstrap -o ", "json table yaml", false},
	{"calico-bootstrap render -o ", "helm-values installation json yaml", false},
	{"calico-bootstrap config -o e", "env", false},
	{"calico-bootstrap ra", "ranges", false},
	{"calico-bootstrap ranges -o s", "svg", false},
	{"calico-bootstrap firewall --output f", "firewall-cmd", false},
	{"calico-bootstrap firewall --role ", "control-plane node", false},
	{"calico-bootstrap --ipv4-pool-cidr ", "", false},
	{"calico-bootstrap plan ", "", false},
	{"calico-bootstrap --kubeconfig ", "", true},
	{"calico-bootstrap --config ", "", true},
	{"calico-bootstrap --pools-file ", "", true},
	{"calico-bootstrap firewall --from ", "", true},
}

// onlyFile is the only file in the shells' working directory.
const onlyFile = "admin.conf"

// TestCompletionWords calls the program as every shell's completion script does.
func TestCompletionWords(t *testing.T) {
	t.Parallel()
	for _, tt := range append(completions, struct {
		typed, want string
		files       bool
	}{"calico-bootstrap --strict=", "false true", false}) {
		args := append([]string{"__complete"}, strings.Split(tt.typed, " ")[1:]...)
		r := call(t, nil, args...)
		require.Zero(t, r.code, r.stderr)
		lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
		directive := map[bool]string{true: ":0", false: ":4"}[tt.files]
		assert.Equal(t, directive, lines[len(lines)-1], tt.typed)
		var offered []string
		last := strings.TrimPrefix(args[len(args)-1], "--strict=")
		for _, line := range lines[:len(lines)-1] {
			if word, _, _ := strings.Cut(line, "\t"); strings.HasPrefix(word, last) {
				offered = append(offered, word)
			}
		}
		assert.ElementsMatch(t, strings.Fields(tt.want), offered, tt.typed)
	}
}

// TestCompletionInBash uses the bash-completion library, which the script needs. The
// script enables file name completion by an option of compopt, so the test checks
// that option and not the file names.
func TestCompletionInBash(t *testing.T) {
	t.Parallel()
	const library = "/usr/share/bash-completion/bash_completion"
	if _, err := os.Stat(library); err != nil {
		t.Skip("bash-completion is not installed")
	}
	shell := inShell(t, "bash", "--norc", "-c", `
source `+library+`
source <(calico-bootstrap completion bash) || exit 1
type() { if [ "$*" = "-t compopt" ]; then echo builtin; else builtin type "$@"; fi; }
compopt() { options+=" $*"; }
COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9 COMP_WORDS=($1) options=
[[ $1 == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
__start_calico-bootstrap
[[ $options == *"+o default"* ]] || COMPREPLY+=(`+onlyFile+`)
printf '%s\n' "${COMPREPLY[@]//\\/}"`, "bash")
	assertOffers(t, shell)
}

func TestCompletionInFish(t *testing.T) {
	t.Parallel()
	shell := inShell(t, "fish", "--no-config", "-c", `
calico-bootstrap completion fish | source
complete -C $argv[1] | string replace -r '\t.*' ''; or true`)
	assertOffers(t, shell)
}

// TestCompletionInZsh runs zsh in a pseudo-terminal, which zsh's completion requires.
// It shows both the lists and the typed text.
func TestCompletionInZsh(t *testing.T) {
	t.Parallel()
	shell := inShell(t, "zsh", "-f", "-c", `
zmodload zsh/zpty
zpty -b shell zsh -f -i
zpty -w shell 'autoload -U compinit; compinit -u -D; source <(calico-bootstrap completion zsh); print REA""DY'
zpty -r shell line '*READY*'
for typed in "${(@s:|:)1}"; do
	zpty -n -w shell "$typed"$'\t\x01print -r -- \nprint DO""NE\n'
	zpty -r shell line '*DONE*'
	print -r -- "${line//|/}|"
done`, "zsh")
	var typed []string
	for _, tt := range completions {
		typed = append(typed, tt.typed)
	}
	shown := strings.Split(shell(t, strings.Join(typed, "|")), "|")
	require.Len(t, shown, len(completions)+1)
	for i, tt := range completions {
		for _, word := range strings.Fields(tt.want) {
			assert.Contains(t, shown[i], word, tt.typed)
		}
		assert.Equal(t, tt.files, strings.Contains(shown[i], onlyFile), "%s: %q", tt.typed, shown[i])
	}
}

// inShell returns a function that runs the shell with a command line as its last
// argument and returns the shell's output.
func inShell(t *testing.T, shell string, arguments ...string) func(t *testing.T, typed string) string {
	t.Helper()
	if _, err := exec.LookPath(shell); err != nil {
		t.Skip(shell + " is not installed")
	}
	program := command(t, nil).Path
	bin := t.TempDir()
	require.NoError(t, os.Symlink(program, filepath.Join(bin, "calico-bootstrap")))
	return func(t *testing.T, typed string) string {
		command := exec.CommandContext(t.Context(), shell, append(arguments[:len(arguments):len(arguments)], typed)...)
		command.Dir = t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(command.Dir, onlyFile), nil, 0o600))
		command.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TERM=xterm", "LC_ALL=C.UTF-8"}
		out, err := command.Output()
		require.NoError(t, err)
		return string(out)
	}
}

func assertOffers(t *testing.T, complete func(*testing.T, string) string) {
	for _, tt := range completions {
		want := strings.Fields(tt.want)
		if tt.files {
			want = append(want, onlyFile)
		}
		assert.ElementsMatch(t, want, strings.Fields(complete(t, tt.typed)), tt.typed)
	}
}
