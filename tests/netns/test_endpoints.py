# SPDX-License-Identifier: LGPL-2.1-or-later
"""The kernel's endpoints follow the network; `ip mptcp` is the judge.

MPTCPD_LONG=1 takes the numbers of the acceptance criteria instead of those for every commit.
"""

import json
import os
import pathlib
import random
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from capture import Capture
from hosts import Traffic, wait_until
from judge import endpoints, expected, ip, limits, quick_dad, table
from scene import Scene

LONG = os.environ.get("MPTCPD_LONG") == "1"
SHIPPED = pathlib.Path(__file__).resolve().parents[2] / "etc/mptcpd.conf"
KERNEL = "[core]\npath-manager = kernel\n[endpoints]\nplugin = endpoints\n"
LIMIT = 0.2  # seconds: a tenth for mptcpd, and another for the judge and the scheduler


class Table(Scene):
    """The kernel's table of endpoints, on a client whose addresses are usable soon."""

    def __init__(self, config=KERNEL, links=3, runs=True):
        super().__init__(config, links, before=Table.prepare, runs=runs, routes_by_source=False)

    def prepare(self):
        for i in self.net.links:
            quick_dad(self.client, f"link{i}")

    def commands(self):
        return self.daemon.json("status")["status"]["commands"]

    def settle(self, what, seconds=LIMIT):
        """Wait until the table is as expected; returns how long it took."""
        begin = time.monotonic()

        def right():
            wanted = expected(self.client)  # asked first: it cannot run ahead of the table
            return table(self.client) == wanted

        wait_until(right, seconds, what, lambda: (table(self.client), expected(self.client)))
        return time.monotonic() - begin

    def log_has(self, *words):
        return any(all(word in line for word in words) for line in self.daemon.lines())


# ---- what counts ----


@tap.test("/endpoints/counts/two-ordinary-links-and-nothing-else-as-shipped")
def as_shipped():
    with Table(SHIPPED.read_text(encoding="utf-8"), links=4, runs=False) as scene:
        client = scene.client
        client.sysctl("net.ipv6.conf.link1.use_tempaddr", 2)
        client.sysctl("net.ipv6.neigh.link2.retrans_time_ms", 60_000)
        client.ip(
            "address add 2001:db8:1::77/64 dev link1 mngtmpaddr nodad",
            "address add 169.254.7.7/16 dev link1 scope link",
            "address add 2001:db8:2::99/64 dev link2",
            "address add fd00:2::1/64 dev link2 nodad",
            "link add docker0 type bridge",
            "link add inside0 type veth peer name inside1",
            "link set inside0 master docker0 up",
            "link set inside1 up",
            "link set docker0 up",
            "address add 172.17.0.1/16 dev docker0",
            "link add br0 type bridge",
            "link set link3 master br0",
            "link set br0 up",
            "link add wg0 type veth peer name wg1",
            "link set lo up",
            "address add 192.0.2.1/32 dev lo",
            "link delete link4",
        )
        wait_until(lambda: any(a.get("temporary") for l in ip(client, "address", "show")
                               for a in l["addr_info"]), 3, "a temporary address")
        addresses = [a for l in ip(client, "address", "show") for a in l["addr_info"]]
        tap.true(any(a.get("tentative") for a in addresses), "a tentative address")
        tap.true("10.0.3.1" in {a["local"] for a in addresses}, "a member with an address")
        scene.start()
        temporary = [a["local"] for a in ip(client, "address", "show", "dev", "link1")[0]["addr_info"]
                     if a.get("temporary")]
        # It hides the stable addresses of its link, because use_tempaddr is 2.
        wanted = {("10.0.1.1", "link1"), ("10.0.2.1", "link2"), ("2001:db8:2::1", "link2"),
                  *((address, "link1") for address in temporary)}
        wait_until(lambda: table(client) == wanted, 1, f"endpoints {wanted}",
                   lambda: table(client) ^ wanted)
        shown = scene.daemon.json("interface")["interfaces"]
        reasons = {a["address"]: a["reason"] for i in shown for a in i["addresses"]}
        for address in ("10.0.3.1", "172.17.0.1", "169.254.7.7", "fd00:2::1", "2001:db8:2::99",
                        "2001:db8:1::1", "2001:db8:1::77"):
            tap.true(reasons[address], f"why {address} does not count")


