# Filters of the role. They validate the inventory's variables and convert them to
# settings of calico-bootstrap. They run on the control node.
from __future__ import absolute_import, division, print_function

import difflib
import json
import posixpath
import re

__metaclass__ = type

# A variable with this prefix belongs to this role.
OURS = re.compile(r"^calico_(ipv4_?pool|ipv6_?pool|ip_?pools?|etcd|firewall|open_)")
# A variable with this prefix may be a misspelt variable of this role.
NEAR = re.compile(r"^(calico|openshift_cluster|osm_cluster|ip_?pool)")
LIKE = 0.85  # minimum similarity, from 0 to 1, of a misspelt name

CERTIFICATES = ["calico_etcd_ca_cert_file", "calico_etcd_cert_file", "calico_etcd_key_file"]
CERTIFICATE_DIR = "calico_etcd_cert_dir"
CLUSTER_CIDRS = ["openshift_cluster_network_cidr", "osm_cluster_network_cidr"]
SERVICE_CIDRS = ["openshift_portal_net", "kube_service_addresses", "kube_service_addresses_ipv6"]
# The variables of kubespray that mean a variable of this role. The first is suggested; with
# any of them set, kubespray's is ignored.
KUBESPRAY = {
    "calico_ipip_mode": ["calico_ipv4pool_ipip"],
    "calico_pool_blocksize": ["calico_ipv4pool_block_size"],
    "calico_pool_blocksize_ipv6": ["calico_ipv6pool_block_size"],
    "calico_pool_cidr": ["calico_ipv4pool_cidr"],
    "calico_pool_cidr_ipv6": ["calico_ipv6pool_cidr"],
    "calico_pool_name": ["calico_ipv4pool_name"],
    "calico_vxlan_mode": ["calico_ipv4pool_vxlan"],
    "calico_vxlan_mode_ipv6": ["calico_ipv6pool_vxlan"],
    "kube_pods_subnet": CLUSTER_CIDRS + ["calico_ipv4pool_cidr"],
    "kube_pods_subnet_ipv6": ["calico_ipv6pool_cidr"],
    "nat_outgoing": ["calico_ipv4pool_nat_outgoing"],
    "nat_outgoing_ipv6": ["calico_ipv6pool_nat_outgoing"],
}
SWITCHES = [
    "calico_open_firewall",
    "calico_firewall_bgp",
    "calico_firewall_registry",
    "calico_firewall_typha",
    "calico_firewall_wireguard",
]
WORDS = ["true", "yes", "on", "1", "false", "no", "off", "0"]


def is_set(value):
    """Reports whether a value is set; an empty value is unset."""
    return value is not None and value not in ("", [], {})


def first_set(given, names):
    """Returns the name and the value of the first variable that is set, or two times None."""
    for name in names:
        if is_set(given.get(name)):
            return name, given[name]
    return None, None


def switch(given, name, default=False):
    """Returns the value of a boolean variable."""
    value = given.get(name)
    return str(value).lower() in WORDS[:4] if is_set(value) else default


def host_faults(given):
    """Lists the faults of the variables that may differ between hosts."""
    found = []
    for name in SWITCHES:
        value = given.get(name)
        if is_set(value) and str(value).lower() not in WORDS:
            found.append('%s: "%s": not a boolean; must be true or false' % (name, value))
    return found


