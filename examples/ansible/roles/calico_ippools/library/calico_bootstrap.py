#!/usr/bin/python
# Runs calico-bootstrap on a host, for the role calico_ippools.
from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: calico_bootstrap
short_description: Run calico-bootstrap
description:
  - Runs calico-bootstrap with C(-o json), and converts its output to an Ansible result.
  - In errors and warnings, replaces environment variables and flags by the inventory's
    variables.
  - In check mode, runs C(plan) instead of C(apply).
options:
  program:
    description: The program's path on the host.
    type: path
    required: true
  arguments:
    description: The command and its flags, except -o.
    type: list
    elements: str
    required: true
  settings:
    description: >-
      The settings, each with C(variable), C(env) and C(value). They are passed in the
      program's environment, which has no other settings.
    type: list
    elements: dict
    default: []
  secrets:
    description: Secret settings, by environment variable.
    type: dict
    default: {}
  names:
    description: The names of settings, each with C(variable), C(flag) and C(env), for messages.
    type: list
    elements: dict
    default: []
  pools:
    description: Pools in addition to the default ones, as in C(ip_pools). The program validates them.
    type: raw
  openings:
    description: >-
      The output of C(firewall) on another host, for C(--from). It is passed in a file, because a pipe
      breaks if the program's flags are invalid and it doesn't read stdin.
    type: json
  log_dir:
    description: The directory for the log and the last report. Not used in check mode.
    type: path
author: The calico-bootstrap authors
"""

RETURN = r"""
result:
  description: The output of the program.
  type: dict
  returned: success
summary:
  description: A line for each pool, or for each opening in a zone.
  type: list
  returned: success
"""

import json
import os
import re

from ansible.module_utils.basic import AnsibleModule

# Settings in the host's environment, which are ignored: only the inventory applies.
SETTINGS = re.compile(
    r"^(CALICO_|ETCD_|K8S_|KUBECONFIG$|DATASTORE_TYPE$|FELIX_IPV6SUPPORT$|NO_DEFAULT_POOLS$|WAIT_FOR_DATASTORE$)"
)

DONE = {"would-create": "would be created", "would-update": "would be updated"}
CHANGES = ["created", "updated", "would-create", "would-update"]

# The fields of a pool, in Calico's order.
FIELDS = ["cidr", "vxlanMode", "ipipMode", "natOutgoing", "disabled", "disableBGPExport", "blockSize", "nodeSelector"]

# The exit code if openings are missing.
PENDING = 3


def inventory_words(message, names, settings, folder):
    """Replaces the program's names by the inventory's."""
    if folder:
        # Remove the generated file and its line numbers; the path names the pool.
        place = r"file " + re.escape(folder) + r"[^ :)]*(:\d+)?"
        message = re.sub(" in " + place, " in ip_pools", message)
        message = re.sub(r" \(" + place + r"\)", "", message)
        message = re.sub("^" + place + r': (".*?"): (ip_pools[^ :]*):', r"\3: \2:", message)
        message = re.sub("^" + place + ": ", "", message)
        message = re.sub(r':? "?' + re.escape(folder) + r'\S*\.json"?', "", message)
    used = dict((entry["env"], entry["variable"]) for entry in settings)
    for entry in sorted(names, key=lambda entry: -len(entry["flag"])):
        variable = used.get(entry.get("env"), entry["variable"])
        end = r"(?![\w-])"
        if entry.get("env"):
            # The program also accepts most names of the datastore's settings without CALICO_.
            short = re.sub(r"^CALICO_(?=ETCD_|KUBECONFIG)", "", entry["env"])
            message = re.sub(re.escape(entry["flag"]) + " or " + short + end, variable, message)
            message = re.sub(r"(\benv )?\b(CALICO_)?" + short + end, variable, message)
        message = re.sub(r"(\bflag )?" + re.escape(entry["flag"]) + r"=(\w+)", variable + r": \2", message)
        message = re.sub(r"(\bflag )?" + re.escape(entry["flag"]) + end, variable, message)
    return message


def log_line(line):
    """Returns the text of an error line, or None for another line."""
    if line.startswith("error: "):
        return line[len("error: "):]
    return None


def fields_text(spec):
    """Formats a pool's fields, a line each, for a diff."""
    fields = [field for field in FIELDS if field in spec] + [field for field in spec if field not in FIELDS]
    return "".join(
        "%s: %s\n" % (field, spec[field] if isinstance(spec[field], str) else json.dumps(spec[field])) for field in fields)


def pool_diff(pool):
    """Returns the diff of a pool before and after the change."""
    after = dict(pool.get("spec") or {})
    before = {}
    if pool["action"] in ("updated", "would-update"):
        before = dict(after)
        for difference in pool["drift"]:
            if difference["updated"]:
                before[difference["field"]] = difference["stored"]
                after.setdefault(difference["field"], difference["desired"])  # a false field is omitted
    header = "IPPool " + pool["name"]
    return {
        "before": fields_text(before), "before_header": header,
        "after": fields_text(after), "after_header": header,
    }


