# SPDX-License-Identifier: LGPL-2.1-or-later
"""mptcpd and a peer that cannot be trusted, or that thinks otherwise: on the real kernel."""

import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from capture import Capture
from daemon import FULLMESH, MPTCPCTL, Daemon, Monitor
from hosts import NEEDS_ROUTES_BY_SOURCE, Network, Traffic, unmap, wait_until

IPV4, IPV6 = "10.0.{}.{}", "2001:db8:{}::{}"
CLIENT, SERVER = 1, 2


class Scene:
    """Links, mptcpd on the client, a server that listens on every address, one connection.

    What the server does about paths is up to the test: `path_manager` is the one it has, without
    mptcpd unless `server` is the configuration for one. Without `config` the client has the kernel's
    own path manager, which accepts what is announced.
    """

    def __init__(self, form, links=3, config=FULLMESH, path_manager="kernel", server=None,
                 listen="::"):
        self.net = Network(links=links, note=tap.note, routes_by_source=NEEDS_ROUTES_BY_SOURCE)
        self.form = form
        self.listen = listen
        self.config = config
        self.server_config = server
        self.path_manager = path_manager

    def __enter__(self):
        net = self.net.__enter__()
        try:
            self.client, self.server = net.client, net.server
            self.server.sysctl("net.mptcp.path_manager", self.path_manager)
            # The kernel drops an ADD_ADDR, and an echo, that finds the one before it not yet done
            # with, as happens where all is slow: it comes again after so many seconds.
            self.server.sysctl("net.mptcp.add_addr_timeout", 3 if tap.SLOW > 1 else 1)
            self.daemon = self.start(self.client, self.config)
            self.other = self.start(self.server, self.server_config)
            self.capture = Capture(self.client)
            Traffic(self.server, "server", self.listen, 5000)
            self.client.ip("mptcp limits set subflow 8 add_addr_accepted 8")
            self.traffic = Traffic(self.client, "client", self.address(1, SERVER), 5000)
            tap.equal(self.traffic.hello, {"connected": 1, "mptcp": 1}, "connections")
            self.token = self.client.connections()[0]["token"]
        except BaseException:
            net.__exit__(*sys.exc_info())
            raise
        return self

    def start(self, host, config):
        if config is None:
            return None
        daemon = Daemon(host, config)
        self.net.on_failure.append(lambda: f"{host.name}'s log:\n" + daemon.text()[-4000:])
        return daemon

    def __exit__(self, *exception):
        return self.net.__exit__(*exception)

    def address(self, link, number):
        return self.form.format(link, number)

    def seen(self, link, number):
        """As ss shows it."""
        return unmap(self.address(link, number))

    def pairs(self):
        """The client's established subflows: {(local address, remote address)}."""
        return {(s["local"][0], s["remote"][0]) for s in self.client.subflows(self.token)}

    def mesh(self, remotes=(1,)):
        return {(self.seen(i, CLIENT), self.seen(j, SERVER))
                for i in self.net.links for j in remotes}

    def await_pairs(self, wanted, seconds=3):
        wait_until(lambda: self.pairs() == wanted, seconds, f"subflows {wanted}", self.pairs)

    def say(self, verb, *argv):
        """The server's own tool, where it has no mptcpd: `announce` and `withdraw`."""
        self.server.run(MPTCPCTL, verb, self.server.connections()[0]["token"], *argv)

    def ip(self, *argv):
        """`ip mptcp endpoint` of the server, whose path manager is the kernel's."""
        self.server.run("ip", "mptcp", "endpoint", *argv)

    def delete(self, address):
        found = json.loads(self.server.run("ip", "-json", "mptcp", "endpoint").stdout)
        self.ip("delete", "id", *[str(e["id"]) for e in found if e["address"] == address])

    def refused(self):
        return self.daemon.json("status")["status"]["announcements-refused"]

    def flows(self):
        return {(s["local"], s["remote"]) for s in self.client.subflows(self.token)}


# ---- addresses that cannot be the peer's ----


