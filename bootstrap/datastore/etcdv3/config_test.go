package etcdv3

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

func given(value string) settings.Setting { return settings.Given(value, origin.Env("X")) }

// lines returns the faults of an error, one per line; nil for no error.
func lines(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	require.ErrorIs(t, err, settings.ErrInvalidSettings)
	return strings.Split(err.Error(), "\n")
}

func TestFromSettingsEndpoints(t *testing.T) {
	t.Parallel()
	const want = "; must be URLs such as https://10.0.0.1:2379, separated by commas"
	for _, test := range []struct {
		text      string
		endpoints []string
		faults    []string
	}{
		{text: "https://10.0.0.1:2379", endpoints: []string{"https://10.0.0.1:2379"}},
		{text: "http://etcd-0.etcd:2379,http://etcd-1.etcd:2379", endpoints: []string{"http://etcd-0.etcd:2379", "http://etcd-1.etcd:2379"}},
		{text: "https://a:1 , https://b:2/", endpoints: []string{"https://a:1", "https://b:2"}},
		{text: "https://a:1,https://a:1", endpoints: []string{"https://a:1"}},
		{text: "https://[fd00::1]:2379", endpoints: []string{"https://[fd00::1]:2379"}},
		{text: "10.0.0.1:2379", endpoints: []string{"10.0.0.1:2379"}},
		{text: "https://a:1,", endpoints: []string{"https://a:1"}, faults: []string{"env X: an empty endpoint" + want}},
		{text: "https://a:99999", faults: []string{`env X: "https://a:99999": the port must be between 1 and 65535` + want}},
		{text: "https://a:0", faults: []string{`env X: "https://a:0": the port must be between 1 and 65535` + want}},
		{text: "https://a", faults: []string{`env X: "https://a": no port (etcd's is 2379)` + want}},
		{text: "https://a:", faults: []string{`env X: "https://a:": no port (etcd's is 2379)` + want}},
		{text: "https://:2379", faults: []string{`env X: "https://:2379": no host` + want}},
		{text: "ftp://a:1", faults: []string{`env X: "ftp://a:1": the scheme must be http or https` + want}},
		{text: "https://a:1/v3", faults: []string{`env X: "https://a:1/v3": more than host and port` + want}},
		{text: "https://a b:1", faults: []string{`env X: "https://a b:1": white space in an endpoint` + want}},
		{text: "https://a:1;https://b:1", faults: []string{`env X: "https://a:1;https://b:1": several endpoints that commas don't separate` + want}},
		{text: "https://a:1|https://b:1", faults: []string{`env X: "https://a:1|https://b:1": several endpoints that commas don't separate` + want}},
		{text: "https://a:1 https://b:1,https://c:1", endpoints: []string{"https://c:1"},
			faults: []string{`env X: "https://a:1 https://b:1": several endpoints that commas don't separate` + want}},
		{text: "root:hunter2@a:1;b:1", faults: []string{`env X: ***: a user in a URL is not used; set etcd.username, and etcd.password` + want}},
		{text: "http://root:pw;x@h:2379", faults: []string{`env X: ***: a user in a URL is not used; set etcd.username, and etcd.password` + want}},
		{text: "http:/127.0.0.1:2379", faults: []string{`env X: "http:/127.0.0.1:2379": no :// after http or https` + want}},
		{text: "https//a:1", faults: []string{`env X: "https//a:1": no :// after http or https` + want}},
		{text: "http:127.0.0.1:2379", faults: []string{`env X: "http:127.0.0.1:2379": no :// after http or https` + want}},
		{text: "http:2379", endpoints: []string{"http:2379"}},
		{text: "http://[fe80::1%eth0]:2379", faults: []string{`env X: "http://[fe80::1%eth0]:2379": an IPv6 address with a zone is not supported` + want}},
		{text: "[fe80::1%25eth0]:2379", faults: []string{`env X: "[fe80::1%25eth0]:2379": an IPv6 address with a zone is not supported` + want}},
		{text: `["http://a:1","http://b:1"]`, faults: []string{`env X: ***: a list in brackets` + want + ", without brackets and quotes"}},
		{text: `[http://a:1, http://b:1]`, faults: []string{`env X: ***: a list in brackets` + want + ", without brackets and quotes"}},
		{text: "http://a b:2379", faults: []string{`env X: "http://a b:2379": white space in an endpoint` + want}},
		{text: "http://a;:2379", faults: []string{`env X: "http://a;:2379": a character that no endpoint has` + want}},
		{text: "http://{{ host }}:2379", faults: []string{`env X: "http://{{ host }}:2379": is a template, which must be rendered first`}},
		{text: "http://<host>:2379,http://b:1", faults: []string{`env X: "http://<host>:2379,http://b:1": is a template, which must be rendered first`}},
		{text: "$(ETCD_ENDPOINTS)", faults: []string{`env X: "$(ETCD_ENDPOINTS)": is a template, which must be rendered first`}},
		{text: "http://2019::100:6666", faults: []string{`env X: "http://2019::100:6666": an IPv6 address requires brackets: http://[2019::100]:6666` + want}},
		{text: "https://fd00::1:2379/", faults: []string{`env X: "https://fd00::1:2379/": an IPv6 address requires brackets: https://[fd00::1]:2379` + want}},
		{text: "::1,https://2001:db8::a", faults: []string{
			`env X: "::1": an IPv6 address requires brackets: [::1]:2379` + want,
			`env X: "https://2001:db8::a": an IPv6 address requires brackets: https://[2001:db8::a]:2379` + want,
		}},
		{text: "https://fe80::1%eth0:2379", faults: []string{`env X: ***: not a URL` + want}},
		{text: `""`, faults: []string{`env X: "\"\"": no port (etcd's is 2379)` + want + "; remove the quotes around it"}},
		{
			text: "https://a:1,http://b:1", endpoints: []string{"https://a:1", "http://b:1"},
			faults: []string{`env X: "https://a:1,http://b:1": http://b:1 together with https://a:1; must be https:// for all, or for none`},
		},
		{
			text:   "https://root:secret@a:1",
			faults: []string{`env X: ***: a user in a URL is not used; set etcd.username, and etcd.password` + want},
		},
		{
			text:   "root:secret@https://a:1",
			faults: []string{`env X: ***: the scheme must be http or https` + want},
		},
		{
			text:   "root:secret@a:1",
			faults: []string{`env X: ***: a user in a URL is not used; set etcd.username, and etcd.password` + want},
		},
	} {
		t.Run(test.text, func(t *testing.T) {
			t.Parallel()
			config, _, err := FromSettings(settings.DatastoreSettings{EtcdEndpoints: given(test.text)})
			assert.Equal(t, test.faults, lines(t, err))
			assert.Equal(t, test.endpoints, config.Endpoints)
		})
	}
}

