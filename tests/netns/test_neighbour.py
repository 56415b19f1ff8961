# SPDX-License-Identifier: LGPL-2.1-or-later
"""Beside somebody who makes endpoints himself, as NetworkManager does: at once with the address."""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from daemon import Daemon
from hosts import NEEDS_ROUTES_BY_SOURCE, Network, Traffic, wait_until
from judge import endpoints

PORT = 5000
LINKS = (1, 2)
SERVER = {4: "10.0.1.2", 6: "2001:db8:1::2"}


def address(i, family):
    return f"10.0.{i}.1" if family == 4 else f"2001:db8:{i}::1"


def flags(endpoint):
    """`ip` writes each as a key of its own."""
    return set(endpoint) & {"subflow", "signal", "backup", "fullmesh"}


def shapes(host):
    return sorted((each["address"], each.get("dev"), *sorted(flags(each))) for each in endpoints(host))


class Neighbour:
    """What NetworkManager 1.42 does at its defaults, in its order (test_networkmanager.py of
    tests/service has the real one)."""

    def __init__(self, net):
        self.host, self.net = net.client, net
        for i in LINKS:
            # It waits for nothing: its IPv6 endpoints are made while their addresses are tentative.
            self.host.sysctl(f"net.ipv6.conf.link{i}.accept_dad", 1)
            self.forget(i)
            self.activate(i)
        for i in LINKS:
            self.await_usable(i)

    def forget(self, i):
        self.host.ip(f"address flush dev link{i} scope global")

    def activate(self, i):
        """Addresses, routes, endpoints; and at once."""
        lines = [f"address add 10.0.{i}.1/24 dev link{i}", f"address add 2001:db8:{i}::1/64 dev link{i}",
                 f"route replace default via 10.0.{i}.2 dev link{i} metric {100 * i}",
                 f"route replace ::/0 via 2001:db8:{i}::2 dev link{i} metric {100 * i}"]
        if self.net.routes_by_source:
            lines += [f"route replace default via 10.0.{i}.2 dev link{i} table {100 + i}",
                      f"route replace ::/0 via 2001:db8:{i}::2 dev link{i} table {100 + i}"]
        self.host.ip(*lines, *(f"mptcp endpoint add {address(i, family)} dev link{i} subflow"
                               for family in (4, 6)))

    def deactivate(self, i):
        """It deletes what it made, if that is as it made it: found by address, interface and flags."""
        self.forget(i)
        for endpoint in endpoints(self.host):
            if endpoint.get("dev") == f"link{i}" and flags(endpoint) == {"subflow"}:
                self.host.ip(f"mptcp endpoint delete id {endpoint['id']}")

    def is_tentative(self, i):
        return "tentative" in self.host.run("ip", "-6", "address", "show", "dev", f"link{i}",
                                            "scope", "global").stdout

    def await_usable(self, i):
        wait_until(lambda: not self.is_tentative(i), 10, f"the addresses of link{i} are usable")


class Scene:
    """Two links that a neighbour looks after, a connection of each family, and mptcpd if there is a
    configuration for it."""

    def __init__(self, config):
        self.config = config
        self.net = Network(links=2, note=tap.note, routes_by_source=NEEDS_ROUTES_BY_SOURCE)

    def __enter__(self):
        net = self.net.__enter__()
        try:
            net.client.ip("mptcp limits set subflow 8 add_addr_accepted 8")
            for i in LINKS:
                # The far side asks who has the address while that is still tentative, and again a
                # second later, whoever wants to be answered meanwhile. It does not give up sooner.
                net.server.sysctl(f"net.ipv6.neigh.link{i}.retrans_time_ms", 100)
                net.server.sysctl(f"net.ipv6.neigh.link{i}.mcast_solicit", 30)
            self.neighbour = Neighbour(net)
            self.daemon = None
            if self.config is not None:
                self.daemon = Daemon(net.client, self.config)
                net.on_failure.append(lambda: "mptcpd's log:\n" + self.daemon.text()[-4000:])
            Traffic(net.server, "server", "::", PORT)
            self.traffic = {}
            for family, target in SERVER.items():
                self.traffic[family] = Traffic(net.client, "client", target, PORT)
                tap.equal(self.traffic[family].hello, {"connected": 1, "mptcp": 1}, "a connection")
            self.await_whole(5)
        except BaseException:
            self.net.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *exception):
        return self.net.__exit__(*exception)

    def paths(self):
        """{family: the links that its connection has}"""
        found = {4: [], 6: []}
        for subflow in self.net.client.subflows():
            local = subflow["local"][0]
            family = 6 if ":" in local else 4
            found[family].append(int(local.split(":" if family == 6 else ".")[2]))
        return {family: sorted(links) for family, links in found.items()}

    def whole(self):
        return self.paths() == {4: list(LINKS), 6: list(LINKS)}

    def await_whole(self, seconds, by_the_clock=False):
        wait_until(self.whole, seconds, "both links for both", self.paths, by_the_clock)

    def cut(self, i):
        """The carrier is gone long enough for the neighbour to give the link up."""
        self.net.down(i, self.net.server)
        wait_until(lambda: f"link{i}" in self.net.client.links_not_up(), 5, "no carrier")
        self.neighbour.deactivate(i)
        wait_until(lambda: not any(i in links for links in self.paths().values()), 5,
                   f"no subflow by link{i}", self.paths)

    def mend(self, i):
        self.net.up(i, self.net.server)
        self.net.await_carrier()
        self.neighbour.activate(i)
        self.neighbour.await_usable(i)

    def transfer(self):
        for family, traffic in self.traffic.items():
            result = traffic.transfer("upload", 100_000)
            tap.true(result["intact"] and result["failed"] == 0, f"IPv{family}: {result}")

    def owners(self):
        return {each["address"]: each["owner"]
                for each in self.daemon.json("endpoint")["endpoints"]}