def refuses(form, addresses):
    with Scene(form, path_manager="userspace") as scene:
        scene.await_pairs(scene.mesh())
        flows = scene.flows()
        watch = Monitor(scene.daemon)
        for number, address in enumerate(addresses):
            scene.say("announce", address, "id", 100 + number)
            watch.wait({"event": "address-announced", "remote-id": 100 + number})
        # one that is good, last: what was to come of the others has come when its paths are there
        scene.say("announce", scene.address(2, SERVER), "id", 99)
        scene.await_pairs(scene.mesh((1, 2)))
        tried = {syn["target"] for syn in scene.capture.joins()}
        tap.equal(tried, {scene.seen(1, SERVER), scene.seen(2, SERVER)}, "MP_JOINs sent to")
        tap.equal(scene.refused(), len(addresses), "announcements refused, in JSON")
        text = scene.daemon.ctl("status", "--verbose")
        tap.true(f"announcements refused {len(addresses)}" in text, text)
        told = [line for line in scene.daemon.lines() if "the peer announces" in line]
        tap.equal(len(told), 1, f"told once: {told}")
        tap.true(flows <= scene.flows(), "what was there before is there")


@tap.test("/peer/refused/addresses-that-cannot-be-its-own-ipv4")
def refuses_ipv4():
    refuses(IPV4, ["127.0.0.1", "0.0.0.0", "169.254.7.7", "224.0.0.1", "255.255.255.255",
                   "240.0.0.1", "0.1.2.3", "10.0.1.255", "10.0.2.1"])


@tap.test("/peer/refused/addresses-that-cannot-be-its-own-ipv6")
def refuses_ipv6():
    refuses(IPV6, ["::1", "::", "fe80::7", "ff02::1", "::7f00:1", "2001:db8:2::1"])


@tap.test("/peer/refused/ipv4-addresses-in-ipv6-clothes")
def refuses_mapped():
    refuses("::ffff:10.0.{}.{}", ["::ffff:127.0.0.1", "::ffff:169.254.7.7", "::ffff:10.0.2.1"])


# ---- the initial address, withdrawn and offered ----


def stays_away(scene):
    """Nobody joins the withdrawn address again: when another one is offered, that alone is joined."""
    scene.await_pairs(scene.mesh((2,)))
    third = scene.address(3, SERVER)
    scene.ip("add", third, "dev", "link3", "signal")
    scene.await_pairs(scene.mesh((2, 3)))
    scene.delete(third)
    scene.await_pairs(scene.mesh((2,)))


def withdrawn_twice(form):
    tap.needs_kernel(6, 12, "its server does not announce the initial address by id 0")
    with Scene(form) as scene:
        first = scene.address(1, SERVER)
        scene.ip("add", scene.address(2, SERVER), "dev", "link2", "signal")
        scene.ip("add", first, "dev", "link1", "signal")
        scene.await_pairs(scene.mesh((1, 2)))
        watch = Monitor(scene.daemon)
        for count in (1, 2, 3):
            scene.delete(first)
            watch.wait({"event": "address-removed", "remote-id": 0}, count=count)
            stays_away(scene)
            scene.ip("add", first, "dev", "link1", "signal")
            watch.wait({"event": "address-announced", "remote-id": 0}, count=count)
            scene.await_pairs(scene.mesh((1, 2)))


@tap.test("/peer/initial/withdrawn-and-offered-again-and-again-ipv4")
def withdrawn_twice_ipv4():
    withdrawn_twice(IPV4)


@tap.test("/peer/initial/withdrawn-and-offered-again-and-again-ipv6")
def withdrawn_twice_ipv6():
    withdrawn_twice(IPV6)


# ---- what is established, and what the peer announces ----


def displaces_nothing(form, silent, refusing):
    """Three addresses that answer nothing, three that refuse, and then a good one."""
    limit = FULLMESH + "max-subflows = 4\n"
    with Scene(form, config=limit, path_manager="userspace") as scene:
        scene.await_pairs(scene.mesh())
        flows = scene.flows()
        watch = Monitor(scene.daemon)
        for number, address in enumerate(silent + refusing):
            port = ["port", 4999] if address in refusing else []
            scene.say("announce", address, "id", 100 + number, *port)
            watch.wait({"event": "address-announced", "remote-id": 100 + number}, seconds=5)
        end = time.monotonic() + 3
        while time.monotonic() < end:
            tap.true(flows <= scene.flows(), f"{flows} are in {scene.flows()}")
        # the one place that is left is for what answers
        scene.say("announce", scene.address(2, SERVER), "id", 99)
        wait_until(lambda: len(scene.pairs()) == 4, 30, "the good one", scene.pairs)
        tap.true(flows <= scene.flows(), "what was established still is")
        tap.equal({remote for _, remote in scene.pairs()},
                  {scene.seen(1, SERVER), scene.seen(2, SERVER)}, "where subflows lead")


