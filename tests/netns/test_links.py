# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which links count, and which are left alone: by what they are, and by the files or without any."""

import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from daemon import FULLMESH, Daemon
from hosts import NEEDS_ROUTES_BY_SOURCE, Network, Traffic, wait_until
from judge import table

ROOT = pathlib.Path(__file__).resolve().parents[2]
KERNEL = "[core]\npath-manager = kernel\n"
USERSPACE = "[core]\npath-manager = userspace\n"
ADDRESSES = ("10.0.{}.{}", "2001:db8:{}::{}")  # of a link, and of a host on it

# A device has a carrier while a program has it open.
HOLD = """
import fcntl, struct, sys
device = open("/dev/net/tun", "r+b", buffering=0)
fcntl.ioctl(device, 0x400454ca, struct.pack("16sH", sys.argv[1].encode(), int(sys.argv[2])))
print("held", flush=True)
sys.stdin.read()
"""


def hold(host, name, mode):
    """A tun or tap device that has a carrier as long as the host lives."""
    child = host.start("/usr/bin/python3", "-c", HOLD, name, 0x1001 if mode == "tun" else 0x1002,
                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    tap.equal(child.stdout.readline(), "held\n", "the device")
    host.ip(f"link set {name} up")


def readme():
    """The configuration that the README tells people to write."""
    return re.search(r"```ini\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"),
                     re.DOTALL)[1]


class Scene:
    """Two hosts, three links, and mptcpd on the client when start() is called."""

    def __init__(self, links=3):
        self.net = Network(links=links, note=tap.note, routes_by_source=NEEDS_ROUTES_BY_SOURCE)

    def __enter__(self):
        self.client = self.net.__enter__().client
        try:
            Traffic(self.net.server, "server", "::", 5000)
        except BaseException:
            self.net.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *exception):
        return self.net.__exit__(*exception)

    def start(self, config):
        self.daemon = Daemon(self.client, config)
        self.net.on_failure[:] = [lambda: "mptcpd's log:\n" + self.daemon.text()[-4000:]]

    def addresses(self):
        """{address: why it does not count, or None}"""
        return {a["address"]: a["reason"] for i in self.daemon.json("interface")["interfaces"]
                for a in i["addresses"]}

    def sources(self, state="ESTAB"):
        return sorted(s["local"][0] for s in self.client.subflows(state=state))

    def connect(self, address):
        client = Traffic(self.client, "client", address, 5000)
        tap.equal(client.hello, {"connected": 1, "mptcp": 1}, "a connection")
        return client

    def await_sources(self, wanted, seconds=1):
        wait_until(lambda: self.sources() == sorted(wanted), seconds, f"subflows from {wanted}",
                   self.sources)


# ---- what holds without any file ----


def vpn(scene):
    """A tunnel that leads everywhere, as a VPN makes it."""
    hold(scene.client, "tun0", "tun")
    scene.client.ip("address add 10.8.0.1/24 dev tun0",
                    "address add 2001:db8:88::1/64 dev tun0 nodad",
                    "route add default dev tun0 metric 50", "route add ::/0 dev tun0 metric 50")


def protected(config, leaves_by_vpn):
    for pattern in ADDRESSES:
        with Scene() as scene:
            vpn(scene)
            scene.start(config)
            wanted = [pattern.format(i, 1) for i in scene.net.links]
            scene.connect(pattern.format(1, 2))
            scene.await_sources(wanted)
            inside = {"10.8.0.1", "2001:db8:88::1"}.intersection(scene.sources(None))
            tap.equal(bool(inside), leaves_by_vpn, f"subflows by the tunnel: {inside}")
            tap.equal(scene.addresses()["10.8.0.1"], None if leaves_by_vpn else "use = no", "why")


@tap.test("/links/default/no-subflow-leaves-by-a-tunnel-with-the-readmes-configuration")
def readme_protects():
    protected(readme(), leaves_by_vpn=False)


@tap.test("/links/default/no-subflow-leaves-by-a-tunnel-with-hardly-any-configuration")
def little_protects():
    protected(USERSPACE, leaves_by_vpn=False)


@tap.test("/links/default/a-group-that-matches-replaces-what-protects")
def replaced():
    protected(USERSPACE + "[interface:tun*]\nflags = subflow,backup\n", leaves_by_vpn=True)


@tap.test("/links/default/no-endpoint-for-what-is-protected")
def no_endpoint():
    with Scene(links=2) as scene:
        vpn(scene)
        scene.client.ip("link add docker0 type bridge", "link set docker0 up",
                        "link add inside0 type veth peer name inside1",
                        "link set inside0 master docker0 up", "link set inside1 up",
                        "address add 172.17.0.1/16 dev docker0",
                        "route add default via 172.17.0.2 dev docker0 metric 700")
        scene.start("")
        wanted = {(pattern.format(i, 1), f"link{i}") for i in (1, 2) for pattern in ADDRESSES}
        wait_until(lambda: table(scene.client) == wanted, 1, f"{wanted}",
                   lambda: table(scene.client))
        tap.equal(scene.addresses()["172.17.0.1"], "use = no", "docker0")


@tap.test("/links/default/a-connection-that-begins-inside-a-vpn-stays-inside")
def inside_vpn():
    for pattern, inside in zip(ADDRESSES, ("10.8.0.{}", "2001:db8:88::{}")):
        with Scene() as scene:
            # a "tunnel" with somebody at its end: its name decides here
            scene.client.ip("link add wg0 type veth peer name wg1 netns server",
                            "link set wg0 up", "address add 10.8.0.1/24 dev wg0",
                            "address add 2001:db8:88::1/64 dev wg0 nodad")
            scene.net.server.ip("link set wg1 up", "address add 10.8.0.2/24 dev wg1",
                                "address add 2001:db8:88::2/64 dev wg1 nodad")
            scene.net.await_carrier()
            scene.start(USERSPACE + "[interface:wg*]\nuse = no\n")
            scene.connect(inside.format(2))
            scene.connect(pattern.format(1, 2))  # another one gets its three at the same time
            scene.await_sources([inside.format(1)] + [pattern.format(i, 1) for i in (1, 2, 3)])
            policies = {c["local"]["address"]: c["policy"] for c in scene.daemon.connections()}
            tap.equal(policies, {inside.format(1): None, pattern.format(1, 1): "default"},
                      "policies")


if __name__ == "__main__":
    try:
        sandbox.enter()
    except sandbox.Unavailable as reason:
        print(f"TAP version 13\n1..0 # SKIP {reason}")
        sys.exit(0)
    tap.main()
