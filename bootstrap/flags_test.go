package bootstrap

import (
	"flag"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/internal/golden"
)

// flagNames are the names that users have in their scripts; those of boolean
// settings also stand alone. A name that changes here breaks them.
var (
	flagNames = []string{
		"ipv4-pool-cidr", "ipv4-pool-name", "ipv4-pool-block-size", "ipv4-pool-ipip", "ipv4-pool-vxlan", "ipv4-pool-node-selector",
		"ipv6-pool-cidr", "ipv6-pool-name", "ipv6-pool-block-size", "ipv6-pool-vxlan", "ipv6-pool-node-selector",
		"timeout", "log-level", "log-format", "pools-file", "on-drift", "preflight", "allow",
		"datastore-type", "etcd-endpoints", "etcd-discovery-srv", "etcd-username", "etcd-password",
		"etcd-ca-cert-file", "etcd-cert-file", "etcd-key-file",
		"kubeconfig", "k8s-api-endpoint", "k8s-ca-file", "k8s-cert-file", "k8s-key-file", "k8s-api-token",
		"k8s-current-context", "k8s-client-qps", "k8s-client-burst", "calico-api-group",
	}
	boolFlagNames = []string{
		"ipv4-pool-nat-outgoing", "ipv4-pool-disable-bgp-export", "ipv6-pool-nat-outgoing", "ipv6-pool-disable-bgp-export",
		"no-default-pools", "ipv6-support", "strict", "wait-for-datastore", "k8s-insecure-skip-tls-verify",
	}
)

func newFlags(settings *Settings) *flag.FlagSet {
	flags := flag.NewFlagSet("test", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	settings.AddFlags(flags)
	return flags
}

func parsed(t *testing.T, args ...string) Settings {
	t.Helper()
	var settings Settings
	flags := newFlags(&settings)
	require.NoError(t, flags.Parse(args))
	require.Empty(t, flags.Args())
	return settings
}

func TestAddFlagsAddsEach(t *testing.T) {
	t.Parallel()
	var names []string
	newFlags(new(Settings)).VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	assert.ElementsMatch(t, append(append([]string{}, flagNames...), boolFlagNames...), names)
}

func TestFlags(t *testing.T) {
	t.Parallel()
	for _, name := range append(append([]string{}, flagNames...), boolFlagNames...) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var want Settings
			*settingNamed(t, &want, "--"+name) = Setting{Value: "any text", Source: Source("flag --" + name)}
			assert.Equal(t, want, parsed(t, "--"+name+"=any text"), "values are not judged yet")
			if name == "allow" {
				settingNamed(t, &want, "--"+name).Value = "before,any text"
			}
			assert.Equal(t, want, parsed(t, "-"+name+"=before", "--"+name+"=any text"), "the last one counts, but for lists")

			empty := parsed(t, "--"+name+"=")
			assert.Equal(t, Settings{}, Merge(empty), "an empty flag is unset")
		})
	}
}

func TestFlagsTakeTheirValueApart(t *testing.T) {
	t.Parallel()
	for _, name := range flagNames {
		settings := parsed(t, "--"+name, "value")
		assert.Equal(t, "value", settingNamed(t, &settings, "--"+name).Value, name)

		var unused Settings
		assert.EqualError(t, newFlags(&unused).Parse([]string{"--" + name}), "flag needs an argument: -"+name)
	}
}

func TestBooleanFlagsStandAlone(t *testing.T) {
	t.Parallel()
	for _, name := range boolFlagNames {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			place := Source("flag --" + name)
			alone, off := parsed(t, "--"+name), parsed(t, "--"+name+"=false")
			assert.Equal(t, Given("true", place), *settingNamed(t, &alone, "--"+name))
			assert.Equal(t, Given("false", place), *settingNamed(t, &off, "--"+name))
		})
	}
}

func TestFlagsHelp(t *testing.T) {
	t.Parallel()
	var help strings.Builder
	flags := newFlags(new(Settings))
	flags.SetOutput(&help)
	flags.PrintDefaults()
	golden.Check(t, "flags.golden", help.String())
}

// pflag asks a flag for the word that stands for its value.
func TestFlagType(t *testing.T) {
	t.Parallel()
	types := map[string]string{}
	newFlags(new(Settings)).VisitAll(func(f *flag.Flag) {
		types[f.Name] = f.Value.(interface{ Type() string }).Type()
	})
	assert.Equal(t, "bool", types["no-default-pools"])
	assert.Equal(t, "string", types["ipv4-pool-cidr"])
}

func TestFlagsWinOverTheEnvironment(t *testing.T) {
	clearEnv(t)
	t.Setenv("CALICO_IPV4POOL_CIDR", "10.1.0.0/16")
	t.Setenv("CALICO_IPV4POOL_NAME", "from-env")
	t.Setenv("CALICO_IPV4POOL_NAT_OUTGOING", "yes")
	t.Setenv("CALICO_ETCD_ENDPOINTS", "http://10.0.0.1:2379")

	flags := parsed(t, "--ipv4-pool-cidr=10.2.0.0/16", "--ipv4-pool-name=", "--ipv4-pool-nat-outgoing=no", "--etcd-endpoints=http://10.0.0.2:2379")
	settings, warnings, err := Load(flags, "")
	require.NoError(t, err)
	assert.Empty(t, warnings)
	var want Settings
	want.IPv4.CIDR = Given("10.2.0.0/16", "flag --ipv4-pool-cidr")
	want.IPv4.Name = Given("from-env", "env CALICO_IPV4POOL_NAME")
	want.IPv4.NATOutgoing = Given("no", "flag --ipv4-pool-nat-outgoing")
	want.Datastore.EtcdEndpoints = Given("http://10.0.0.2:2379", "flag --etcd-endpoints")
	assert.Equal(t, want, settings)
}