def pool_line(pool):
    """Returns a line with the action on a pool."""
    line = "%s: %s" % (pool["name"], DONE.get(pool["action"], pool["action"]))
    cidr = (pool.get("spec") or {}).get("cidr")
    if cidr:
        line += ", " + cidr
    return "%s (%s)" % (line, pool["reason"])


def opening_lines(zone):
    """Returns a line for each opening with its state in the zone."""
    lines = []
    for opening in zone["openings"]:
        what = opening.get("port") or "protocol " + str(opening.get("protocol"))
        state = "open" if opening["runtime"] == opening["permanent"] == "open" else "now %s%s, after a reload %s%s" % (
            opening["runtime"], by(opening.get("runtimeBy")), opening["permanent"], by(opening.get("permanentBy")),
        )
        lines.append("%s (%s) in zone %s: %s" % (what, opening["name"], zone["zone"], state))
    return lines


def by(reason):
    return " (%s)" % reason if reason else ""


def keep(folder, stdout, stderr):
    """Appends the run's log, and replaces the report of the last run."""
    with open(os.path.join(folder, "calico-bootstrap.log"), "a") as log:
        log.write(stderr)
    if stdout:
        with open(os.path.join(folder, "calico-bootstrap-report.json"), "w") as report:
            report.write(stdout)


def main():
    module = AnsibleModule(
        argument_spec=dict(
            program=dict(type="path", required=True),
            arguments=dict(type="list", elements="str", required=True),
            settings=dict(type="list", elements="dict", default=[]),
            secrets=dict(type="dict", default={}, no_log=True),
            names=dict(type="list", elements="dict", default=[]),
            pools=dict(type="raw"),
            openings=dict(type="json"),
            log_dir=dict(type="path"),
        ),
        supports_check_mode=True,
    )
    given = module.params
    program = given["program"]
    if not os.access(program, os.X_OK) or os.path.isdir(program):
        module.fail_json(msg='calico_ippools_binary: "%s": not an executable file on this host; must be the path of calico-bootstrap, or set calico_ippools_binary_src\n' % program)

    for name in list(os.environ):
        if SETTINGS.match(name):
            del os.environ[name]
    environment = dict((entry["env"], entry["value"]) for entry in given["settings"])
    environment.update((name, str(value)) for name, value in given["secrets"].items() if value)
    folder = ""
    if given["pools"]:
        folder = os.path.join(module.tmpdir, "")
        environment["CALICO_IPPOOLS_FILE"] = os.path.join(folder, "ip_pools.json")
        with open(environment["CALICO_IPPOOLS_FILE"], "w") as pools:
            json.dump({"ip_pools": given["pools"]}, pools, indent=2)

    arguments = list(given["arguments"])
    if module.check_mode and arguments[0] == "apply":
        arguments[0] = "plan"
    if given["openings"]:
        arguments += ["--from", os.path.join(module.tmpdir, "openings.json")]
        with open(arguments[-1], "w") as openings:
            openings.write(given["openings"])

    code, stdout, stderr = module.run_command([program] + arguments + ["-o", "json"], environ_update=environment)
    if given["log_dir"] and not module.check_mode:
        keep(given["log_dir"], stdout, stderr)

    def words(message):
        return inventory_words(message, given["names"], given["settings"], folder)

    result = {}
    if stdout:
        try:
            result = json.loads(stdout)
        except ValueError:
            module.fail_json(msg="calico-bootstrap didn't print JSON: %s" % (stderr or stdout).strip(), rc=code)
    checked = result.get("check")
    if code != 0 and not (code == PENDING and checked):
        lines = [log_line(line) for line in stderr.splitlines()]
        lines = [words(line) for line in lines if line] or [stderr.strip() or "calico-bootstrap exited with %d" % code]
        module.fail_json(msg="\n".join(lines) + "\n", rc=code)  # for the line break, see tasks/variables.yml

    warnings = result.get("warnings", []) + [finding["text"] for finding in result.get("findings", [])]
    for warning in warnings:
        module.warn(words(warning))

    changed, diff, summary = False, [], []
    if checked:
        for zone in checked["zones"]:
            summary += opening_lines(zone)
    elif arguments[0] in ("apply", "plan"):
        for pool in result["pools"]:
            summary.append(words(pool_line(pool)))
            if pool["action"] in CHANGES:
                changed = True
                diff.append(pool_diff(pool))
        summary += [words("note: " + note) for note in result.get("notes", [])]
    module.exit_json(changed=changed, diff=diff, result=result, summary=summary)


if __name__ == "__main__":
    main()
