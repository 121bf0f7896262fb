package integration

import (
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

// realInput is the folder of the cases of real input, in a folder for each kind. Its
// README.md has their format.
const realInput = "testdata/realinput"

// TestRealInput runs the program on what users set and write, on a real etcd.
func TestRealInput(t *testing.T) {
	t.Parallel()
	world := newEtcdWorld(t)
	endpoint := world.server.Endpoints()[0]
	at, err := url.Parse(endpoint)
	require.NoError(t, err)
	place := realPlace{
		name: "etcd", env: "ETCD_ENDPOINTS=" + endpoint,
		words: []string{"@ETCD@", endpoint, "@ETCD_PORT@", at.Port()},
		store: func(name, data string) { world.put(t, ippool.RecordKey(name), strings.TrimSpace(data)) },
		records: func() string {
			var b strings.Builder
			for _, record := range world.records(t) {
				fmt.Fprintf(&b, "%s\n  %s\n", strings.TrimPrefix(record.key, ippool.RecordPrefix), record.value)
			}
			return b.String()
		},
	}
	runRealInput(t, place, func() { world.empty(t) })
}

// TestKubernetesRealInput does the same on a real API server.
func TestKubernetesRealInput(t *testing.T) {
	t.Parallel()
	world := newKubernetesWorld(t, ippool.CRDV1)
	kubeconfig := world.server.Kubeconfig(t)
	loaded, err := clientcmd.LoadFromFile(kubeconfig)
	require.NoError(t, err)
	at, err := url.Parse(world.server.URL())
	require.NoError(t, err)
	current := loaded.Contexts[loaded.CurrentContext]
	cluster, user := loaded.Clusters[current.Cluster], loaded.AuthInfos[current.AuthInfo]
	place := realPlace{
		name: "kubernetes", env: "KUBECONFIG=" + kubeconfig,
		words: []string{
			"@KUBECONFIG@", kubeconfig, "@API@", world.server.URL(), "@API_PORT@", at.Port(), "@CA@", world.server.CAFile(),
			"@CA_DATA@", base64.StdEncoding.EncodeToString(cluster.CertificateAuthorityData),
			"@CERT_DATA@", base64.StdEncoding.EncodeToString(user.ClientCertificateData),
			"@KEY_DATA@", base64.StdEncoding.EncodeToString(user.ClientKeyData),
		},
		store: func(name, data string) { world.WriteRaw(t, name, data) },
		configMap: func(name, key, data string) {
			if data == "" {
				world.server.DeleteConfigMap(t, "kube-system", name)
				return
			}
			world.server.PutConfigMap(t, "kube-system", name, map[string]string{key: data})
		},
		records: func() string {
			var b strings.Builder
			for _, pool := range world.Pools(t) {
				fmt.Fprintf(&b, "%s\n  %s\n", pool.Name, world.Raw(t, pool.Name))
			}
			return b.String()
		},
	}
	runRealInput(t, place, func() { world.empty(t) })
}

// realPlace is a datastore for cases of real input.
type realPlace struct {
	name      string
	env       string   // selects it
	words     []string // placeholders, each followed by its text
	store     func(name, data string)
	configMap func(name, key, data string)
	records   func() string
}

// realCase is one file of the folder.
type realCase struct {
	name    string
	archive *txtar.Archive
	runs    []string   // arguments
	places  []string   // etcd, kubernetes
	alone   bool       // only its own environment selects a datastore
	checked bool       // with the preflight
	wants   [][]string // "want" or "want-not", and the rest of the line
	windows []string   // files with carriage returns
}

// readRealCase reads a case. Its comment has keywords, each on a line of its own.
func readRealCase(t *testing.T, path string) realCase {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	require.NoError(t, err)
	relative, err := filepath.Rel(realInput, path)
	require.NoError(t, err)
	c := realCase{name: strings.TrimSuffix(filepath.ToSlash(relative), ".txtar"), archive: archive, places: []string{"etcd"}}
	for line := range strings.Lines(string(archive.Comment)) {
		word, rest, found := strings.Cut(strings.TrimSpace(line), ": ")
		if !found {
			continue
		}
		switch word {
		case "run":
			c.runs = append(c.runs, rest)
		case "on":
			c.places = strings.Fields(rest)
		case "alone":
			c.alone = rest == "yes"
		case "preflight":
			c.checked = rest == "on"
		case "want", "want-not":
			c.wants = append(c.wants, []string{word, rest})
		case "windows":
			c.windows = strings.Fields(rest)
		}
	}
	require.NotEmpty(t, c.wants, "%s asserts nothing", c.name)
	if len(c.runs) == 0 {
		c.runs = []string{"apply"}
	}
	return c
}

// golden returns the name of the file with what happens in that place.
func (c realCase) golden(place realPlace) string { return "expected/" + place.name }

// runRealInput runs every case of the place, each on an empty datastore.
func runRealInput(t *testing.T, place realPlace, empty func()) {
	cases := 0
	require.NoError(t, filepath.WalkDir(realInput, func(path string, _ fs.DirEntry, err error) error {
		require.NoError(t, err)
		if filepath.Ext(path) != ".txtar" {
			return nil
		}
		c := readRealCase(t, path)
		if !slices.Contains(c.places, place.name) {
			return nil
		}
		cases++
		empty()
		t.Run(c.name, func(t *testing.T) {
			outcome := c.run(t, place)
			assert.Empty(t, c.missed(outcome), outcome.text)
			c.compare(t, path, place, outcome.text)
		})
		return nil
	}))
	assert.Greater(t, cases, 5)
}

// outcome is what happened in a case.
type outcome struct {
	text, stdout, stderr, records string // normalized
	code                          int    // of the last run
}

// run stores what the case stores, and runs the program in a folder with its files.
func (c realCase) run(t *testing.T, place realPlace) outcome {
	t.Helper()
	folder := t.TempDir()
	back := []string{folder, "@DIR@"}
	for i := 0; i+1 < len(place.words); i += 2 {
		back = append(back, place.words[i+1], place.words[i])
	}
	expand, restore := strings.NewReplacer(place.words...), strings.NewReplacer(back...)
	env := []string{"HOME=" + folder}
	if !c.alone {
		env = append(env, place.env)
	}
	if c.checked {
		env = append(env, preflightOn...)
	}
	for _, file := range c.archive.Files {
		data := expand.Replace(string(file.Data))
		if slices.Contains(c.windows, file.Name) {
			data = strings.ReplaceAll(data, "\n", "\r\n")
		}
		kind, name, _ := strings.Cut(file.Name, "/")
		switch kind {
		case "expected":
		case "env": // as docker run --env-file reads it
			for line := range strings.Lines(data) {
				if line = strings.TrimSuffix(line, "\n"); line != "" && line[0] != '#' {
					env = append(env, line)
				}
			}
		case "stored":
			place.store(name, data)
		case "configmap":
			name, key, _ := strings.Cut(name, "/")
			place.configMap(name, key, data)
			t.Cleanup(func() { place.configMap(name, key, "") })
		default:
			path := filepath.Join(folder, file.Name)
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
			require.NoError(t, os.WriteFile(path, []byte(data), 0o600))
		}
	}
	var o outcome
	normal := func(text string) string {
		text = allowedNote.ReplaceAllString(normalized(restore.Replace(text)), "")
		text = logTime.ReplaceAllString(text, "")
		if randomULA.MatchString(text) { // columns are as wide as it is long
			text = spaces.ReplaceAllString(randomULA.ReplaceAllString(text, "fdxx:xxxx:xxxx::/48"), "  ")
		}
		return text
	}
	for _, args := range c.runs {
		cmd := command(t, env, strings.Fields(expand.Replace(args))...)
		cmd.Dir = folder
		r := finish(t, cmd)
		o.code = r.code
		stdout, stderr := normal(r.stdout), normal(r.stderr)
		o.stdout, o.stderr = o.stdout+stdout, o.stderr+stderr
		o.text += fmt.Sprintf("$ calico-bootstrap %s\n%s%sexit %d\n", args, stdout, stderr, r.code)
	}
	o.records = normal(place.records())
	o.text += "records:\n" + o.records
	return o
}

// missed returns the wants that do not hold.
func (c realCase) missed(o outcome) []string {
	var missed []string
	for _, want := range c.wants {
		where, text, _ := strings.Cut(want[1], " ")
		holds := false
		switch where {
		case "exit":
			holds = fmt.Sprint(o.code) == text
		case "stdout":
			holds = strings.Contains(o.stdout, text)
		case "stderr":
			holds = strings.Contains(o.stderr, text)
		case "output":
			holds = strings.Contains(o.stdout+o.stderr, text)
		case "first-line":
			first, _, _ := strings.Cut(o.stderr, "\n")
			holds = strings.Contains(first, text)
		case "records":
			holds = strings.Contains(o.records, text) || text == "none" && o.records == ""
		default:
			missed = append(missed, "unknown: "+want[1])
			continue
		}
		if holds != (want[0] == "want") {
			missed = append(missed, strings.Join(want, ": "))
		}
	}
	return missed
}

// compare compares the outcome with the case's file, which -update writes.
func (c realCase) compare(t *testing.T, path string, place realPlace, got string) {
	t.Helper()
	name := c.golden(place)
	i := slices.IndexFunc(c.archive.Files, func(file txtar.File) bool { return file.Name == name })
	if *update {
		if i < 0 {
			i = len(c.archive.Files)
			c.archive.Files = append(c.archive.Files, txtar.File{Name: name})
		}
		c.archive.Files[i].Data = []byte(got)
		require.NoError(t, os.WriteFile(path, txtar.Format(c.archive), 0o644))
		return
	}
	require.GreaterOrEqual(t, i, 0, "no expected outcome; run with -update")
	assert.Equal(t, string(c.archive.Files[i].Data), got)
}
