package datastore

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCLI(t *testing.T) {
	t.Parallel()
	const patch = `{"spec":{"disabled":true}}`
	kubectl, calicoctl := CLI{Kubectl, "ippools.crd.projectcalico.org"}, CLI{Calicoctl, "ippool"}
	assert.Equal(t, `kubectl patch ippools.crd.projectcalico.org rack-b.1 --type merge -p '{"spec":{"disabled":true}}'`, kubectl.Patch("rack-b.1", patch))
	assert.Equal(t, `kubectl delete ippools.crd.projectcalico.org rack-b.1`, kubectl.Delete("rack-b.1"))
	assert.Equal(t, `calicoctl patch ippool rack-b.1 -p '{"spec":{"disabled":true}}'`, calicoctl.Patch("rack-b.1", patch))
	assert.Equal(t, `calicoctl delete ippool rack-b.1`, calicoctl.Delete("rack-b.1"))
	assert.Empty(t, CLI{}.Patch("a", patch))
	assert.Empty(t, CLI{}.Delete("a"))
	assert.Empty(t, CLI{}.Edit("a"))
	assert.Empty(t, CLI{}.Repair("a"))
	assert.Equal(t, "kubectl edit ippools.crd.projectcalico.org 'it'\\''s'", kubectl.Edit("it's"))
	assert.Equal(t, "calicoctl get ippool a -o yaml >pool.yaml, and after the change calicoctl replace -f pool.yaml", calicoctl.Edit("a"))
	assert.Equal(t, "kubectl edit ippools.crd.projectcalico.org a, kubectl delete ippools.crd.projectcalico.org a", kubectl.Repair("a"))
	assert.Equal(t, "etcdctl get '/calico/resources/v3/projectcalico.org/ippools/a', etcdctl del '/calico/resources/v3/projectcalico.org/ippools/a'", calicoctl.Repair("a"))
	assert.Equal(t, "kubectl or calicoctl", kubectl.String())
	assert.Equal(t, "calicoctl", calicoctl.String(), "kubectl can't change pools in etcd")
	assert.Equal(t, "kubectl or calicoctl", CLI{}.String())
}

// A shell reads the name and the patch of a command as they are, whatever they contain.
func TestCommandsAreQuoted(t *testing.T) {
	t.Parallel()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh")
	}
	echo := CLI{Program: `printf '%s|'`, Resource: "ippool"}
	for _, name := range []string{"a", "it's", "$(false)", "`x`", "a b", "; false", "*", "~", "", "-n", `\`, `"`, "ä", "a\nb"} {
		for _, patch := range []string{`{"spec":{"nodeSelector":"zone == 'a'"}}`, `{"spec":{"nodeSelector":"$HOME \\ \""}}`} {
			out, err := exec.CommandContext(t.Context(), shell, "-c", echo.Patch(name, patch)).Output()
			require.NoError(t, err, name)
			assert.Equal(t, "patch|ippool|"+name+"|-p|"+patch+"|", string(out))
		}
	}
}

// The command changes a FelixConfiguration that exists, creates one that is absent, and does
// either where that is unclear.
func TestSetFelixConfiguration(t *testing.T) {
	t.Parallel()
	const (
		spec   = `{"natOutgoingExclusions":"IPPoolsOnly"}`
		object = `"kind":"FelixConfiguration","metadata":{"name":"default"},"spec":{"natOutgoingExclusions":"IPPoolsOnly"}}'`
	)
	kubectl, calicoctl := CLI{Kubectl, "ippools.crd.projectcalico.org"}, CLI{Calicoctl, "ippool"}
	for _, tt := range []struct {
		cli       CLI
		existence Existence
		want      string
	}{
		{kubectl, Exists, `kubectl patch felixconfigurations.crd.projectcalico.org default --type merge -p '{"spec":{"natOutgoingExclusions":"IPPoolsOnly"}}'`},
		{kubectl, Absent, `echo '{"apiVersion":"crd.projectcalico.org/v1",` + object + ` | kubectl apply -f -`},
		{kubectl, Unclear, `kubectl patch felixconfigurations.crd.projectcalico.org default --type merge -p '{"spec":{"natOutgoingExclusions":"IPPoolsOnly"}}' || echo '{"apiVersion":"crd.projectcalico.org/v1",` + object + ` | kubectl create -f -`},
		{CLI{Kubectl, "ippools.projectcalico.org"}, Absent, `echo '{"apiVersion":"projectcalico.org/v3",` + object + ` | kubectl apply -f -`},
		{calicoctl, Exists, `calicoctl patch felixconfiguration default -p '{"spec":{"natOutgoingExclusions":"IPPoolsOnly"}}'`},
		{calicoctl, Absent, `echo '{"apiVersion":"projectcalico.org/v3",` + object + ` | calicoctl apply -f -`},
		{CLI{}, Exists, `kubectl patch felixconfiguration default --type merge -p '{"spec":{"natOutgoingExclusions":"IPPoolsOnly"}}'`},
		{CLI{}, Absent, `echo '{"apiVersion":"projectcalico.org/v3",` + object + ` | kubectl apply -f -`},
	} {
		assert.Equal(t, tt.want, tt.cli.SetFelixConfiguration("default", spec, tt.existence))
	}
	assert.Equal(t, Exists, ExistenceOf(true, false))
	assert.Equal(t, Absent, ExistenceOf(false, true))
	assert.Equal(t, Unclear, ExistenceOf(false, false))
}
