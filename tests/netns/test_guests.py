# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hosts of containers and virtual machines, as podman and libvirt set them up: what a guest does goes on
as without mptcpd, and the host's own connections have the host's links."""

import contextlib
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from hosts import Host, wait_until
from judge import table
from town import FAR, Town, call, config, meet, near

KERNEL = config("yes", "kernel")
GUESTS = {"podman0": "10.88.0", "virbr0": "192.168.122"}
NAT = """
table ip guests {{
    chain post {{
        type nat hook postrouting priority srcnat
        ip saddr {net}.0/24 ip daddr != {net}.0/24 masquerade
    }}
}}
"""


@contextlib.contextmanager
def guest(town, bridge, address=None, way=None):
    """One behind a bridge of the client; by NAT unless it has an address of a link."""
    net = GUESTS.get(bridge)
    box = Host("box", 9, town.directory)
    try:
        box.ip("link add eth0 type veth peer name vnet0 netns client", "link set eth0 up",
               f"address add {address or f'{net}.2'}/24 dev eth0")
        if net:
            town.client.ip(f"link add {bridge} type bridge", f"link set {bridge} up",
                           f"address add {net}.1/24 dev {bridge}")
            town.client.sysctl("net.ipv4.ip_forward", 1)
            town.client.run("nft", "-f", "-", stdin=NAT.format(net=net))
        town.client.ip(f"link set vnet0 master {bridge}", "link set vnet0 up")
        box.ip(f"route add default via {way or f'{net}.1'}")
        yield box
    finally:
        box.stop()


def behind_nat(bridge):
    if not shutil.which("nft"):
        raise tap.Skip("nft is not installed")
    for text in (None, config(), KERNEL):
        with Town() as town, guest(town, bridge) as box:
            if text:
                town.start(text)
                town.await_rules(near(1), near(2))
            # The world, the host at its own address there, and at that of the bridge.
            meet(town.server, box, FAR[4]).ping(3)
            for target in (f"{GUESTS[bridge]}.1", near(1), near(2)):
                talk = meet(town.client, box, target)
                talk.ping(3)
                talk.close()
            if not text:
                continue
            tap.true(not any(GUESTS[bridge] in line for line in town.ours()), f"rules: {town.ours()}")
            tap.equal([a for a, _ in table(town.client) if a.startswith(GUESTS[bridge])], [],
                      "endpoints of the bridge")
            shown = {each["name"]: each for each in town.daemon.json("interface")["interfaces"]}
            tap.equal((shown[bridge]["use"], shown["vnet0"]["use"]), (False, False), "are used")


@tap.test("/guests/podman/behind-nat", 90)
def podman():
    behind_nat("podman0")


@tap.test("/guests/libvirt/behind-nat", 90)
def libvirt():
    behind_nat("virbr0")


def bridge_uplink(town):
    """The host's address moves from its uplink to a bridge, of which guests are members, too."""
    town.client.ip("link add br0 type bridge", "link set br0 up",
                   "address flush dev link2 scope global", "link set link2 master br0",
                   "address add 10.0.2.1/24 dev br0", "address add 2001:db8:2::1/64 dev br0 nodad",
                   "route replace default via 10.0.2.2 dev br0 metric 102",
                   "route replace ::/0 via 2001:db8:2::2 dev br0 metric 102")


@tap.test("/guests/libvirt/address-on-a-bridge", 90)
def bridged():
    for text in (config(), KERNEL):
        with Town() as town:
            bridge_uplink(town)
            with guest(town, "br0", "10.0.2.7", "10.0.2.2") as box:
                daemon = town.start(text)
                town.await_rules(near(1), near(2))
                meet(town.server, box, FAR[4]).ping(3)
                own = call(town)
                own.ping()
                wanted = {near(1): "link1", near(2): "br0"}

                def links():
                    return {each["local"]["address"]: each["interface"] for connection in
                            daemon.connections() for each in connection["subflows"]
                            if each["state"] == "established"}

                wait_until(lambda: links() == wanted, 5, f"subflows by {wanted}", links)
                shown = {each["name"]: each for each in daemon.json("interface")["interfaces"]}
                tap.equal((shown["br0"]["use"], shown["link2"]["use"]), (True, False), "are used")


if __name__ == "__main__":
    sandbox.run(tap.main)
