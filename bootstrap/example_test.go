package bootstrap_test

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/calico-bootstrap/calico-bootstrap/bootstrap"
	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

func ExampleRender() {
	var settings bootstrap.Settings
	settings.IPv4.CIDR = bootstrap.Given("10.244.0.0/16", "the installer")
	settings.IPv4.VXLAN = bootstrap.Given("CrossSubnet", "the installer")
	settings.IPv6.CIDR = bootstrap.Given("none", "the installer")
	pools, warnings, err := bootstrap.Render(settings)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, pool := range pools {
		text, err := yaml.Marshal(pool.Spec)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s\n%s", pool.Name, text)
	}
	fmt.Println(warnings)
	// Output:
	// default-ipv4-ippool
	// allowedUses:
	// - Workload
	// - Tunnel
	// assignmentMode: Automatic
	// blockSize: 26
	// cidr: 10.244.0.0/16
	// ipipMode: Never
	// natOutgoing: true
	// nodeSelector: all()
	// vxlanMode: CrossSubnet
	// [no default IPv6 pool: the installer is "none"]
}

// desktop is a host that Render and Run may be told instead of the real one.
type desktop struct{}

func (desktop) Networks() ([]bootstrap.Located, error) {
	return []bootstrap.Located{{Prefix: netip.MustParsePrefix("192.168.1.0/24"), Source: "interface eth0"}}, nil
}
func (desktop) Routes() ([]bootstrap.Located, error) { return nil, nil }
func (desktop) NoIPv6() string                       { return "it is switched off" }

func ExampleWithHost() {
	pools, _, err := bootstrap.Render(bootstrap.Settings{}, bootstrap.WithHost(desktop{}))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, pool := range pools {
		fmt.Println(pool.Name, pool.Spec.CIDR)
	}
	// Output:
	// default-ipv4-ippool 172.16.0.0/16
}

func ExampleNewPlan() {
	var settings bootstrap.Settings
	settings.IPv6.CIDR = bootstrap.Given("fd00:10:244::/64", "the installer")
	config, err := settings.Resolve()
	if err != nil {
		fmt.Println(err)
		return
	}
	existing := ippool.New("services")
	existing.Spec.CIDR = "10.96.0.0/16"
	plan, err := bootstrap.NewPlan(config.Desired, bootstrap.Snapshot{Pools: []*ippool.Record{ippool.NewRecord(existing)}}, bootstrap.DriftReport)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, step := range plan.Steps {
		fmt.Printf("pool %s is %s: %s\n", step.Name, step.Action, step.Reason)
	}
	// Output:
	// pool services is unchanged: exists
	// pool default-ipv6-ippool is created: no IPv6 pool existed
}