@tap.test("/peer/announced/displaces-nothing-that-works-ipv4", 90, waits=True)
def displaces_ipv4():
    displaces_nothing(IPV4, ["192.168.7.1", "192.168.7.2", "172.16.3.4"],
                      ["10.0.3.2", "10.0.2.2"])


@tap.test("/peer/announced/displaces-nothing-that-works-ipv6", 90, waits=True)
def displaces_ipv6():
    displaces_nothing(IPV6, ["2001:db8:77::1", "2001:db8:77::2", "2001:db8:78::1"],
                      [])  # an IPv6 address with a port finds no room beside timestamps


@tap.test("/peer/announced/what-nobody-reaches-makes-no-link-silent", 60, waits=True)
def accuses_nothing():
    """Joins to what nobody reaches, for longer than it takes to judge; nothing else is sent."""
    addresses = ["192.168.7.1", "192.168.7.2", "172.16.3.4"]
    with Scene(IPV4, path_manager="userspace") as scene:
        scene.await_pairs(scene.mesh())
        flows = scene.flows()
        watch = Monitor(scene.daemon)
        for number, address in enumerate(addresses):
            scene.say("announce", address, "id", 100 + number)
        watch.wait({"event": "address-announced"}, seconds=5, count=len(addresses))
        end = time.monotonic() + 6
        while time.monotonic() < end:
            tap.equal(scene.flows(), flows, "what is established")
            told = [event for event in list(watch.events) if event.get("health") == "silent"]
            tap.equal(told, [], "links that are told to be silent")


@tap.test("/peer/announced/flood-leaves-what-works")
def flood():
    with Scene(IPV4, path_manager="userspace") as scene:
        scene.await_pairs(scene.mesh())
        flows = scene.flows()
        watch = Monitor(scene.daemon)
        token = scene.server.connections()[0]["token"]
        # one shell, or starting programs takes longer than all the rest
        scene.server.run("sh", "-c", f"""
            i=0
            while [ $((i += 1)) -le 120 ]; do
                {MPTCPCTL} announce {token} 192.168.$((i % 50)).$i id $i port $((1000 + i))
            done""")
        watch.wait({"event": "address-announced"}, seconds=10, count=10)
        tap.true(flows <= scene.flows(), "what was there is there")
        known = scene.client.subflows(scene.token, state=None)
        tap.at_most(len(known), 3 + 8 + 32, "subflows in any state")
        status = scene.daemon.json("status")["status"]
        tap.equal(status["connections"], 1, "connections")
        result = scene.traffic.transfer("upload", 1 << 20)
        tap.true(result["intact"] and result["failed"] == 0, f"transfer: {result}")


# ---- the server's initial address goes and comes back ----

SECOND = FULLMESH + "[interface:link2]\nflags = signal\n"


def cut_address(scene):
    prefix = 64 if scene.form == IPV6 else 24
    scene.server.ip(f"address delete {scene.address(1, SERVER)}/{prefix} dev link1")


def cut_link(scene):
    scene.net.down(1, scene.server)


def away(scene, seconds):
    """Its subflows are gone from the server, and have been for so long."""
    first = scene.seen(1, SERVER)
    end = time.monotonic() + seconds
    wait_until(lambda: first not in {s["local"][0] for s in scene.server.subflows()}, 3,
               "the server leaves the lost address", scene.server.subflows)
    wait_until(lambda: time.monotonic() > end, seconds + 1, "a while")


def joined(scene):
    """The server's addresses that subflows lead to, of the family of the connection."""
    return {remote for _, remote in scene.pairs() if (":" in remote) == (scene.form == IPV6)}


def echoed(scene):
    """Each announcement of the server has its echo: while one waits the kernel sends no RM_ADDR."""
    return scene.server.nstat()["EchoAdd"] >= len(announced(scene))


