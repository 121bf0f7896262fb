package kubernetes

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

// FuzzEndpoint checks that any settings for an API server by its URL are either rejected,
// with a line per fault, or give a client. No message shows the token, whether it is in
// its own setting or in the URL.
func FuzzEndpoint(f *testing.F) {
	const tokenSecret, urlSecret = "hunter3secret", "hunter2secret"
	for _, server := range []string{
		"https://10.0.0.1:6443", "http://[fd00::1]:8080/prefix/", "https://a:99999", "10.0.0.1:6443", "ftp://a", "https://", "//a", "https://a/%zz", "https://a:06443", "https://\x7f", "https://[::1%25eth0]:1",
		"https://root:hunter2secret@a:1", "https://a/?token=hunter2secret", "https://a/#hunter2secret", "root:hunter2secret@a", "https://root:hunter2secret%zz@a", "https://root:1/hunter2secret@a",
	} {
		f.Add(server, "", "", "", "", "")
		f.Add(server, "hunter3secret", "5", "10", "projectcalico.org/v3", "yes")
		f.Add(server, "hunter3 secret", "NaN", "-1", "v3", "perhaps")
		f.Add(server, "hunter3secret\nb", "", "", "", "")
	}
	f.Fuzz(func(t *testing.T, server, token, qps, burst, group, insecure string) {
		configured := settings.DatastoreSettings{
			K8sAPIEndpoint: given(server), K8sAPIToken: given(token), K8sClientQPS: given(qps), K8sClientBurst: given(burst),
			CalicoAPIGroup: given(group), K8sInsecureSkipTLSVerify: given(insecure),
		}
		if server == "" {
			t.Skip("without a URL, it is the pod's API server or none")
		}
		config, warnings, err := FromSettings(configured)
		messages := strings.Join(warnings, "\n") + fmt.Sprint(configured, err) + fmt.Sprintf("%v %+v %#v", config, config, config)
		// A text that is also part of another setting is not secret.
		if !strings.Contains(server+qps+burst+group+insecure, tokenSecret) {
			require.NotContains(t, messages, tokenSecret)
		}
		at := strings.Index(server, urlSecret)
		hidden := at < strings.LastIndexByte(server, '@') || strings.ContainsAny(server[:max(at, 0)], "?#")
		if hidden && strings.Count(server+token+qps+burst+group+insecure, urlSecret) == 1 {
			require.NotContains(t, messages, urlSecret)
		}
		for _, warning := range warnings {
			checkLine(t, warning)
		}
		if err != nil {
			checkFaults(t, err)
			return
		}
		parsed, err := url.Parse(config.REST.Host)
		require.NoError(t, err)
		require.NotEmpty(t, parsed.Hostname())
		require.Nil(t, parsed.User)
		store, err := Open(config)
		require.NoError(t, err)
		require.NoError(t, store.Close())
	})
}

// FuzzKubeconfig checks that no message shows a user's secret from a kubeconfig, whatever
// surrounds the secret.
func FuzzKubeconfig(f *testing.F) {
	for field := range uint8(3) {
		for _, around := range [][2]string{
			{"", ""}, {"'", "'"}, {`"`, `"`}, {`"\`, `"`}, {"*", ""}, {"&", ""}, {"!", ""}, {"!!int ", ""}, {"!!binary ", ""}, {"[", "]"}, {"{", "}"}, {"{", ": x}"}, {"@", ""},
			{"`", ""}, {"%", ""}, {"|", ""}, {"'", ""}, {"", ": x"}, {"", " #"}, {"- ", ""}, {"{[", "]: x}"}, {"<<: ", ""}, {"\x00", ""},
		} {
			f.Add(field, around[0], around[1])
		}
	}
	const secret = "hunter2secret"
	f.Fuzz(func(t *testing.T, field uint8, before, after string) {
		if strings.ContainsAny(before+after, "\n\r\u0085\u2028\u2029") {
			t.Skip("another line, and so another field, whose name may be printed")
		}
		name := []string{"token", "password", "client-key-data"}[field%3]
		text := strings.Replace(kubeconfig, "user: {token: hunter2}", "user:\n    username: a\n    "+name+": "+before+secret+after, 1)
		configured := settings.DatastoreSettings{KubeconfigInline: given(text)}
		config, warnings, err := FromSettings(configured)
		require.NotContains(t, strings.Join(warnings, "\n")+fmt.Sprint(configured, err)+fmt.Sprintf("%v %+v %#v", config, config, config), secret)
		if err != nil {
			checkFaults(t, err)
			return
		}
		require.Equal(t, "https://one.example:6443", config.REST.Host)
	})
}

func checkFaults(t *testing.T, err error) {
	t.Helper()
	var faults *settings.Error
	require.ErrorAs(t, err, &faults)
	texts := strings.Split(err.Error(), "\n")
	require.Len(t, texts, len(faults.Faults))
	for _, text := range texts {
		checkLine(t, text)
	}
}

func checkLine(t *testing.T, text string) {
	t.Helper()
	assert.NotEmpty(t, text)
	for _, r := range text {
		require.True(t, unicode.IsGraphic(r), "%q in %q", r, text)
	}
}