@tap.test("/endpoints/counts/point-to-point-registers-its-own-address")
def point_to_point():
    with Table() as scene:
        scene.client.ip(
            "address flush dev link2",
            "address add 10.9.0.1 peer 10.9.0.2 dev link2",
            "route add default via 10.9.0.2 dev link2 metric 50",
        )
        scene.settle("the address is ours")
        tap.true(("10.9.0.1", "link2") in table(scene.client), f"{table(scene.client)}")
        tap.true("10.9.0.2" not in {address for address, _ in table(scene.client)}, "the peer's")


@tap.test("/endpoints/counts/the-right-eight-of-ten-and-the-others-named")
def ten_of_eight():
    with Table(links=4, runs=False) as scene:
        scene.client.ip("address add 10.0.1.101/24 dev link1", "address add 10.0.2.101/24 dev link2")
        tap.equal(len(expected(scene.client)), 10, "wanted")
        scene.start()
        firsts = expected(scene.client) - {("10.0.1.101", "link1"), ("10.0.2.101", "link2")}
        wait_until(lambda: table(scene.client) == firsts, 1, f"{firsts}",
                   lambda: table(scene.client) ^ firsts)
        for address in ("10.0.1.101", "10.0.2.101"):
            wait_until(lambda a=address: scene.log_has("no place for endpoint", a), 2, f"a warning that names {address}",
                       scene.daemon.text)
        # A place that gets free is taken.
        scene.client.ip("address delete 10.0.4.1/24 dev link4")
        wait_until(lambda: ("10.0.1.101", "link1") in table(scene.client), LIMIT, "the ninth")


# ---- following ----


class Wires:
    """The client's links, and what may happen to one of them. Each step is one `ip` command."""

    def __init__(self, scene, choose):
        self.scene, self.net, self.choose = scene, scene.net, choose
        self.names = {i: f"link{i}" for i in scene.net.links}
        self.addresses = {i: f"10.0.{i}.1" for i in scene.net.links}
        self.prefixes = {i: f"2001:db8:{i}:" for i in scene.net.links}
        self.serial = 1
        self.allowed = 0  # commands that the steps so far were worth
        self.slowest = 0

    def state(self):
        """What should be there, told apart by the index of the interface too."""
        index = {link["ifname"]: link["ifindex"] for link in ip(self.net.client, "link", "show")}
        return {(address, index[name]) for address, name in expected(self.net.client)}

    def step(self, *lines, host=None):
        before = self.state()
        (host or self.net.client).ip(*lines)
        self.allowed += len(before ^ self.state())
        self.slowest = max(self.slowest, self.scene.settle(f"after {lines}"))

    def gateways(self, i, late=0.0):
        """The routes come last, and not at once: until then there is no endpoint."""
        name = self.names[i]
        until = time.monotonic() + late
        while time.monotonic() < until:
            tap.equal({a for a, dev in table(self.net.client) if dev == name}, set(), "no gateway")
        self.step(f"route replace default via 10.0.{i}.2 dev {name} metric {100 + i}",
                  f"route replace ::/0 via {self.prefixes[i]}:2 dev {name} metric {100 + i}")

    def addressed(self, i):
        name = self.names[i]
        return (f"address replace {self.addresses[i]}/24 dev {name}",
                f"address replace {self.prefixes[i]}:1/64 dev {name} nodad")

    def unplug(self, i):
        self.step(f"link set {self.names[i]} down")
        self.step(f"link set {self.names[i]} up", *self.addressed(i))
        self.gateways(i)

    def carrier(self, i):
        self.step(f"link set link{i} down", host=self.net.server)
        self.step(f"link set link{i} up", f"address replace 2001:db8:{i}::2/64 dev link{i} nodad",
                  host=self.net.server)
        self.await_quiet()

    def await_quiet(self):
        """The kernel is done with carrier and DAD."""

        def quiet():
            links = ip(self.net.client, "address", "show")
            return all(link["operstate"] in ("UP", "UNKNOWN") for link in links) and not any(
                a.get("tentative") for link in links for a in link["addr_info"])

        before = self.state()
        wait_until(quiet, 5, "carrier and DAD")
        self.allowed += len(before ^ self.state()) + 4
        self.slowest = max(self.slowest, self.scene.settle("after carrier and DAD"))

    def address(self, i):
        self.serial += 1
        old, self.addresses[i] = self.addresses[i], f"10.0.{i}.{10 + self.serial}"
        self.step(f"address delete {old}/24 dev {self.names[i]}")
        self.step(*self.addressed(i))
        self.gateways(i)

    def renewal(self, i):
        self.step(f"address change {self.addresses[i]}/24 dev {self.names[i]} "
                  "valid_lft 3600 preferred_lft 1800")

    def prefix(self, i):
        self.serial += 1
        old, new = self.prefixes[i], f"2001:db8:{i}:{self.serial:x}:"
        self.net.server.ip(f"address add {new}:2/64 dev link{i} nodad")
        self.step(f"address add {new}:1/64 dev {self.names[i]} nodad")
        self.step(f"address delete {old}:1/64 dev {self.names[i]}")
        self.prefixes[i] = new
        self.gateways(i)

    def dad(self, i):
        address = f"{self.prefixes[i]}:d{self.serial:x}"
        self.step(f"address add {address}/64 dev {self.names[i]}")
        self.await_quiet()
        tap.true((address, self.names[i]) in table(self.net.client), "after DAD")
        self.step(f"address delete {address}/64 dev {self.names[i]}")

    def rename(self, i):
        self.serial += 1
        new = f"wire{i}-{self.serial}"
        self.step(f"link set {self.names[i]} name {new}")
        self.names[i] = new

    def index(self, i):
        self.step(f"link delete {self.names[i]}")
        self.net.wire(i, self.names[i])
        self.slowest = max(self.slowest, self.scene.settle("a new link"))
        quick_dad(self.net.client, self.names[i])
        self.net.server.ip(
            f"link set link{i} up", f"address replace 10.0.{i}.2/24 dev link{i}",
            f"address replace {self.prefixes[i]}:2/64 dev link{i} nodad")
        self.step(f"link set {self.names[i]} up", *self.addressed(i))
        self.await_quiet()
        self.gateways(i)

    def late(self, i):
        self.step(f"route delete default dev {self.names[i]}",
                  f"route delete ::/0 dev {self.names[i]}")
        self.gateways(i, self.choose.uniform(0, 5 if LONG else 0.3))