def comes_back(form, config, cut):
    """The server withdraws its initial address, and offers it again by an id of its own."""
    with Scene(form, links=2, config=config, server=SECOND) as scene:
        first, second = scene.seen(1, SERVER), scene.seen(2, SERVER)
        # A way to all of the client that outlives the address: the kernel sends RM_ADDR on the
        # first subflow of another id, whatever became of its route.
        scene.server.ip("address add 192.0.2.9/32 dev link1",
                        "route add 10.0.1.0/24 dev link1 metric 2000",
                        "route add 2001:db8:1::/64 dev link1 metric 2000")
        wait_until(lambda: joined(scene) == {first, second}, 3, "joins", scene.pairs)
        for _ in range(2):
            wait_until(lambda: echoed(scene), 3, "all announcements echoed", scene.server.nstat)
            cut(scene)
            away(scene, 2)
            tap.equal(joined(scene), {second}, "where subflows lead meanwhile")
            scene.net.up(1, scene.server)
            begin = time.monotonic()
            wait_until(lambda: first in joined(scene), 3, "joined again", scene.pairs)
            tap.note(f"joined again after {time.monotonic() - begin:.3f} s")
            if config:
                wait_until(lambda: scene.mesh((1, 2)) <= scene.pairs(), 3, "all pairs",
                           scene.pairs)
        result = scene.traffic.transfer("upload", 1 << 20)
        tap.true(result["intact"] and result["failed"] == 0, f"transfer: {result}")
        ids = {a["address"]: a["id"] for a in scene.other.connections()[0]["announced"]}
        tap.true(ids.get(first, 0) > 0, f"an id of its own: {ids}")


@tap.test("/peer/initial/comes-back-to-a-plain-client-address-ipv4", waits=True)
def address_plain_ipv4():
    comes_back(IPV4, None, cut_address)


@tap.test("/peer/initial/comes-back-to-a-plain-client-address-ipv6", waits=True)
def address_plain_ipv6():
    comes_back(IPV6, None, cut_address)


@tap.test("/peer/initial/comes-back-to-a-plain-client-link-ipv4", waits=True)
def link_plain_ipv4():
    comes_back(IPV4, None, cut_link)


@tap.test("/peer/initial/comes-back-to-a-plain-client-link-ipv6", waits=True)
def link_plain_ipv6():
    comes_back(IPV6, None, cut_link)


@tap.test("/peer/initial/comes-back-to-ours-address-ipv4", waits=True)
def address_ours_ipv4():
    comes_back(IPV4, FULLMESH, cut_address)


@tap.test("/peer/initial/comes-back-to-ours-address-ipv6", waits=True)
def address_ours_ipv6():
    comes_back(IPV6, FULLMESH, cut_address)


@tap.test("/peer/initial/comes-back-to-ours-link-ipv4", waits=True)
def link_ours_ipv4():
    comes_back(IPV4, FULLMESH, cut_link)


@tap.test("/peer/initial/comes-back-to-ours-link-ipv6", waits=True)
def link_ours_ipv6():
    comes_back(IPV6, FULLMESH, cut_link)


# ---- what is closed on purpose stays closed ----

FORBID = """\
[core]
path-manager = userspace
[interface:link2]
flags = signal
[policy:default]
plugin = fullmesh forbid
from = {}
"""


def pass_seconds(seconds):
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end, seconds + 1, "a while")


def goes_round(form, config, most):
    """The server's policy forbids one address of the client, which was invited to join from it."""
    server = FORBID.format(form.format(2, CLIENT))
    with Scene(form, links=2, config=config, server=server) as scene:
        wait_until(lambda: any(syn["source"] == scene.seen(2, CLIENT)
                               for syn in scene.capture.joins()), 3, "a join that is forbidden")
        pass_seconds(6)
        joins = [syn for syn in scene.capture.joins() if syn["source"] == scene.seen(2, CLIENT)]
        tap.note(f"{len(joins)} joins from there")
        tap.at_most(len(joins), most, "joins from the forbidden address")
        tap.true(scene.seen(2, CLIENT) not in {local for local, _ in scene.pairs()}, "it is out")
        tap.true((scene.seen(1, CLIENT), scene.seen(1, SERVER)) in scene.pairs(), "the initial one")


@tap.test("/peer/forbidden/plain-client-joins-once-ipv4", waits=True)
def forbidden_plain_ipv4():
    goes_round(IPV4, None, 1)


@tap.test("/peer/forbidden/plain-client-joins-once-ipv6", waits=True)
def forbidden_plain_ipv6():
    goes_round(IPV6, None, 1)


@tap.test("/peer/forbidden/ours-asks-ever-more-rarely-ipv4", waits=True)
def forbidden_ours_ipv4():
    goes_round(IPV4, FULLMESH, 4)  # two pairs, at once and 2 s later


@tap.test("/peer/forbidden/ours-asks-ever-more-rarely-ipv6", waits=True)
def forbidden_ours_ipv6():
    goes_round(IPV6, FULLMESH, 4)


