package settings_test

import (
	"flag"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/internal/settingstest"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
	"github.com/calico-bootstrap/calico-bootstrap/internal/golden"
)

// flagNames and boolFlagNames are the names that users have in their scripts; boolean
// flags need no value. A name that changes here breaks them.
var (
	flagNames = []string{
		"ipv4-pool-cidr", "ipv4-pool-name", "ipv4-pool-block-size", "ipv4-pool-ipip", "ipv4-pool-vxlan", "ipv4-pool-node-selector",
		"ipv6-pool-cidr", "ipv6-pool-name", "ipv6-pool-block-size", "ipv6-pool-vxlan", "ipv6-pool-node-selector",
		"timeout", "log-level", "log-format", "pools-file", "on-drift", "preflight", "allow", "cluster-cidr", "service-cidr", "networking-backend", "no-nat-to",
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

func newFlags(given *settings.Settings) *flag.FlagSet {
	flags := flag.NewFlagSet("test", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	given.AddFlags(flags)
	return flags
}

func parsed(t *testing.T, args ...string) settings.Settings {
	t.Helper()
	var given settings.Settings
	flags := newFlags(&given)
	require.NoError(t, flags.Parse(args))
	require.Empty(t, flags.Args())
	return given
}

func TestAddFlagsAddsEach(t *testing.T) {
	t.Parallel()
	var names []string
	newFlags(new(settings.Settings)).VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	assert.ElementsMatch(t, append(append([]string{}, flagNames...), boolFlagNames...), names)
}

func TestFlags(t *testing.T) {
	t.Parallel()
	for _, name := range append(append([]string{}, flagNames...), boolFlagNames...) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var want settings.Settings
			*settingstest.Named(t, &want, "--"+name) = settings.Setting{Value: "any text", Source: origin.Flag(name)}
			assert.Equal(t, want, parsed(t, "--"+name+"=any text"), "values are not validated yet")
			if name == "allow" || name == "cluster-cidr" || name == "service-cidr" || name == "no-nat-to" {
				settingstest.Named(t, &want, "--"+name).Value = "before,any text"
			}
			assert.Equal(t, want, parsed(t, "-"+name+"=before", "--"+name+"=any text"), "the last one takes precedence, except for lists")

			empty := parsed(t, "--"+name+"=")
			assert.Equal(t, settings.Settings{}, settings.Merge(empty), "an empty flag is unset")
		})
	}
}

func TestFlagsWithSeparateValue(t *testing.T) {
	t.Parallel()
	for _, name := range flagNames {
		given := parsed(t, "--"+name, "value")
		assert.Equal(t, "value", settingstest.Named(t, &given, "--"+name).Value, name)

		var unused settings.Settings
		assert.EqualError(t, newFlags(&unused).Parse([]string{"--" + name}), "flag needs an argument: -"+name)
	}
}

func TestBooleanFlagsWithoutValue(t *testing.T) {
	t.Parallel()
	for _, name := range boolFlagNames {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			place := origin.Flag(name)
			bare, off := parsed(t, "--"+name), parsed(t, "--"+name+"=false")
			assert.Equal(t, settings.Given("true", place), *settingstest.Named(t, &bare, "--"+name))
			assert.Equal(t, settings.Given("false", place), *settingstest.Named(t, &off, "--"+name))
		})
	}
}

func TestFlagsHelp(t *testing.T) {
	t.Parallel()
	var help strings.Builder
	flags := newFlags(new(settings.Settings))
	flags.SetOutput(&help)
	flags.PrintDefaults()
	golden.Check(t, "flags.golden", help.String())
}

// pflag uses the type as the placeholder for a value.
func TestFlagType(t *testing.T) {
	t.Parallel()
	types := map[string]string{}
	newFlags(new(settings.Settings)).VisitAll(func(f *flag.Flag) {
		types[f.Name] = f.Value.(interface{ Type() string }).Type()
	})
	assert.Equal(t, "bool", types["no-default-pools"])
	assert.Equal(t, "value", types["ipv4-pool-cidr"])
	assert.Equal(t, "file", types["kubeconfig"])
}

func TestFlagsTakePrecedenceOverTheEnvironment(t *testing.T) {
	clearEnv(t)
	t.Setenv("CALICO_IPV4POOL_CIDR", "10.1.0.0/16")
	t.Setenv("CALICO_IPV4POOL_NAME", "from-env")
	t.Setenv("CALICO_IPV4POOL_NAT_OUTGOING", "yes")
	t.Setenv("CALICO_ETCD_ENDPOINTS", "http://10.0.0.1:2379")

	flags := parsed(t, "--ipv4-pool-cidr=10.2.0.0/16", "--ipv4-pool-name=", "--ipv4-pool-nat-outgoing=no", "--etcd-endpoints=http://10.0.0.2:2379")
	given, warnings, err := settings.Load(flags, "")
	require.NoError(t, err)
	assert.Empty(t, warnings)
	var want settings.Settings
	want.IPv4.CIDR = settings.Given("10.2.0.0/16", origin.Flag("ipv4-pool-cidr"))
	want.IPv4.Name = settings.Given("from-env", origin.Env("CALICO_IPV4POOL_NAME"))
	want.IPv4.NATOutgoing = settings.Given("no", origin.Flag("ipv4-pool-nat-outgoing"))
	want.Datastore.EtcdEndpoints = settings.Given("http://10.0.0.2:2379", origin.Flag("etcd-endpoints"))
	given.Datastore.Names = nil // functions can't be compared
	assert.Equal(t, want, given)
}