KINDS = [Wires.unplug, Wires.carrier, Wires.address, Wires.renewal, Wires.prefix, Wires.dad,
         Wires.rename, Wires.index, Wires.late]
if tap.kernel_before(6, 2):
    KINDS.remove(Wires.rename)  # it refuses to rename a link that is up


@tap.test("/endpoints/follow/whatever-happens-to-a-link", 900)
def follow():
    seed, n = int(os.environ.get("MPTCPD_SEED", time.time_ns() % 100_000)), 100 if LONG else 20
    tap.note(f"MPTCPD_SEED={seed}")
    choose = random.Random(seed)
    with Table() as scene:
        scene.settle("start", 1)
        tap.equal(len(table(scene.client)), 6, "endpoints at first")
        wires = Wires(scene, choose)
        used = 0
        for number in range(n):
            kind = KINDS[number] if number < len(KINDS) else choose.choice(KINDS)
            i = choose.choice([1, 2, 3])
            before, wires.allowed, limit = scene.commands(), 0, limits(scene.client)
            kind(wires, i)
            commands = scene.commands() - before
            wires.allowed += limit != limits(scene.client)
            tap.note(f"round {number}: {kind.__name__} link {i}, {commands} commands")
            tap.at_most(commands, wires.allowed, f"round {number}: commands")
            used += commands
        tap.note(f"{n} rounds, {used} commands, slowest step {wires.slowest:.3f} s")
        tap.true(used > n, "something happened")


@tap.test("/endpoints/follow/same-id-when-the-address-returns")
def same_id():
    with Table() as scene:
        scene.settle("start", 1)
        ids = {e["address"]: e["id"] for e in endpoints(scene.client)}
        scene.net.down(2)
        scene.settle("down")
        scene.net.up(2, scene.client)
        scene.net.await_carrier()
        scene.settle("up")
        tap.equal({e["address"]: e["id"] for e in endpoints(scene.client)}, ids, "ids")


# ---- open connections ----


@tap.test("/endpoints/rejoin/subflow-is-back-each-time-the-link-returns", 120)
def rejoin():
    with Table() as scene:
        net = scene.net
        scene.settle("start", 1)
        Traffic(net.server, "server", "0.0.0.0", 5000)
        traffic = Traffic(net.client, "client", "10.0.1.2", 5000, 5)
        paths = lambda: net.by_link(net.client.subflows())
        wait_until(lambda: paths() == {1: 5, 2: 5, 3: 5}, 1, "subflows", paths)
        times = []
        for number in range(50 if LONG else 10):
            i = 2 + number % 2
            net.down(i)
            wait_until(lambda i=i: paths()[i] == 0, 1, f"{number}: no subflow on link {i}", paths)
            net.up(i, net.client)
            begin = time.monotonic()
            wait_until(lambda: paths() == {1: 5, 2: 5, 3: 5}, 1, f"{number}: back", paths)
            times.append(time.monotonic() - begin)
        tap.note(f"{len(times)} times back, the slowest in {max(times):.3f} s")
        result = traffic.transfer("upload", 100_000)
        tap.true(result["intact"] and result["failed"] == 0, f"transfer: {result}")