func TestFromSettingsContradictions(t *testing.T) {
	t.Parallel()
	endpoints := given("https://10.0.0.1:2379")
	for _, test := range []struct {
		name     string
		settings settings.DatastoreSettings
		fault    string
	}{
		{"neither", settings.DatastoreSettings{}, "no etcd endpoints: set etcd.endpoints to URLs such as https://10.0.0.1:2379"},
		{"endpoints and SRV", settings.DatastoreSettings{EtcdEndpoints: endpoints, EtcdDiscoverySRV: given("example.org")},
			`env X: "example.org": contradicts env X; set endpoints or a discovery domain, not both`},
		{"SRV that is not a domain", settings.DatastoreSettings{EtcdDiscoverySRV: given("http://u:secret@example.org")},
			"env X: ***: not a domain; must be one such as example.org"},
		{"only a user", settings.DatastoreSettings{EtcdEndpoints: endpoints, EtcdUsername: given("calico")},
			`env X: "calico": a user without a password; set etcd.password as well`},
		{"only a password", settings.DatastoreSettings{EtcdEndpoints: endpoints, EtcdPassword: given("secret")},
			`env X: ***: a password without a user; set etcd.username as well`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := FromSettings(test.settings)
			assert.Equal(t, []string{test.fault}, lines(t, err))
		})
	}
}