@tap.test("/neighbour/mend/both-links-flap-in-turn", 120)
def flaps():
    with Scene("[endpoints]\nforeign = mend\n") as scene:
        theirs = shapes(scene.net.client)
        for number in range(4):
            i = LINKS[number % 2]
            scene.cut(i)
            scene.mend(i)
            begin = time.monotonic()
            scene.await_whole(1, by_the_clock=True)
            tap.note(f"link{i}: whole {time.monotonic() - begin:.3f} s after its address was usable")
            scene.transfer()
        tap.equal(shapes(scene.net.client), theirs, "their endpoints")
        for i in LINKS:
            scene.neighbour.deactivate(i)
        tap.equal([each for each in endpoints(scene.net.client) if "2001" in each["address"]], [],
                  "endpoints of IPv6 that their maker did not find")


def assert_stays_away(scene):
    """IPv4 comes back by the second link, and a new connection of IPv6 has it; the old one has not."""
    scene.cut(2)
    scene.mend(2)
    wait_until(lambda: scene.paths()[4] == list(LINKS), 5, "IPv4 comes back", scene.paths)
    tap.equal(Traffic(scene.net.client, "client", SERVER[6], PORT).hello,
              {"connected": 1, "mptcp": 1}, "a new connection")
    wait_until(lambda: len(scene.paths()[6]) == 3, 5, "the new one has both links", scene.paths)
    tap.equal(scene.paths()[6], [1, 1, 2], "links of both connections of IPv6")


@tap.test("/neighbour/control/without-mptcpd-ipv6-does-not-come-back", 60)
def control():
    with Scene(None) as scene:
        assert_stays_away(scene)


@tap.test("/neighbour/leave/is-as-without-mptcpd", 60)
def leave():
    with Scene("[endpoints]\nforeign = leave\n") as scene:
        assert_stays_away(scene)


@tap.test("/neighbour/mend/closes-nothing-that-is-needed", 60)
def needed():
    with Scene("[endpoints]\nforeign = mend\n") as scene:
        client = scene.net.client
        scene.cut(2)
        # While its address is away a connection of another family is not concerned, and one that
        # begins by that link, the first one being out, has nothing else.
        scene.mend(2)
        scene.await_whole(5)
        before = {(s["local"], s["remote"]) for s in client.subflows()}
        scene.cut(1)
        other = Traffic(client, "client", "2001:db8:2::2", PORT)
        tap.equal(other.hello, {"connected": 1, "mptcp": 1}, "a connection by the second link alone")
        mine = {(s["local"], s["remote"]) for s in client.subflows()} - before
        scene.mend(1)
        wait_until(lambda: scene.paths()[4] == list(LINKS), 5, "IPv4 comes back", scene.paths)
        tap.true(mine <= {(s["local"], s["remote"]) for s in client.subflows()},
                 "its only subflow is there still")
        scene.transfer()


@tap.test("/neighbour/told/flags-without-effect", 60)
def told():
    config = "[interface:link2]\nflags = subflow,backup\n"
    with Scene(config) as scene:
        daemon = scene.daemon
        shown = {each["address"]: each for each in daemon.json("endpoint")["endpoints"]}
        tap.equal(shown[address(2, 4)]["reason"], "foreign-endpoint", f"{shown}")
        tap.true("subflow,backup of the configuration" in shown[address(2, 4)]["text"], f"{shown}")
        found = {each["address"]: each["foreign-flags"]
                 for interface in daemon.json("interface")["interfaces"]
                 for each in interface["addresses"]}
        tap.equal((found[address(2, 4)], found[address(1, 4)]), (["subflow"], []), "flags that hold")
        tap.true("flags of somebody else's endpoint hold: subflow" in daemon.ctl("interface"),
                 daemon.ctl("interface"))
        warnings = [each for each in daemon.json("status")["status"]["warnings"]
                    if each["reason"] == "foreign-endpoint"]
        tap.equal(len(warnings), 1, f"warnings: {warnings}")
        findings = daemon.json("doctor")["findings"]
        tap.equal([each["severity"] for each in findings if each["reason"] == "foreign-endpoint"],
                  ["warning"], f"what doctor finds: {findings}")
        for _ in range(2):
            scene.cut(2)
            scene.mend(2)
            scene.await_whole(5)
        tap.equal(daemon.text().count("who chose its flags"), 1, "how often the log says it")


@tap.test("/neighbour/told/doctor-names-the-drop-in", 60)
def doctor():
    running = pathlib.Path("/run/NetworkManager")  # the sandbox's own /run
    with Scene("") as scene:
        running.mkdir()
        try:
            findings = scene.daemon.json("doctor")["findings"]
        finally:
            running.rmdir()
        owner = [each for each in findings if each["reason"] == "owner" and each["severity"] == "note"]
        tap.equal(len(owner), 1, f"findings: {findings}")
        tap.true(owner[0]["remedy"].endswith("/mptcpd/neighbours/NetworkManager/50-mptcpd-endpoints.conf "
                                             "/etc/NetworkManager/conf.d/"), f"{owner}")


if __name__ == "__main__":
    sandbox.run(tap.main)