@tap.test("/endpoints/rejoin/initial-subflow-too")
def rejoin_initial():
    with Table() as scene:
        net = scene.net
        scene.settle("start", 1)
        Traffic(net.server, "server", "0.0.0.0", 5000)
        traffic = Traffic(net.client, "client", "10.0.1.2", 5000, 5)
        paths = lambda: net.by_link(net.client.subflows())
        wait_until(lambda: paths() == {1: 5, 2: 5, 3: 5}, 1, "subflows", paths)
        for number in range(3):
            net.down(1)
            wait_until(lambda: paths()[1] == 0, 1, f"{number}: no subflow on link 1", paths)
            net.up(1, net.client)
            wait_until(lambda: paths() == {1: 5, 2: 5, 3: 5}, 1, f"{number}: back", paths)
        tap.true(traffic.transfer("upload", 100_000)["intact"], "transfer")


@tap.test("/endpoints/flags/backup-is-in-the-join-and-again-after-failing-over-and-back")
def backup():
    with Table(KERNEL + "[interface:link2]\nflags = subflow,backup\n") as scene:
        net = scene.net
        scene.settle("start", 1)
        flags = {e["dev"]: e.get("backup", False) or "backup" in e.get("flags", [])
                 for e in endpoints(scene.client)}
        tap.equal(flags, {"link1": False, "link2": True, "link3": False}, "endpoints' flags")
        capture = Capture(net.client)
        Traffic(net.server, "server", "0.0.0.0", 5000)
        traffic = Traffic(net.client, "client", "10.0.1.2", 5000)

        def bits(skip=0):
            return sorted({(s["link"], s["backup"]) for s in capture.joins()[skip:]})

        wait_until(lambda: bits() == [("link2", True), ("link3", False)], 1, "B bits", bits)
        paths = lambda: net.by_link(net.client.subflows())
        wait_until(lambda: paths() == {1: 1, 2: 1, 3: 1}, 1, "subflows", paths)
        for i in (1, 3):
            net.down(i)
        before = net.client.counters()["link2"][1]
        wait_until(lambda: paths() == {1: 0, 2: 1, 3: 0}, 1, "failed over", paths)
        tap.true(traffic.transfer("upload", 1_000_000)["intact"], "transfer over the backup")
        tap.true(net.client.counters()["link2"][1] - before > 1_000_000, "the backup carried it")
        for i in (1, 3):
            net.up(i, net.client)
        wait_until(lambda: paths() == {1: 1, 2: 1, 3: 1}, 1, "back", paths)
        seen = len(capture.joins())
        net.down(2)
        wait_until(lambda: paths() == {1: 1, 2: 0, 3: 1}, 1, "the backup is cut", paths)
        net.up(2, net.client)
        wait_until(lambda: paths() == {1: 1, 2: 1, 3: 1}, 1, "the backup is back", paths)
        tap.equal(bits(seen), [("link2", True)], "B bits after failing over and back")
        lines = [l for l in net.client.run("ip", "mptcp", "endpoint").stdout.splitlines()
                 if "link2" in l]
        tap.true(lines and all("backup" in line for line in lines), f"{lines}")


# ---- ownership ----

FOREIGN = {("10.0.3.1", 33), ("192.0.2.9", 44)}


def foreign_untouched(scene, when):
    there = {(e["address"], e["id"]) for e in endpoints(scene.client)}
    tap.true(FOREIGN <= there, f"{when}: foreign endpoints in {there}")
    signal_one = [e for e in endpoints(scene.client) if e["id"] == 33][0]
    tap.true("signal" in json.dumps(signal_one) and "subflow" not in json.dumps(signal_one),
             f"{when}: {signal_one}")
    tap.equal(limits(scene.client), (7, 8), f"{when}: limits (add_addr_accepted, subflows)")


