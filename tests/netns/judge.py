# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the endpoints of a host are, and what they should be, both as `ip` tells it."""

import json
import re
import subprocess


def ip(host, *argv):
    """What `ip -json` says inside a host."""
    done = subprocess.run(["ip", "-n", host.name, "-json", *argv], text=True, capture_output=True,
                          check=True)
    return json.loads(done.stdout or "[]")


def endpoints(host):
    return ip(host, "mptcp", "endpoint", "show")


def table(host):
    """The kernel's endpoints as {(address, device)}."""
    return {(e["address"], e.get("dev")) for e in endpoints(host)}


def limits(host):
    text = host.run("ip", "mptcp", "limits", "show").stdout
    return tuple(int(n) for n in re.findall(r"\d+", text))


def expected(host):
    """{(address, device)} that should be endpoints, from what the kernel says of the host."""
    ways = {(family, r.get("dev")) for family, flag in (("inet", "-4"), ("inet6", "-6"))
            for r in ip(host, flag, "route", "show", "default")}
    found = set()
    for link in ip(host, "address", "show"):
        if link["operstate"] != "UP" or "LOOPBACK" in link["flags"]:
            continue
        for address in link["addr_info"]:
            if (address["scope"] == "global" and not address.get("tentative")
                    and not address.get("deprecated")
                    and (address["family"], link["ifname"]) in ways):
                found.add((address["local"], link["ifname"]))
    return found


def quick_dad(host, name):
    """Duplicate address detection on that link takes a tenth of a second."""
    host.sysctl(f"net.ipv6.conf.{name}.accept_dad", 1)
    host.sysctl(f"net.ipv6.conf.{name}.router_solicitation_delay", 0)
    host.sysctl(f"net.ipv6.neigh.{name}.retrans_time_ms", 100)