// keyPair returns a certificate and its key as PEM.
func keyPair(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

func TestFromSettingsTLS(t *testing.T) {
	t.Parallel()
	cert, key := keyPair(t)
	_, otherKey := keyPair(t)
	folder := t.TempDir()
	file := func(name, text string) settings.Setting {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return given(path)
	}
	certFile, keyFile, otherFile := file("cert.pem", cert), file("key.pem", key), file("other.pem", otherKey)
	emptyFile, absent := file("empty.pem", ""), given(filepath.Join(folder, "absent.pem"))
	inline := func(text string) settings.Setting { return settings.Given(text, origin.File("F spec.x")) }

	for _, test := range []struct {
		name     string
		settings settings.DatastoreSettings
		message  []string // a part of each fault
	}{
		{"files", settings.DatastoreSettings{EtcdCACertFile: certFile, EtcdCertFile: certFile, EtcdKeyFile: keyFile}, nil},
		{"texts", settings.DatastoreSettings{EtcdCACert: inline(cert), EtcdCert: inline(cert), EtcdKey: inline(key)}, nil},
		{"only a CA", settings.DatastoreSettings{EtcdCACertFile: certFile}, nil},
		{"all absent", settings.DatastoreSettings{EtcdCACertFile: absent, EtcdCertFile: absent, EtcdKeyFile: absent},
			[]string{"can't be read: no such file or directory", "can't be read", "can't be read"}},
		{"a folder", settings.DatastoreSettings{EtcdCACertFile: given(folder)}, []string{"can't be read: is a directory"}},
		{"CA without a certificate", settings.DatastoreSettings{EtcdCACertFile: keyFile}, []string{"must be PEM with a certificate"}},
		{"CA empty", settings.DatastoreSettings{EtcdCACertFile: emptyFile}, []string{"must be PEM with a certificate"}},
		{"only a certificate", settings.DatastoreSettings{EtcdCertFile: certFile}, []string{"a client certificate without its key"}},
		{"only a key", settings.DatastoreSettings{EtcdKeyFile: keyFile}, []string{"a key without its client certificate"}},
		{"not a pair", settings.DatastoreSettings{EtcdCertFile: certFile, EtcdKeyFile: otherFile}, []string{"does not match the key of env X"}},
		{"swapped", settings.DatastoreSettings{EtcdCertFile: keyFile, EtcdKeyFile: certFile}, []string{"does not match the key of env X"}},
		{"text that is not PEM", settings.DatastoreSettings{EtcdCert: inline("hello-secret"), EtcdKey: inline(key)}, []string{"file F spec.x: ***: must be PEM with a certificate"}},
		{"no certificate, and an absent key", settings.DatastoreSettings{EtcdCertFile: emptyFile, EtcdKeyFile: absent},
			[]string{"can't be read: no such file or directory; must be a PEM file", "must be PEM with a certificate"}},
		{"files and texts", settings.DatastoreSettings{EtcdCACertFile: certFile, EtcdKey: inline(key)},
			[]string{"file F spec.x: ***: contradicts env X; set files or inline texts, not both"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.settings.EtcdEndpoints = given("https://10.0.0.1:2379")
			config, warnings, err := FromSettings(test.settings)
			faults := lines(t, err)
			require.Len(t, faults, len(test.message))
			for i := range faults {
				assert.Contains(t, faults[i], test.message[i])
				assert.NotContains(t, faults[i], "PRIVATE")
				assert.NotContains(t, faults[i], "hello-secret")
			}
			assert.Empty(t, warnings)
			if err == nil {
				assert.Equal(t, uint16(tls.VersionTLS12), config.TLS.MinVersion)
				assert.NotNil(t, config.TLS.RootCAs)
			}
		})
	}
}

func TestFromSettingsWarnsOfPlainText(t *testing.T) {
	t.Parallel()
	cert, _ := keyPair(t)
	config, warnings, err := FromSettings(settings.DatastoreSettings{
		EtcdEndpoints: given("http://10.0.0.1:2379"), EtcdCACert: given(cert),
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"env X: http:// endpoints are not encrypted: the TLS files have no effect"}, warnings)
	assert.Equal(t, []string{"http://10.0.0.1:2379"}, config.Endpoints)

	for endpoint, want := range map[string][]string{
		"http://10.0.0.1:2379":  {"env X: http:// endpoints are not encrypted: the password can be read on the way; use https://"},
		"10.0.0.1:2379":         {"env X: http:// endpoints are not encrypted: the password can be read on the way; use https://"},
		"https://10.0.0.1:2379": nil,
	} {
		_, warnings, err = FromSettings(settings.DatastoreSettings{EtcdEndpoints: given(endpoint), EtcdUsername: given("root"), EtcdPassword: given("hunter2")})
		require.NoError(t, err)
		assert.Equal(t, want, warnings, endpoint)
	}
}

func TestOpenRequiresEndpoints(t *testing.T) {
	t.Parallel()
	_, err := Open(Config{})
	require.Error(t, err)
}

func TestConfigKeepsItsSecrets(t *testing.T) {
	t.Parallel()
	config := Config{Endpoints: []string{"https://10.0.0.1:2379"}, Username: "calico", Password: "hunter2"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		assert.Equal(t, "etcd https://10.0.0.1:2379", fmt.Sprintf(verb, config))
	}
}

func TestParseBlockKey(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"10.244.0.0-26":       "10.244.0.0/26",
		"fd00:10:244::40-122": "fd00:10:244::40/122",
		"10.244.0.0":          "",
		"10.244.0.0-":         "",
		"-26":                 "",
		"":                    "",
	} {
		prefix, ok := parseBlockKey(key)
		assert.Equal(t, want != "", ok, key)
		if ok {
			assert.Equal(t, want, prefix.String())
		}
	}
}

func TestFromSettingsBrackets(t *testing.T) {
	t.Parallel()
	config, warnings, err := FromSettings(settings.DatastoreSettings{EtcdEndpoints: given("http://[10.0.0.1]:2379,http://[fd00::1]:2379")})
	require.NoError(t, err)
	assert.Equal(t, []string{"http://10.0.0.1:2379", "http://[fd00::1]:2379"}, config.Endpoints)
	assert.Equal(t, []string{"env X: brackets around an address that is not IPv6 are ignored"}, warnings)
}