@tap.test("/endpoints/owner/foreign-ones-and-limits-survive-everything")
def foreign():
    with Table(runs=False) as scene:
        scene.client.ip(
            "address add 192.0.2.9/32 dev lo",
            "mptcp endpoint add 10.0.3.1 id 33 signal",
            "mptcp endpoint add 192.0.2.9 id 44 subflow",
            "mptcp limits set subflow 8 add_addr_accepted 7",
        )
        ours = {("10.0.1.1", "link1"), ("10.0.2.1", "link2"),
                *((f"2001:db8:{i}::1", f"link{i}") for i in (1, 2, 3))}

        def mine():
            return {pair for pair in table(scene.client)
                    if pair[0] not in {address for address, _ in FOREIGN}}

        def settled(when):
            wait_until(lambda: mine() == ours, 1, f"{when}: ours", lambda: mine() ^ ours)
            foreign_untouched(scene, when)

        scene.start()
        settled("start")
        shown = {(e["address"], e["owner"]) for e in scene.daemon.json("endpoint")["endpoints"]}
        tap.true({("10.0.3.1", "other"), ("192.0.2.9", "other"), ("10.0.1.1", "mptcpd")} <= shown,
                 f"owners: {shown}")
        scene.daemon.config.write_text(KERNEL + "[interface:link1]\nuse = no\n")
        scene.daemon.child.send_signal(signal.SIGHUP)
        ours = {pair for pair in ours if pair[1] != "link1"}
        settled("reload")
        scene.daemon.end(signal.SIGKILL)
        foreign_untouched(scene, "SIGKILL")
        tap.equal(mine(), ours, "after SIGKILL")
        scene.config = KERNEL + "[interface:link2]\nuse = no\n"
        scene.start(runtime=scene.daemon.runtime)
        ours = {("10.0.1.1", "link1"), ("2001:db8:1::1", "link1"), ("2001:db8:3::1", "link3")}
        settled("restart")
        tap.equal(scene.daemon.end(), 0, "exit")
        foreign_untouched(scene, "stop")
        tap.equal(mine(), set(), "ours after the stop")


@tap.test("/endpoints/owner/one-added-with-mptcpctl-stays-until-deleted")
def by_hand():
    with Table() as scene:
        scene.settle("start", 1)
        scene.daemon.ctl("endpoint", "add", "192.0.2.7", "id", "77", "subflow")
        by_hand_one = ("192.0.2.7", None)
        scene.daemon.child.send_signal(signal.SIGHUP)
        wait_until(lambda: scene.log_has("configuration read again"), 2, "reload")
        for change in (scene.net.down, lambda i: scene.net.up(i, scene.client)):
            change(2)
            wait_until(lambda: table(scene.client) - {by_hand_one} == expected(scene.client),
                       LIMIT, "ours", lambda: table(scene.client))
            tap.true(by_hand_one in table(scene.client), "the administrator's")
        scene.daemon.ctl("endpoint", "delete", "id", "77")
        scene.settle("deleted")


@tap.test("/endpoints/reload/a-bad-file-changes-nothing-and-is-named")
def bad_reload():
    with Table() as scene:
        scene.settle("start", 1)
        before, commands = endpoints(scene.client), scene.commands()
        scene.daemon.config.write_text(KERNEL + "[interface:link1]\nuse = perhaps\n")
        place = f"{scene.daemon.config}:6:"
        scene.daemon.child.send_signal(signal.SIGHUP)
        wait_until(lambda: scene.log_has(place), 2, f"{place} in the log", scene.daemon.text)
        tap.true(place in scene.daemon.ctl("reload", code=1), "mptcpctl names the place")
        tap.equal((endpoints(scene.client), scene.commands()), (before, commands), "unchanged")


@tap.test("/endpoints/owner/sigterm-puts-everything-back")
def puts_back():
    for killed in (False, True):
        with Table(runs=False) as scene:
            scene.client.sysctl("net.mptcp.path_manager", "userspace")
            scene.client.ip("mptcp limits set subflow 1 add_addr_accepted 0")
            scene.start()
            scene.settle("start", 1)
            tap.equal(scene.client.sysctl("net.mptcp.path_manager"), "kernel", "while running")
            wait_until(lambda: limits(scene.client)[1] >= 6, 1, "limits are raised",
                       lambda: limits(scene.client))
            if killed:
                scene.daemon.end(signal.SIGKILL)
                scene.start(runtime=scene.daemon.runtime)
                scene.settle("restart", 1)
            tap.equal(scene.daemon.end(), 0, "exit")
            tap.equal(table(scene.client), set(), f"endpoints, killed={killed}")
            tap.equal(limits(scene.client), (0, 1), f"limits, killed={killed}")
            tap.equal(scene.client.sysctl("net.mptcp.path_manager"), "userspace",
                      f"sysctl, killed={killed}")


if __name__ == "__main__":
    sandbox.run(tap.main)
