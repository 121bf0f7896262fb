package ippool_test

import (
	"fmt"
	"net/netip"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"

	"github.com/calico-bootstrap/calico-bootstrap/ippool"
)

func ExampleValidate() {
	pool := ippool.New("default-ipv4-ippool")
	pool.Spec.CIDR = "10.244.5.7/16"
	pool.Spec.BlockSize = 33
	pool.Spec.IPIPMode = v3.IPIPModeAlways
	pool.Spec.VXLANMode = v3.VXLANModeAlways
	pool.Spec.NodeSelector = "rack = r1"
	for _, fault := range ippool.Validate(pool) {
		fmt.Println(fault)
	}
	// Output:
	// spec.cidr: Invalid value: "10.244.5.7/16": has host bits: the range is 10.244.0.0/16
	// spec.blockSize: Invalid value: 33: must be between 20 and 32 for IPv4
	// spec.vxlanMode: Forbidden: "Always" conflicts with ipipMode "Always": only one encapsulation can be enabled
	// spec.nodeSelector: Invalid value: "rack = r1": column 6: expected ==, !=, in, not in, contains, starts with or ends with, found "="
}

func ExampleValidateSet() {
	office, lab := ippool.New("office"), ippool.New("lab")
	office.Spec.CIDR = "10.0.0.0/8"
	lab.Spec.CIDR = "10.244.0.0/16"
	fmt.Println(ippool.ValidateSet([]*v3.IPPool{office, lab}).ToAggregate())
	// Output:
	// items[1].spec.cidr: Invalid value: "10.244.0.0/16": overlaps 10.0.0.0/8 of pool "office"
}

func ExampleValidateUpdate() {
	stored := ippool.New("default-ipv4-ippool")
	stored.Spec.CIDR = "10.244.0.0/16"
	updated := stored.DeepCopy()
	updated.Spec.NATOutgoing = true
	updated.Spec.BlockSize = 28
	fmt.Println(ippool.ValidateUpdate(updated, stored).ToAggregate())
	// Output:
	// spec.blockSize: Forbidden: can't change from 26 to 28: create a new pool and migrate to it
}

func ExampleDefault() {
	pool := ippool.New("default-ipv6-ippool")
	pool.Spec.CIDR = "fd00:10:244::/64"
	ippool.Default(pool)
	fmt.Println(pool.Spec.BlockSize, pool.Spec.VXLANMode, pool.Spec.NodeSelector, pool.Spec.AllowedUses, *pool.Spec.AssignmentMode)
	// Output:
	// 122 Never all() [Workload Tunnel] Automatic
}

func ExampleNewRecord() {
	pool := ippool.New("default-ipv4-ippool")
	pool.UID = "47132df4-a8f8-4771-b096-ccd5d2ab0391"
	pool.CreationTimestamp = at("17:45:23") // a real caller uses metav1.Now()
	pool.Spec.CIDR = "10.244.0.0/16"
	pool.Spec.NATOutgoing = true
	ippool.Default(pool)

	value, err := ippool.NewRecord(pool).Encode()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(ippool.RecordKey(pool.Name))
	fmt.Println(string(value))
	// Output:
	// /calico/resources/v3/projectcalico.org/ippools/default-ipv4-ippool
	// {"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"default-ipv4-ippool","uid":"47132df4-a8f8-4771-b096-ccd5d2ab0391","creationTimestamp":"2026-11-22T17:45:23Z"},"spec":{"cidr":"10.244.0.0/16","vxlanMode":"Never","ipipMode":"Never","natOutgoing":true,"blockSize":26,"nodeSelector":"all()","allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"}}
}

// A change preserves everything else in the record, including unknown fields.
func ExampleRecord() {
	stored := `{"kind":"IPPool", "metadata":{"name":"a"}, "spec":{"cidr":"10.244.0.0/16", "natOutgoing":true, "future":{"on":true}}}`
	record, err := ippool.DecodeRecord([]byte(stored))
	if err != nil {
		fmt.Println(err)
		return
	}
	record.Pool().Spec.NATOutgoing = false
	record.Pool().Spec.IPIPMode = v3.IPIPModeCrossSubnet
	value, err := record.Encode()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(value))
	// Output:
	// {"kind":"IPPool", "metadata":{"name":"a"}, "spec":{"cidr":"10.244.0.0/16", "ipipMode":"CrossSubnet", "future":{"on":true}}}
}

func ExampleRandomULA() {
	random := strings.NewReader("\x01\x23\x45\x67\x89") // a real caller uses crypto/rand.Reader
	prefix, err := ippool.RandomULA(random)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(prefix)
	// Output:
	// fd01:2345:6789::/48
}

func ExampleFirstFree() {
	candidates := []netip.Prefix{netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("172.16.0.0/16")}
	hostNetworks := []netip.Prefix{netip.MustParsePrefix("192.168.178.21/24")}
	fmt.Println(ippool.FirstFree(candidates, hostNetworks))
	// Output:
	// 172.16.0.0/16 true
}

func ExampleCanonical() {
	for _, text := range []string{"10.244.5.7/16", "FD00:0010:0244:0000::/64", "::ffff:10.244.0.0/112", "10.244.0.0"} {
		canonical, err := ippool.Canonical(text)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(canonical)
	}
	// Output:
	// 10.244.0.0/16
	// fd00:10:244::/64
	// an IPv4-mapped IPv6 CIDR: write it as IPv4
	// an address without a prefix length such as /16
}

func ExampleParseEnum() {
	fmt.Println(ippool.ParseEnum[v3.IPIPMode]("cross-subnet"))
	_, err := ippool.ParseEnum[v3.IPIPMode]("on")
	fmt.Println(err)
	// Output:
	// CrossSubnet <nil>
	// unknown mode "on": must be never (or off), always or cross-subnet (or crosssubnet)
}
