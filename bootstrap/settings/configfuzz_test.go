package settings_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/realinputtest"
)

// FuzzConfigFile checks that a CalicoAPIConfig file of any content is either rejected,
// with a readable line per fault, or gives settings that are the same after they are
// written to another file and read again.
func FuzzConfigFile(f *testing.F) {
	f.Add([]byte(everyField))
	for _, text := range []string{
		configHead, configHead + "spec: {etcdEndpoints: 'https://a:1'}\n", configHead + "spec:\n  k8sClientQPS: 0x10\n", configHead + "spec:\n  k8sClientQPS: '1e400'\n",
		configHead + "spec:\n  k8sInsecureSkipTLSVerify: yes\n", configHead + "spec:\n  etcdKey: a\n  etcdKey: b\n", configHead + "spec:\n  etcdkey: a\n",
		"{\"apiVersion\": \"projectcalico.org/v3\", \"kind\": \"CalicoAPIConfig\", \"spec\": {\"etcdKey\": \"\\n\"}}", "kind: Pod\n", "[]", "", "\xff", "a: [\n", "? [a]: b\n",
	} {
		f.Add([]byte(text))
	}
	for _, mistake := range configMistakes {
		if len(mistake.text) < 1000 {
			f.Add([]byte(mistake.text))
		}
	}
	for _, file := range realinputtest.Files(f, "calicoctl.cfg") {
		f.Add([]byte(file))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		const path = "/etc/calico/calicoctl.cfg"
		given, err := settings.ReadConfig(path, data)
		if err != nil {
			settingstest.CheckFaults(t, err)
			return
		}
		checkLikeCalicoctl(t, data, given)
		fields := map[string]any{}
		all := given.Datastore
		for _, setting := range []settings.Setting{
			all.DatastoreType, all.EtcdEndpoints, all.EtcdDiscoverySRV, all.EtcdUsername, all.EtcdPassword, all.EtcdCACertFile, all.EtcdCertFile,
			all.EtcdKeyFile, all.EtcdCACert, all.EtcdCert, all.EtcdKey, all.Kubeconfig, all.KubeconfigInline, all.K8sAPIEndpoint, all.K8sCAFile,
			all.K8sCertFile, all.K8sKeyFile, all.K8sAPIToken, all.K8sInsecureSkipTLSVerify, all.K8sCurrentContext, all.K8sClientQPS,
			all.K8sClientBurst, all.CalicoAPIGroup,
		} {
			if !setting.IsSet() {
				continue
			}
			place, field, ok := strings.Cut(setting.Source.String(), " spec.")
			require.True(t, ok, "%s", setting.Source)
			require.Regexp(t, "^file "+path+":[0-9]+$", place)
			fields[field] = setting.Value
			switch field {
			case "k8sInsecureSkipTLSVerify":
				fields[field] = setting.Value == "true"
			}
		}
		text, err := yaml.Marshal(map[string]any{"apiVersion": "projectcalico.org/v3", "kind": "CalicoAPIConfig", "spec": fields})
		require.NoError(t, err)
		again, err := settings.ReadConfig(path, text)
		require.NoError(t, err, "%s", text)
		for field := range fields {
			require.Equal(t, settings.FieldOf(&given, field).Value, settings.FieldOf(&again, field).Value, "%s", text)
		}
	})
}

// checkLikeCalicoctl decodes a file without faults as calicoctl does, and checks that every
// field in it is set to the same value.
func checkLikeCalicoctl(t *testing.T, data []byte, given settings.Settings) {
	var config struct {
		Spec map[string]any `json:"spec"`
	}
	var top map[string]any
	if yaml.Unmarshal(data, &top) != nil || yaml.Unmarshal(data, &config) != nil || top == nil {
		return // or the first document is empty
	}
	for key := range top {
		require.Contains(t, []string{"apiVersion", "kind", "metadata", "spec"}, key)
	}
	for name, want := range config.Spec {
		if list, is := want.([]any); is {
			var items []string
			for _, item := range list {
				items = append(items, fmt.Sprint(item))
			}
			want = strings.Join(items, ",")
		}
		if want == nil || want == "" || name == "k8sDisableNodePoll" || name == "usePodCIDR" {
			continue
		}
		setting := settings.FieldOf(&given, name)
		require.NotNil(t, setting, "%q has no effect", name)
		switch want := want.(type) {
		case float64:
			got, err := strconv.ParseFloat(setting.Value, 64)
			require.NoError(t, err)
			require.InEpsilon(t, want+1e-9, got+1e-9, 1e-6, name)
		default:
			require.Equal(t, fmt.Sprint(want), setting.Value, name)
		}
	}
}

// FuzzUnknownVariables checks that any variable is either ignored or gives a warning of one
// line, of bounded length, that does not depend on its value.
func FuzzUnknownVariables(f *testing.F) {
	for _, name := range []string{
		"CALICO_IPV4POOL_CIDRS", "calico_ipv4pool_nat", "CALICO_IPV6POOL_IPIP", "CALICO_IPPOOLS_PORT_443_TCP", "CALICO_IPPOOLS_TOKEN", "CALICO_IPV4_POOL_\n", "CALICO_IPPOOL_\xff", "HOME", "",
		"CALICO_IPV4POOL_ſ",
	} {
		f.Add(name, "hunter2secret")
		f.Add(name, "https://root:hunter2secret@a")
		f.Add(name, "\x1b[2J\n"+strings.Repeat("x", 300))
	}
	for _, variable := range realinputtest.Variables(f) {
		name, value, _ := strings.Cut(variable, "=")
		f.Add(name, value)
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		if strings.Contains(name, "=") {
			t.Skip("not a name of a variable")
		}
		unknown := settings.UnknownVariables([]string{name + "=" + value, "PATH=/bin"})
		config, err := settings.Settings{Unknown: unknown}.Resolve()
		require.NoError(t, err)
		never := name == "CALICO_IPV6POOL_IPIP" && len(config.Warnings) == 0 // what happens anyway
		require.True(t, never || len(config.Warnings) == len(unknown))
		for _, d := range settings.Definitions() {
			require.False(t, d.Env == name && len(unknown) > 0, "it is a setting")
		}
		for _, warning := range config.Warnings {
			settingstest.AssertLines(t, warning)
			assert.LessOrEqual(t, len(warning), 700+4*len(name))
		}
		if value != "" && !never {
			other, err := settings.Settings{Unknown: settings.UnknownVariables([]string{name + "=y"})}.Resolve()
			require.NoError(t, err)
			require.Equal(t, other.Warnings, config.Warnings, "a message shows the value, or depends on it")
		}
	})
}
