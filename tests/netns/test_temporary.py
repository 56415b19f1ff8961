# SPDX-License-Identifier: LGPL-2.1-or-later
"""Temporary IPv6 addresses, which hide the stable ones of their link: which are used, and who sees them."""

import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from daemon import FULLMESH, Daemon
from hosts import NEEDS_ROUTES_BY_SOURCE, Network, Traffic, wait_until
from judge import ip, quick_dad, table

KERNEL = "[core]\npath-manager = kernel\n[endpoints]\nplugin = endpoints\n"
SERVER = "2001:db8:1::2"
STABLE = {1: "2001:db8:1::1", 2: "2001:db8:2::1"}

BOUND = """
import socket, sys
here, there = sys.argv[1:]
connection = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, 262)
connection.bind((here, 0))
connection.connect((there, 5000))
print("connected", flush=True)
sys.stdin.read()
"""


class Scene:
    """Two hosts, two links; on each the client's stable address manages temporary ones."""

    def __init__(self, use_tempaddr, config=FULLMESH, lifetime=None):
        self.net = Network(links=2, note=tap.note)
        self.use_tempaddr, self.config, self.lifetime = use_tempaddr, config, lifetime

    def __enter__(self):
        self.client = self.net.__enter__().client
        try:
            for i in self.net.links:
                quick_dad(self.client, f"link{i}")
                conf = f"net.ipv6.conf.link{i}."
                self.client.sysctl(conf + "use_tempaddr", self.use_tempaddr)
                self.client.sysctl(conf + "max_desync_factor", 0)
                if self.lifetime:
                    self.client.sysctl(conf + "temp_prefered_lft", int(self.lifetime * tap.SLOW))
                    self.client.sysctl(conf + "temp_valid_lft", int(600 * tap.SLOW))
                self.client.ip(f"address delete {STABLE[i]}/64 dev link{i}",
                               f"address add {STABLE[i]}/64 dev link{i} mngtmpaddr nodad",
                               f"route replace ::/0 via 2001:db8:{i}::2 dev link{i} "
                               f"metric {100 + i}")
            self.await_fresh()
            Traffic(self.net.server, "server", "::", 5000)
            self.daemon = Daemon(self.client, self.config)
            self.net.on_failure.append(lambda: "mptcpd's log:\n" + self.daemon.text()[-4000:])
        except BaseException:
            self.net.__exit__(*sys.exc_info())
            raise
        if NEEDS_ROUTES_BY_SOURCE:
            # before Linux 6.12 nothing else makes a subflow leave by the link of its address
            for i in self.net.links:
                self.client.run("ip", "-6", "rule", "add", "from", f"2001:db8:{i}::/64", "table",
                                100 + i)
                self.client.ip(f"route add ::/0 via 2001:db8:{i}::2 dev link{i} table {100 + i}")
        return self

    def __exit__(self, *exception):
        return self.net.__exit__(*exception)

    def temporaries(self, i, fresh=True):
        """The temporary addresses of a link, the newest first."""
        found = [a for link in ip(self.client, "address", "show", "dev", f"link{i}")
                 for a in link.get("addr_info", []) if a.get("temporary")]
        return [a["local"] for a in found
                if not fresh or not (a.get("tentative") or a.get("deprecated"))]

    def await_fresh(self):
        """{link: its temporary address}"""
        wait_until(lambda: all(self.temporaries(i) for i in self.net.links), 5,
                   "temporary addresses")
        return {i: self.temporaries(i)[0] for i in self.net.links}

    def bound(self, host, here, there):
        child = host.start("/usr/bin/python3", "-c", BOUND, here, there, stdin=subprocess.PIPE,
                           stdout=subprocess.PIPE)
        tap.equal(child.stdout.readline(), "connected\n", "the application")

    def sources(self):
        """The client's addresses that the server sees, sorted."""
        return sorted(s["remote"][0] for s in self.net.server.subflows())

    def await_sources(self, wanted, seconds=2):
        wait_until(lambda: self.sources() == sorted(wanted), seconds, f"subflows from {wanted}",
                   self.sources)

    def joins(self):
        return self.net.server.nstat()["MPJoinSynRx"]

    def reasons(self):
        return {a["address"]: a["reason"] for i in self.daemon.json("interface")["interfaces"]
                for a in i["addresses"]}


@tap.test("/temporary/preferred/is-used-alone")
def preferred():
    with Scene(2) as scene:
        fresh = scene.await_fresh()
        client = Traffic(scene.client, "client", SERVER, 5000)
        scene.await_sources(fresh.values())
        client.transfer("upload", 1 << 20)
        tap.equal(scene.joins(), 1, "joins")
        reasons = scene.reasons()
        for i in scene.net.links:
            tap.true("temporary" in reasons[STABLE[i]], f"why not: {reasons}")
            tap.equal(reasons[fresh[i]], None, "why not")


