// Package nat answers which traffic Calico masquerades, and why.
//
// A [Model] is built once from the pools, the FelixConfigurations, the nodes, Calico's
// version and the Service CIDRs of a cluster. [Model.Decide] answers for one source and
// destination, [Model.Explain] gives the reasons as data, [Model.Overview] lists what is
// masqueraded and what is exempt, and [Model.Findings] lists the combinations that end
// Felix or surprise.
//
// The answer is that of the first row whose condition holds:
//
//	1  the destination is in a range of Services                depends on the backend
//	2  the source is in no pool with natOutgoing, or of IPv6
//	   and ipv6Support is false                                 no
//	3  eBPF, and the source is not a workload                   no
//	4  the destination is an address of the source's own node   no
//	5  the destination is in a pool that exempts                no
//	6  natOutgoingExclusions is IPPoolsAndHostIPs, and the
//	   destination is a node's address or in externalNodesList  no
//	7  iptablesNATOutgoingInterfaceFilter is set                depends on the interface
//	8  else                                                     yes
//
// Every pool exempts, also without natOutgoing and also if it is disabled, except those
// whose allowedUses is exactly [LoadBalancer]. Before Calico 3.31.6, and in 3.32.0, these
// exempt, too. Only the first packet of a connection is decided, after DNAT; replies
// follow it. kube-proxy masquerades for reasons of its own. Row 4 is about what others see:
// a packet of a node to itself stays on the node, where the rules may rewrite its source.
//
// Felix's environment variables and its configuration file override FelixConfigurations,
// and are not visible in a datastore. On Windows the answer is another one: HNS decides
// with the pools as they were when the pod was created.
//
// The package is pure: no I/O, no state, no clock. The facts about Calico come from Felix's
// sources as of August 2026, and were compared with a running Felix in nftables mode.
package nat
