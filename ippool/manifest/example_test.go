package manifest_test

import (
	"fmt"

	"github.com/calico-bootstrap/calico-bootstrap/ippool/manifest"
)

// All faults are reported at once, with their lines.
func ExampleDecode() {
	entries, warnings, faults := manifest.Decode([]byte(`
apiVersion: projectcalico.org/v3
kind: IPPool
metadata:
  name: rack-a
  uid: 47132df4-a8f8-4771-b096-ccd5d2ab0391
spec:
  cidr: 10.1.0.5/16
  vxlanMode: always
`))
	for _, warning := range warnings {
		fmt.Println("warning:", warning.Error())
	}
	for _, fault := range faults {
		fmt.Println(fault.Error())
	}
	for _, entry := range entries {
		fmt.Println(entry.Pool.Name, "is on line", entry.Line, "and its CIDR on line", entry.Lines["cidr"])
		for _, fault := range entry.Validate() {
			fmt.Println(fault.Error())
		}
	}
	// Output:
	// warning: line 6: metadata.uid: is set by the server; ignored
	// line 9: spec.vxlanMode: "always": must be Always
	// rack-a is on line 2 and its CIDR on line 8
	// line 8: spec.cidr: "10.1.0.5/16": has host bits: the range is 10.1.0.0/16
}

func ExampleEntry_At() {
	entries, _, _ := manifest.Decode([]byte("ip_pools:\n- name: rack-a\n  cidr: 10.1.0.0/16\n"))
	fmt.Println(entries[0].At("spec.cidr", "10.1.0.0/16", "overlaps the network of the office").Error())
	// Output: line 3: ip_pools[0].cidr: "10.1.0.0/16": overlaps the network of the office
}