def stays_deleted(form, config):
    """The server's administrator announces an address, and deletes what comes of it."""
    with Scene(form, links=2, config=config, server=FULLMESH) as scene:
        token = scene.server.connections()[0]["token"]
        second = scene.seen(2, SERVER)
        scene.other.ctl("announce", token, second, "id", "9")
        wait_until(lambda: second in joined(scene), 3, "a join", scene.pairs)
        if config:
            scene.await_pairs(scene.mesh((1, 2)))
        for subflow in scene.server.subflows(token):
            if subflow["local"][0] == second:
                bracketed = "[{}]:{}" if ":" in second else "{}:{}"
                scene.other.ctl("subflow", "delete", token, bracketed.format(*subflow["local"]),
                                bracketed.format(*subflow["remote"]))
        wait_until(lambda: second not in joined(scene), 3, "deleted", scene.pairs)
        count = len(scene.capture.joins())
        pass_seconds(4)
        # As with the kernel's own tool nobody is told. A client of ours comes again, and is closed.
        tap.equal(scene.server.nstat().get("RmAddrTx", 0), 0, "RM_ADDRs")
        tap.at_most(len(scene.capture.joins()) - count, 2 if config else 0, "joins since")
        tap.true(second not in joined(scene), f"still deleted: {scene.pairs()}")
        tap.equal(announced(scene), set(), "announced")


@tap.test("/peer/deleted/with-its-announcement-plain-client-ipv4", waits=True)
def deleted_plain_ipv4():
    stays_deleted(IPV4, None)


@tap.test("/peer/deleted/with-its-announcement-plain-client-ipv6", waits=True)
def deleted_plain_ipv6():
    stays_deleted(IPV6, None)


@tap.test("/peer/deleted/with-its-announcement-ours-ipv4", waits=True)
def deleted_ours_ipv4():
    stays_deleted(IPV4, FULLMESH)


@tap.test("/peer/deleted/with-its-announcement-ours-ipv6", waits=True)
def deleted_ours_ipv6():
    stays_deleted(IPV6, FULLMESH)


# ---- announcements of both families ----

SIGNAL = FULLMESH + "[interface:link*]\nflags = signal\n"


def announced(scene):
    """What the server has announced, as its mptcpd tells it."""
    (connection,) = scene.other.connections()
    return {a["address"] for a in connection["announced"]}


def families(form, clients, known, others=(IPV4, IPV6), listen="::"):
    for config in clients:
        with Scene(form, links=2, config=config, server=SIGNAL, listen=listen) as scene:
            first = scene.seen(1, SERVER)
            wanted = {other.format(i, SERVER) for other in others for i in (1, 2)} - {first}
            wait_until(lambda: announced(scene) == wanted, 3, f"announced: {wanted}",
                       lambda: announced(scene))
            wanted = {other.format(i, SERVER) for other in known for i in (1, 2)} | {first}
            wait_until(lambda: {remote for _, remote in scene.pairs()} == wanted, 3,
                       f"joins to {wanted}", scene.pairs)
            status = scene.other.json("status")["status"]
            tap.equal((status["command-errors"], status["plans-refused"]), (0, 0), "errors")
            if scene.daemon:
                status = scene.daemon.json("status")["status"]
                tap.equal((status["command-errors"], status["plans-refused"]), (0, 0),
                          "the client's errors")


@tap.test("/peer/families/ipv6-connection-is-offered-ipv4-too")
def families_ipv6():
    families(IPV6, (FULLMESH, None), (IPV4, IPV6))


@tap.test("/peer/families/ipv4-connection-of-ipv6-sockets-is-offered-ipv6-too")
def families_mapped():
    families("::ffff:10.0.{}.{}", (FULLMESH, None), (IPV4, IPV6))


@tap.test("/peer/families/ipv4-client-of-an-ipv6-server-uses-ipv4-alone")
def families_ipv4():
    # a plain client of Linux 6.1 joins by IPv6 from an IPv4 socket
    families(IPV4, (FULLMESH,) if tap.kernel_before(6, 12) else (FULLMESH, None), (IPV4,))


@tap.test("/peer/families/ipv4-server-offers-ipv4-alone")
def families_ipv4_server():
    families(IPV4, (FULLMESH, None), (IPV4,), others=(IPV4,), listen="0.0.0.0")


if __name__ == "__main__":
    sandbox.run(tap.main)
