# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two links with the same address: two modems that hand out the same one, each with its own way out."""

import contextlib
import json
import pathlib
import signal
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from daemon import FULLMESH, MPTCPCTL, Daemon, Monitor
from hosts import Host, Traffic, wait_until
from judge import table

NAT = pathlib.Path(__file__).resolve().parent / "nat.py"
KERNEL = "[core]\npath-manager = kernel\n[endpoints]\nplugin = endpoints\n"
MEGABYTE = 1 << 20
HERE = {4: "192.168.8.100", 6: "2001:db8:8::100"}  # what both modems hand out
MODEM = {4: "192.168.8.1", 6: "2001:db8:8::1"}
OUTSIDE = {4: "10.0.{}.9", 6: "2001:db8:{}::9"}  # each modem's own address
UPSTREAM = {4: "10.0.{}.2", 6: "2001:db8:{}::2"}
SERVER = {4: "10.0.9.2", 6: "2001:db8:9::2"}
SIZE = {4: (24, 32), 6: (64, 128)}


class Scene:
    """`client` behind `modem1` (link1) and `modem2` (link2), which lead to `server`."""

    def __init__(self, config=FULLMESH):
        self.config = config

    def __enter__(self):
        with contextlib.ExitStack() as undo:
            temporary = tempfile.TemporaryDirectory(prefix="mptcpd-", dir="/run")
            undo.callback(temporary.cleanup)
            directory = pathlib.Path(temporary.name)
            self.client, self.server, *modems = (
                Host(name, 0, directory) for name in ("client", "server", "modem1", "modem2"))
            self.modems = dict(enumerate(modems, 1))
            for host in (self.client, self.server, *modems):
                undo.callback(host.stop)
                host.sysctl("net.ipv4.conf.all.rp_filter", 0)
                host.sysctl("net.ipv4.conf.default.rp_filter", 0)
            for i, modem in self.modems.items():
                self.join(i, modem)
            self.server.ip(*(f"address add {SERVER[v]}/{SIZE[v][1]} dev lo" for v in SERVER),
                           "mptcp limits set subflow 8 add_addr_accepted 8")
            for i in self.modems:
                self.lease(i)
            wait_until(lambda: not any(h.links_not_up() for h in (self.client, self.server)), 5,
                       "carrier")
            Traffic(self.server, "server", "::", 5000)
            if self.config:
                self.daemon = Daemon(self.client, self.config)
            self.undo = undo.pop_all()
        return self

    def __exit__(self, kind, _value, _trace):
        with self.undo:
            if kind and issubclass(kind, Exception):
                for command in ("ip address", "ip route", "ip -6 route", "ss -tinHO"):
                    tap.note(command + "\n" + self.client.run(*command.split()).stdout)
                if self.config:
                    tap.note("mptcpd's log:\n" + self.daemon.text()[-4000:])

    def join(self, i, modem):
        self.client.ip(f"link add link{i} type veth peer name inner netns {modem.name}")
        self.server.ip(f"link add link{i} type veth peer name outer netns {modem.name}",
                       f"link set link{i} up")
        modem.sysctl("net.ipv4.ip_forward", 1)
        modem.sysctl("net.ipv6.conf.all.forwarding", 1)
        modem.ip("link set inner up", "link set outer up")
        for v in HERE:
            nodad = "nodad" if v == 6 else ""
            modem.ip(f"address add {MODEM[v]}/{SIZE[v][0]} dev inner {nodad}",
                     f"address add {OUTSIDE[v].format(i)}/{SIZE[v][0]} dev outer {nodad}")
            self.server.ip(f"address add {UPSTREAM[v].format(i)}/{SIZE[v][0]} dev link{i} {nodad}")
            modem.ip(f"route add {SERVER[v]} via {UPSTREAM[v].format(i)}")
        modem.run("/usr/bin/python3", NAT)

    def lease(self, i):
        """What a DHCP client and the router advertisements do."""
        self.client.ip(f"link set link{i} up")
        for v in HERE:
            self.client.ip(
                f"address replace {HERE[v]}/{SIZE[v][0]} dev link{i} {'nodad' if v == 6 else ''}")
            self.prefer(i, v, 100 + i)

    def prefer(self, i, v, metric):
        self.client.ip(f"-{v} route replace {'default' if v == 4 else '::/0'} via {MODEM[v]} "
                       f"dev link{i} metric {metric}".replace(f"-{v} ", ""))

    def connect(self, v):
        client = Traffic(self.client, "client", SERVER[v], 5000)
        tap.equal(client.hello, {"connected": 1, "mptcp": 1}, "connections")
        return client

    def seen(self):
        """By which modem the server's established subflows came: their numbers, sorted."""
        found = [s["remote"][0] for s in self.server.subflows()]
        return sorted(i for i in self.modems for v in HERE for a in found
                      if a == OUTSIDE[v].format(i))

    def shown(self):
        """The links of the subflows in the order of mptcpctl, the initial one first."""
        connections = self.daemon.connections()
        tap.equal(len(connections), 1, "connections")
        subflows = sorted(connections[0]["subflows"], key=lambda s: not s["initial"])
        return [s["interface"] for s in subflows if s["state"] == "established"]

    def await_both(self, seconds=2):
        wait_until(lambda: self.seen() == [1, 2], seconds, "a subflow by each modem", self.seen)


def each_family(name, binds=False):
    """The test twice, with 4 and with 6; `binds`: of what needs subflows bound to their link."""
    def register(function):
        def run(v):
            if binds:
                tap.needs_kernel(6, 12, "routing sees no difference between the two links")
            function(v)

        for v in HERE:
            tap.test(f"{name}-ipv{v}", 90)(lambda v=v: run(v))
        return function
    return register