def faults(given, names, known, others):
    """Lists the faults of the cluster's variables, a line each.

    given has the values of all known variables, names all variables of all hosts,
    and others the known variables of other roles.
    """
    found = []
    for name in sorted(set(names) - set(known) - set(others)):
        meant = difflib.get_close_matches(name, known, 1, LIKE)
        if name in KUBESPRAY:
            if first_set(given, KUBESPRAY[name])[0] is None:
                found.append("%s: kubespray's variable, which is not read; set %s" % (name, KUBESPRAY[name][0]))
        elif NEAR.match(name) and meant:
            found.append("%s: unknown variable; did you mean %s?" % (name, meant[0]))
        elif OURS.match(name):
            found.append("%s: unknown variable; meta/argument_specs.yml of the role lists all variables" % name)

    there = [name for name in [CERTIFICATE_DIR] + CERTIFICATES if is_set(given.get(name))]
    missing = [name for name in CERTIFICATES if name not in there]
    if there and missing:
        found.append("%s: set without %s; set all three or none" % (", ".join(there), ", ".join(missing)))
    elif there and not is_set(given.get("calico_etcd_endpoints")):
        found.append("%s: set without calico_etcd_endpoints; set it as well, or none of them" % ", ".join(there))
    for name in CERTIFICATES:
        path = certificate(given, name)
        if path and not path.startswith("/"):
            found.append('%s: "%s": a relative path; must be absolute, or relative to an absolute %s' % (name, path, CERTIFICATE_DIR))

    values = [given.get(name) for name in CLUSTER_CIDRS]
    if is_set(values[0]) and is_set(values[1]) and values[0] != values[1]:
        found.append('%s: "%s": contradicts %s "%s"; set only one of the two' % (CLUSTER_CIDRS[0], values[0], CLUSTER_CIDRS[1], values[1]))

    listed = given.get("ip_pools")
    if isinstance(listed, str) and listed.lstrip()[:1] in ("[", "{"):
        try:
            json.loads(listed)
        except ValueError as error:
            found.append("ip_pools: invalid JSON text: %s" % error)

    folder = given.get("calico_log_dir")
    if is_set(folder) and not str(folder).startswith("/"):
        found.append('calico_log_dir: "%s": a relative path; must be absolute' % folder)
    return found


def text(value, mode):
    """Formats a value for the program. mode: off is a value, not a boolean."""
    if isinstance(value, bool):
        if mode and not value:
            return "off"  # YAML 1.1 reads off as false
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ",".join(str(item) for item in value)
    return str(value)


def certificate(given, name):
    """Returns the path of a certificate or a key; empty: none is set."""
    value, folder = given.get(name), given.get(CERTIFICATE_DIR)
    if not is_set(value):
        return ""
    return posixpath.join(str(folder), str(value)) if is_set(folder) else str(value)


def pools(value):
    """Returns the pools of ip_pools, which may be JSON text from --extra-vars."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def settings(given, table):
    """Lists the given settings, each with its variable."""
    found = []
    # The default pool has the cluster's pod CIDR, and the pools of ip_pools are inside it.
    cluster, cidr = first_set(given, CLUSTER_CIDRS)
    by_default = not is_set(given.get("calico_ipv4pool_cidr")) and not is_set(given.get("ip_pools"))
    for entry in table:
        name, value = entry["variable"], given.get(entry["variable"])
        if name == "calico_ipv4pool_cidr" and by_default:
            name, value = cluster, cidr
        elif name == CLUSTER_CIDRS[0]:
            name, value = cluster, None if by_default else cidr
        elif name == SERVICE_CIDRS[0]:
            named = [service for service in SERVICE_CIDRS if is_set(given.get(service))]
            name, value = ", ".join(named), [text(given[service], False) for service in named]
        elif name in CERTIFICATES:
            value = certificate(given, name)
        if name == "calico_ippools_ipv6" and not is_set(value):
            # As in openshift-ansible's roles: no IPv6 unless it is configured.
            value = "" if is_set(given.get("calico_ipv6pool_cidr")) or is_set(given.get("ip_pools")) else False
        if is_set(value):
            found.append(dict(entry, variable=name, value=text(value, entry.get("mode", False))))
    return found


def flags(given, role, datastore):
    """Lists the flags of calico-bootstrap firewall for a host."""
    found = ["--role", str(role)]
    if not switch(given, "calico_firewall_bgp", True):
        found.append("--no-bgp")
    for word in ("registry", "typha", "wireguard"):
        if switch(given, "calico_firewall_" + word):
            found.append("--" + word)
    port = given.get("openshift_master_api_port")
    if is_set(port) and role == "control-plane" and datastore == "kubernetes":
        found += ["--api-server-port", str(port)]
    return found


def zone_flags(given):
    """Lists the flags that select the host's zones."""
    found = []
    if is_set(given.get("calico_firewalld_zone")):
        found += ["--zone", str(given["calico_firewalld_zone"])]
    if is_set(given.get("calico_firewalld_interfaces")):
        found += ["--interface", text(given["calico_firewalld_interfaces"], False)]
    return found


class FilterModule(object):
    """The filters, for Ansible."""

    def filters(self):
        return {
            "calico_ippools_faults": faults,
            "calico_ippools_flags": flags,
            "calico_ippools_host_faults": host_faults,
            "calico_ippools_pools": pools,
            "calico_ippools_settings": settings,
            "calico_ippools_switch": switch,
            "calico_ippools_zone_flags": zone_flags,
        }