@tap.test("/temporary/not-preferred/is-not-used")
def not_preferred():
    with Scene(1) as scene:
        Traffic(scene.client, "client", SERVER, 5000)
        scene.await_sources(STABLE.values())
        tap.equal(scene.joins(), 1, "joins")


@tap.test("/temporary/chosen-by-the-application/hides-the-stable-one")
def chosen():
    with Scene(1) as scene:
        fresh = scene.await_fresh()
        scene.bound(scene.client, fresh[1], SERVER)
        scene.await_sources([fresh[1], STABLE[2]])
        # its link goes and returns: its pair is made again, and nothing from the stable address
        def used():
            return sorted(s["local"][0] for s in scene.client.subflows())

        scene.net.server.ip("link set link1 down")
        wait_until(lambda: used() == [STABLE[2]], 2, "the initial one is closed", used)
        scene.net.up(1, scene.net.server)
        scene.net.await_carrier()
        tap.true(fresh[1] in scene.temporaries(1), "the address is there still")
        wait_until(lambda: used() == sorted([fresh[1], STABLE[2]]), 5, "its pair is back", used)
        tap.true(STABLE[1] not in scene.sources(), "the stable one")


@tap.test("/temporary/stable-chosen-by-the-application/keeps-the-other-away")
def stable_chosen():
    with Scene(2) as scene:
        fresh = scene.await_fresh()
        scene.bound(scene.client, STABLE[1], SERVER)
        scene.await_sources([STABLE[1], fresh[2]])
        tap.equal(scene.joins(), 1, "joins")


@tap.test("/temporary/expired/the-next-one-takes-over")
def expired():
    with Scene(2, lifetime=8) as scene:
        old = scene.await_fresh()
        Traffic(scene.client, "client", SERVER, 5000)
        scene.await_sources(old.values())

        def is_new():
            sources = set(scene.sources())
            new = [scene.temporaries(i) for i in scene.net.links]
            return all(n and n[0] != old[i] and n[0] in sources
                       for i, n in zip(scene.net.links, new)) and old[2] not in sources

        wait_until(is_new, 20, "subflows from the next ones", scene.sources)
        tap.true(old[1] in scene.sources(), "the initial one is the application's")
        tap.true(not set(STABLE.values()) & set(scene.sources()), f"{scene.sources()}")


@tap.test("/temporary/both/as-configured")
def both():
    for word in ("stable", "temporary"):
        config = f"{FULLMESH}[interface:link1]\naddresses = {word}\n"
        with Scene(2, config) as scene:
            fresh = scene.await_fresh()
            Traffic(scene.client, "client", SERVER, 5000)
            scene.await_sources([*fresh.values(), STABLE[1]])


@tap.test("/temporary/announced/stable-ones-are-not")
def announced():
    config = f"{FULLMESH}[interface:link*]\nflags = signal\n"
    with Scene(1, config) as scene:
        fresh = scene.await_fresh()
        Traffic(scene.client, "server", "::", 5000)
        scene.bound(scene.net.server, SERVER, fresh[1])

        def announcements():
            return sorted(a["address"] for c in scene.daemon.connections()
                          for a in c["announced"] if ":" in a["address"])

        wait_until(lambda: announcements() == [STABLE[2]], 2, "the other link's", announcements)


@tap.test("/temporary/endpoints/are-the-preferred-ones")
def endpoints():
    with Scene(2, KERNEL, lifetime=8) as scene:
        def sources():
            return {(a, dev) for a, dev in table(scene.client) if ":" in a}

        old = scene.await_fresh()
        wait_until(lambda: sources() == {(a, f"link{i}") for i, a in old.items()}, 2,
                   "endpoints", sources)
        wait_until(lambda: sources() == {(scene.temporaries(i)[0], f"link{i}")
                                         for i in scene.net.links if scene.temporaries(i)}
                   and not {a for a, _ in sources()} & set(old.values()), 20,
                   "the next ones", sources)


@tap.test("/temporary/restart/is-remembered")
def restarted():
    with Scene(1) as scene:
        fresh = scene.await_fresh()
        scene.bound(scene.client, fresh[1], SERVER)
        scene.await_sources([fresh[1], STABLE[2]])
        scene.client.ip(f"address delete {fresh[1]}/64 dev link1")
        wait_until(lambda: fresh[1] not in [s["local"][0] for s in scene.client.subflows()], 2,
                   "the initial one is closed", scene.sources)
        scene.daemon.end(9)
        scene.daemon = Daemon(scene.client, runtime=scene.daemon.runtime)
        wait_until(lambda: scene.daemon.json("status")["status"]["connections"] == 1, 2, "known")
        used = {s["local"][0] for s in scene.client.subflows(state=None)}
        tap.true(STABLE[1] not in used, f"{used}")
        tap.equal({s["local"]["address"] for c in scene.daemon.connections()
                   for s in c["subflows"]} - {STABLE[2]}, set(scene.temporaries(1)) & used, "paths")


if __name__ == "__main__":
    sandbox.run(tap.main)