@each_family("/twins/fullmesh/both-links-are-paths", binds=True)
def both(v):
    for first, second in ((1, 2), (2, 1)):
        with Scene() as scene:
            scene.prefer(first, v, 50)
            monitor = Monitor(scene.daemon)
            scene.connect(v)
            scene.await_both()
            wait_until(lambda: scene.shown() == [f"link{first}", f"link{second}"], 1,
                       "the links as they are", scene.shown)
            monitor.wait({"event": "subflow-established", "interface": f"link{second}"})
            scene.daemon.end(signal.SIGKILL)
            scene.daemon = Daemon(scene.client, runtime=scene.daemon.runtime)
            wait_until(lambda: scene.shown() == [f"link{first}", f"link{second}"], 2,
                       "the same after a restart", scene.shown)
            tap.equal(scene.seen(), [1, 2], "none doubled, none lost")


def fail_and_return(v, fail, bring_back):
    with Scene() as scene:
        client = scene.connect(v)
        scene.await_both()
        client.transfer("upload", MEGABYTE)
        begin = time.monotonic()
        fail(scene)
        result = client.transfer("upload", MEGABYTE)
        seconds = time.monotonic() - begin
        tap.note(f"a megabyte {seconds:.3f} s after the cut")
        tap.true(result["intact"] and result["bytes"] == MEGABYTE, f"{result}")
        tap.true(seconds < 2 * tap.SLOW, f"it stood still for {seconds:.3f} s")
        wait_until(lambda: scene.shown() == ["link2"], 2, "only link2 is left", scene.shown)
        tap.equal({s["device"] for s in scene.client.subflows()}, {"link2"}, "ss")
        bring_back(scene)
        wait_until(lambda: sorted(scene.shown()) == ["link1", "link2"], 4, "it is back",
                   scene.shown)
        scene.await_both()


@each_family("/twins/fullmesh/lost-carrier-of-the-one-in-use-fails-over", binds=True)
def carrier(v):
    fail_and_return(v, lambda scene: scene.modems[1].ip("link set inner down"),
                    lambda scene: scene.modems[1].ip(
                        "link set inner up",
                        f"address replace {MODEM[6]}/64 dev inner nodad"))


@each_family("/twins/fullmesh/downed-link-in-use-fails-over", binds=True)
def down(v):
    fail_and_return(v, lambda scene: scene.client.ip("link set link1 down"),
                    lambda scene: scene.lease(1))


@each_family("/twins/fullmesh/the-other-one-fails-and-returns", binds=True)
def other(v):
    with Scene() as scene:
        scene.connect(v)
        scene.await_both()
        scene.modems[2].ip("link set inner down")
        wait_until(lambda: scene.shown() == ["link1"], 2, "link1 is left", scene.shown)
        scene.modems[2].ip("link set inner up",
                           f"address replace {MODEM[6]}/64 dev inner nodad")
        wait_until(lambda: scene.shown() == ["link1", "link2"], 4, "it is back", scene.shown)
        scene.await_both()


@each_family("/twins/admin/chooses-the-link", binds=True)
def admin(v):
    with Scene("[core]\npath-manager = userspace\n[policy:none]\nmatch-local-port = 1\n"
               "plugin = fullmesh\n") as scene:
        scene.connect(v)
        token = scene.client.connections()[0]["token"]
        remote = f"{SERVER[v]}:5000" if v == 4 else f"[{SERVER[v]}]:5000"
        scene.daemon.ctl("subflow", "add", token, HERE[v], remote, "dev", "link2")
        scene.await_both()
        tap.equal(scene.shown(), ["link1", "link2"], "links")


@each_family("/twins/kernel/says-which-is-the-endpoint")
def kernel(v):
    with Scene(KERNEL) as scene:
        wait_until(lambda: {a for a, _ in table(scene.client)} == set(HERE.values()), 2,
                   "endpoints", lambda: table(scene.client))
        there = dict(table(scene.client))[HERE[v]]
        other = {"link1": "link2", "link2": "link1"}[there]
        text = f"same address as on {there}, which is the endpoint"
        shown = {i["name"]: {a["address"]: a for a in i["addresses"]}
                 for i in scene.daemon.json("interface")["interfaces"]}
        tap.equal(shown[other][HERE[v]]["reason"], text, "interface")
        tap.equal(shown[there][HERE[v]]["reason"], None, "interface")
        scene.connect(v)
        wait_until(lambda: scene.shown() == ["link1"], 2, "where routing puts it", scene.shown)
        token = scene.client.connections()[0]["token"]
        paths = scene.daemon.json("explain", token)["paths"]
        tap.equal([p["error"] for p in paths if p["interface"] == other], [text], f"{paths}")


@each_family("/twins/direct/shows-where-routing-puts-it")
def direct(v):
    with Scene(None) as scene:
        scene.client.sysctl("net.mptcp.path_manager", "userspace")
        for first in (1, 2):
            scene.prefer(first, v, 60 - 10 * first)
            client = scene.connect(v)
            text = scene.client.run(MPTCPCTL, "--json", "connection").stdout
            shown = [s["interface"] for c in json.loads(text)["connections"] for s in c["subflows"]]
            tap.equal(shown, [f"link{first}"], "the link")
            client.close()
            wait_until(lambda: not scene.client.connections(), 5, "closed")


if __name__ == "__main__":
    sandbox.run(tap.main)