func ExampleSettings_AddFlags() {
	var settings bootstrap.Settings
	flags := flag.NewFlagSet("installer", flag.ContinueOnError)
	settings.AddFlags(flags)
	if err := flags.Parse([]string{"--ipv4-pool-cidr", "10.244.0.0/16", "--no-default-pools=false", "--ipv6-pool-nat-outgoing"}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(settings.IPv4.CIDR.Value, "from", settings.IPv4.CIDR.Source)
	fmt.Println(settings.IPv6.NATOutgoing.Value, "from", settings.IPv6.NATOutgoing.Source)
	fmt.Println(settings.IPv6.Name.IsSet())
	// Output:
	// 10.244.0.0/16 from flag --ipv4-pool-cidr
	// true from flag --ipv6-pool-nat-outgoing
	// false
}

func ExampleMerge() {
	var flags, environment bootstrap.Settings
	flags.IPv4.CIDR = bootstrap.Given("10.1.0.0/16", bootstrap.SourceFlag("ipv4-pool-cidr"))
	environment.IPv4.CIDR = bootstrap.Given("10.2.0.0/16", bootstrap.SourceEnv("CALICO_IPV4POOL_CIDR"))
	environment.IPv4.Name = bootstrap.Given("pods", bootstrap.SourceEnv("CALICO_IPV4POOL_NAME"))

	settings := bootstrap.Merge(flags, environment)
	fmt.Println(settings.IPv4.CIDR.Value, "from", settings.IPv4.CIDR.Source)
	fmt.Println(settings.IPv4.Name.Value, "from", settings.IPv4.Name.Source)
	// Output:
	// 10.1.0.0/16 from flag --ipv4-pool-cidr
	// pods from env CALICO_IPV4POOL_NAME
}

func ExampleSettings_Validate() {
	var settings bootstrap.Settings
	settings.IPv4.CIDR = bootstrap.Given("10.244.0.0", bootstrap.SourceEnv("CALICO_IPV4POOL_CIDR"))
	settings.IPv4.NodeSelector = bootstrap.Given("zone = 'a'", bootstrap.SourceEnv("CALICO_IPV4POOL_NODE_SELECTOR"))
	settings.Timeout = bootstrap.Given("60", bootstrap.SourceFlag("timeout"))

	err := settings.Validate()
	fmt.Println(err)
	fmt.Println(errors.Is(err, bootstrap.ErrInvalidSettings))
	// Output:
	// env CALICO_IPV4POOL_CIDR: "10.244.0.0": an address without a prefix length such as /16; want an IPv4 CIDR, or none
	// env CALICO_IPV4POOL_NODE_SELECTOR: "zone = 'a'": column 6: expected ==, !=, in, not in, contains, starts with or ends with, found "="
	// flag --timeout: "60": not a duration; want a Go duration such as 90s or 5m; 0 is no limit; 60s is that many seconds
	// true
}

// Every pool of a file, and where each of its fields stands. What is wrong in the
// file is told with its line.
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
	settings := bootstrap.Settings{PoolsFile: bootstrap.Given(path, "rack.ini")}
	if err := settings.ReadPoolsFile(); err != nil {
		log.Fatal(err)
	}
	config, err := settings.Resolve()
	if err != nil {
		log.Fatal(err)
	}
	for _, desired := range config.Desired.Pools {
		if desired.Skip != "" {
			continue
		}
		for _, value := range desired.Values {
			if value.Source != bootstrap.SourceDefault {
				fmt.Println(desired.Pool.Name, value.Field, value.Value, strings.TrimPrefix(string(value.Source), "file "+dir))
			}
		}
	}

	settings.PoolManifests[0].Data = []byte("ip_pools:\n- name: rack-a\n  cidr: 10.1.0.0/16\n  natOutGoing: true\n")
	fmt.Println(strings.ReplaceAll(settings.Validate().Error(), dir, ""))
	// Output:
	// rack-a name rack-a /racks.yaml:2
	// rack-a cidr 10.1.0.0/16 /racks.yaml:3
	// rack-a nodeSelector rack == 'a' /racks.yaml:4
	// rack-b name rack-b /racks.yaml:5
	// rack-b cidr 10.2.0.0/16 /racks.yaml:6
	// rack-b natOutgoing true /racks.yaml:8
	// rack-b nodeSelector rack == 'b' /racks.yaml:7
	// file /racks.yaml:4: ip_pools[0].natOutGoing: unknown field; want natOutgoing
}

// From flags, a CalicoAPIConfig file and the environment, as the program reads
// them, to pools that are judged. Load tells what it warns of.
func ExampleLoad() {
	var settings bootstrap.Settings
	flags := flag.NewFlagSet("installer", flag.ContinueOnError)
	settings.AddFlags(flags)
	if err := flags.Parse([]string{"--ipv4-pool-cidr=10.244.0.0/16", "--ipv6-pool-cidr=none"}); err != nil {
		log.Fatal(err)
	}
	settings, warnings, err := bootstrap.Load(settings, "")
	if err != nil {
		log.Fatal(err)
	}
	config, err := settings.Resolve()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(warnings, config.Desired.Pools[0].Pool.Spec.CIDR)
	// Output:
	// [] 10.244.0.0/16
}

// What the environment of the process says, under calico-node's names.
func ExampleFromEnv() {
	if err := os.Setenv("CALICO_IPV4POOL_NAT_OUTGOING", "false"); err != nil {
		log.Fatal(err)
	}
	defer os.Unsetenv("CALICO_IPV4POOL_NAT_OUTGOING")
	settings, err := bootstrap.FromEnv()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(settings.IPv4.NATOutgoing.Value, "from", settings.IPv4.NATOutgoing.Source)
	// Output:
	// false from env CALICO_IPV4POOL_NAT_OUTGOING
}

// A settings page, or the help of another program, from the table itself.
func ExampleDefinitions() {
	for _, d := range bootstrap.Definitions() {
		if d.Flag == "on-drift" {
			fmt.Println(d.Env, d.Words(), "default:", d.Default)
		}
	}
	// Output:
	// CALICO_IPPOOLS_ON_DRIFT [report update fail] default: report
}

func ExampleSettings_Resolve() {
	settings := bootstrap.Settings{OnDrift: bootstrap.Given("update", "cluster.yaml drift")}
	config, err := settings.Resolve()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(config.OnDrift == bootstrap.DriftUpdate, config.Preflight, config.Timeout)
	for _, desired := range config.Desired.Pools {
		fmt.Println(desired.Pool.Name, "nat:", desired.Pool.Spec.NATOutgoing)
	}
	// Output:
	// true warn 1m0s
	// default-ipv4-ippool nat: true
	// default-ipv6-ippool nat: false
}
