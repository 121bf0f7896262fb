package settings_test

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/origin"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/plan"
	"github.com/calico-bootstrap/calico-bootstrap/bootstrap/settings"
)

func ExampleSettings_AddFlags() {
	var given settings.Settings
	flags := flag.NewFlagSet("installer", flag.ContinueOnError)
	given.AddFlags(flags)
	if err := flags.Parse([]string{"--ipv4-pool-cidr", "10.244.0.0/16", "--no-default-pools=false", "--ipv6-pool-nat-outgoing"}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(given.IPv4.CIDR.Value, "from", given.IPv4.CIDR.Source)
	fmt.Println(given.IPv6.NATOutgoing.Value, "from", given.IPv6.NATOutgoing.Source)
	fmt.Println(given.IPv6.Name.IsSet())
	// Output:
	// 10.244.0.0/16 from flag --ipv4-pool-cidr
	// true from flag --ipv6-pool-nat-outgoing
	// false
}

func ExampleMerge() {
	var flags, environment settings.Settings
	flags.IPv4.CIDR = settings.Given("10.1.0.0/16", origin.Flag("ipv4-pool-cidr"))
	environment.IPv4.CIDR = settings.Given("10.2.0.0/16", origin.Env("CALICO_IPV4POOL_CIDR"))
	environment.IPv4.Name = settings.Given("pods", origin.Env("CALICO_IPV4POOL_NAME"))

	given := settings.Merge(flags, environment)
	fmt.Println(given.IPv4.CIDR.Value, "from", given.IPv4.CIDR.Source)
	fmt.Println(given.IPv4.Name.Value, "from", given.IPv4.Name.Source)
	// Output:
	// 10.1.0.0/16 from flag --ipv4-pool-cidr
	// pods from env CALICO_IPV4POOL_NAME
}

func ExampleSettings_Validate() {
	var given settings.Settings
	given.IPv4.CIDR = settings.Given("10.244.0.0", origin.Env("CALICO_IPV4POOL_CIDR"))
	given.IPv4.NodeSelector = settings.Given("zone = 'a'", origin.Env("CALICO_IPV4POOL_NODE_SELECTOR"))
	given.Timeout = settings.Given("60", origin.Flag("timeout"))

	err := given.Validate()
	fmt.Println(err)
	fmt.Println(errors.Is(err, settings.ErrInvalidSettings))
	// Output:
	// env CALICO_IPV4POOL_CIDR: "10.244.0.0": an address without a prefix length such as /16; must be an IPv4 CIDR, or none
	// env CALICO_IPV4POOL_NODE_SELECTOR: "zone = 'a'": column 6: expected ==, !=, in, not in, contains, starts with or ends with, found "="
	// flag --timeout: "60": a duration without a unit; did you mean 60s?
	// true
}

// This example prints the fields of each pool of a file with their lines. A fault in the
// file has its line, too.
func ExampleSettings_ReadPoolsFile() {
	dir, err := os.MkdirTemp("", "pools")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "racks.yaml")
	if err := os.WriteFile(path, []byte(`ip_pools:
- name: rack-a
  cidr: 10.1.0.0/16
  nodeSelector: rack == 'a'
- name: rack-b
  cidr: 10.2.0.0/16
  nodeSelector: rack == 'b'
  natOutgoing: true
`), 0o600); err != nil {
		log.Fatal(err)
	}
	given := settings.Settings{PoolsFile: settings.Given(path, origin.Caller("rack.ini"))}
	if err := given.ReadPoolsFile(); err != nil {
		log.Fatal(err)
	}
	config, err := given.Resolve()
	if err != nil {
		log.Fatal(err)
	}
	for _, desired := range config.Desired.Pools {
		if desired.Skip != "" {
			continue
		}
		for _, value := range desired.Values {
			if value.Source != origin.Default {
				fmt.Println(desired.Pool.Name, value.Field, value.Value, strings.TrimPrefix(value.Source.Name(), dir))
			}
		}
	}

	given.PoolManifests[0].Data = []byte("ip_pools:\n- name: rack-a\n  cidr: 10.1.0.0/16\n  natOutGoing: true\n")
	fmt.Println(strings.ReplaceAll(given.Validate().Error(), dir, ""))
	// Output:
	// rack-a name rack-a /racks.yaml:2
	// rack-a cidr 10.1.0.0/16 /racks.yaml:3
	// rack-a nodeSelector rack == 'a' /racks.yaml:4
	// rack-b name rack-b /racks.yaml:5
	// rack-b cidr 10.2.0.0/16 /racks.yaml:6
	// rack-b natOutgoing true /racks.yaml:8
	// rack-b nodeSelector rack == 'b' /racks.yaml:7
	// file /racks.yaml:4: ip_pools[0].natOutGoing: unknown field; must be natOutgoing
}

// Load reads flags, a CalicoAPIConfig file and the environment, as the program does, and
// returns warnings. Resolve validates the settings.
func ExampleLoad() {
	var given settings.Settings
	flags := flag.NewFlagSet("installer", flag.ContinueOnError)
	given.AddFlags(flags)
	if err := flags.Parse([]string{"--ipv4-pool-cidr=10.244.0.0/16", "--ipv6-pool-cidr=none"}); err != nil {
		log.Fatal(err)
	}
	given, warnings, err := settings.Load(given, "")
	if err != nil {
		log.Fatal(err)
	}
	config, err := given.Resolve()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(warnings, config.Desired.Pools[0].Pool.Spec.CIDR)
	// Output:
	// [] 10.244.0.0/16
}

// FromEnv reads the environment of the process, with calico-node's names.
func ExampleFromEnv() {
	if err := os.Setenv("CALICO_IPV4POOL_NAT_OUTGOING", "false"); err != nil {
		log.Fatal(err)
	}
	defer os.Unsetenv("CALICO_IPV4POOL_NAT_OUTGOING")
	given, err := settings.FromEnv()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(given.IPv4.NATOutgoing.Value, "from", given.IPv4.NATOutgoing.Source)
	// Output:
	// false from env CALICO_IPV4POOL_NAT_OUTGOING
}

// Definitions has what documentation or the help of another program needs.
func ExampleDefinitions() {
	for _, d := range settings.Definitions() {
		if d.Flag == "on-drift" {
			fmt.Println(d.Env, d.Words, "default:", d.Default)
		}
	}
	// Output:
	// CALICO_IPPOOLS_ON_DRIFT [report update fail] default: report
}

func ExampleSettings_Resolve() {
	given := settings.Settings{OnDrift: settings.Given("update", origin.Caller("cluster.yaml drift"))}
	config, err := given.Resolve()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(config.OnDrift == plan.DriftUpdate, config.Preflight, config.Timeout)
	for _, desired := range config.Desired.Pools {
		fmt.Println(desired.Pool.Name, "nat:", desired.Pool.Spec.NATOutgoing)
	}
	// Output:
	// true warn 1m0s
	// default-ipv4-ippool nat: true
	// default-ipv6-ippool nat: false
}
