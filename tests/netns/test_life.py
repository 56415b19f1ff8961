# SPDX-License-Identifier: LGPL-2.1-or-later
"""The life of an endpoint: what mptcpd does on its own is never worse than doing nothing.

Each scene is a host with one or two links, as client or server, whose endpoints mptcpd keeps; beside
it runs the control: the same host with the same endpoints made by hand, and nobody who follows. In
both, connections of both families are opened before each cause, and the same cause is made. With
mptcpd no fewer of them may live afterwards, and none may stand still for longer.

MPTCPD_LONG=1 tries every cause in every scene, for as long as it takes in life.
"""

import json
import os
import pathlib
import random
import select
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from capture import in_namespace
from daemon import Daemon
from hosts import Network, Timeout, Traffic, wait_until
from judge import endpoints, quick_dad

MPTCP = socket.IPPROTO_MPTCP
LONG = os.environ.get("MPTCPD_LONG") == "1"
HOLD = 0.6  # seconds that a lost route or address is overlooked
N = 2  # connections of each family
GIVE_UP = 6.0 * tap.SLOW  # seconds after which a transfer counts as dead
SLACK = 0.4  # seconds: two hosts are not twice the same


class Place:
    """The host under test, its network, and the connections of the moment."""

    def __init__(self, spec):
        self.spec, self.daemon, self.traffic = spec, None, []
        self.net = Network(links=spec["links"], note=lambda text: print(text, file=sys.stderr))

    def __enter__(self):
        net = self.net.__enter__()
        self.host = net.client if self.spec["role"] == "client" else net.server
        self.peer = net.server if self.spec["role"] == "client" else net.client
        for host in (self.host, self.peer):
            host.ip("mptcp limits set subflow 8 add_addr_accepted 8")
            for i in net.links:
                quick_dad(host, f"link{i}")
                # A cable is cut by its far end, which keeps its addresses.
                self.peer.sysctl(f"net.ipv6.conf.link{i}.keep_addr_on_down", 1)
        self.routes(*net.links)
        for address in ("0.0.0.0", "::"):
            Traffic(net.server, "server", address, 5000 if "." in address else 5001)
        if self.spec["daemon"]:
            self.daemon = Daemon(self.host, self.config())
            net.on_failure.append(lambda: "mptcpd's log:\n" + self.daemon.text()[-4000:])
        self.await_endpoints()
        return self

    def __exit__(self, *exception):
        return self.net.__exit__(*exception)

    def config(self, flags=None, manager="kernel", more=""):
        return (f"[core]\npath-manager = {manager}\n[endpoints]\nplugin = endpoints\nhold = {HOLD * 1000:.0f}ms\n"
                f"flags = {flags or self.spec['flags']}\n{more}")

    def reload(self, **changes):
        if self.daemon:
            self.daemon.config.write_text(self.config(**changes))
            self.daemon.ctl("reload")

    def routes(self, *links):
        for i in links:
            far = self.peer.number
            self.host.ip(
                f"route replace default via 10.0.{i}.{far} dev link{i} metric {100 + i}",
                f"route replace ::/0 via 2001:db8:{i}::{far} dev link{i} metric {100 + i}")

    def wanted(self):
        return {f"{net}{self.host.number}" for i in self.net.links
                for net in (f"10.0.{i}.", f"2001:db8:{i}::")}

    def await_endpoints(self):
        if not self.daemon:
            self.host.run("ip", "mptcp", "endpoint", "flush")
            for address in sorted(self.wanted()):
                link = address.split(":" if ":" in address else ".")[2]
                self.host.ip(f"mptcp endpoint add {address} dev link{link} "
                             + self.spec["flags"].replace(",", " "))
            return
        flags = set(self.spec["flags"].split(","))

        def there():
            # This family of `ip` prints "flags" as a list, or each as a member of its own.
            return {e["address"] for e in endpoints(self.host)
                    if flags <= {*e, *e.get("flags", [])} and not e.get("backup")
                    and "backup" not in e.get("flags", [])}

        wait_until(lambda: there() == self.wanted(), 3, "endpoints", lambda: endpoints(self.host))

    def connect(self):
        self.traffic = [Traffic(self.net.client, "client", "10.0.1.2", 5000, N),
                        Traffic(self.net.client, "client", "2001:db8:1::2", 5001, N)]
        for traffic in self.traffic:
            traffic.is_busy = False
        if self.spec["links"] == 2:
            wanted = len(self.host.connections()) * 2
            try:
                wait_until(lambda: len(self.host.subflows()) >= wanted, 0.5, "joined")
            except Timeout:
                pass  # a server does not join, and a peer need not

    def order(self):
        """Let every connection move something; its time counts from now."""
        self.begin = time.monotonic()
        for traffic in self.traffic:
            if not traffic.is_busy:
                traffic.order("upload", 2000)
                traffic.is_busy = True

    def wait(self):
        """[seconds until it was done], one a family; GIVE_UP for what does not end by then."""
        times = []
        for traffic in self.traffic:
            left = max(0, self.begin + GIVE_UP - time.monotonic())
            done, _, _ = select.select([traffic.child.stdout], [], [], left)
            traffic.is_busy = not done
            result = traffic.read() if done else None
            good = result and result["intact"] and not result["failed"]
            times.append(time.monotonic() - self.begin if good else GIVE_UP)
        return times

    def end(self):
        for traffic in self.traffic:
            traffic.child.kill()
            traffic.child.wait()
        wait_until(lambda: not self.host.subflows(), 3, "connections ended", self.host.subflows)


# ---- causes: each makes its trouble, and returns how long it lasts and what ends it. Trouble that
# lasts None is one that the connections are to live with: it ends when they have shown it. ----


def route_blinks(place, seconds=0.05):
    for family in ("-4", "-6"):
        place.host.run("ip", family, "route", "del", "default", "dev", "link1")
    return seconds, lambda: place.routes(1)


def route_away(place):
    return route_blinks(place, HOLD * 2)


def cable_out(place, seconds=1.3):  # the kernel says so after up to a second
    place.net.down(1, place.peer)

    def right():
        place.net.up(1, place.peer)
        place.net.await_carrier()
        place.net.up(1, place.host)
        place.routes(1)

    return seconds, right


def cable_long_out(place):
    return cable_out(place, 3)


def link_down(place, seconds=0.5):
    place.net.down(1, place.host)

    def right():
        place.net.up(1, place.host)
        place.net.await_carrier()
        place.routes(1)

    return seconds, right


def address_away(place, seconds=0.3):
    number = place.host.number
    place.host.ip(f"address delete 10.0.1.{number}/24 dev link1",
                  f"address delete 2001:db8:1::{number}/64 dev link1")

    def right():
        place.net.up(1, place.host)
        place.routes(1)

    return seconds, right


def address_long_away(place):
    return address_away(place, HOLD * 2)


def not_used(place):
    place.reload(more="[interface:link1]\nuse = no\n")
    return None, place.reload


def only_announced(place):
    place.reload(flags="signal")
    return None, place.reload


def made_fullmesh(place):
    place.reload(flags="subflow,fullmesh")
    return None, place.reload


def other_manager(place):
    place.reload(manager="userspace")
    return None, place.reload


def one_endpoint(place):
    place.reload(more="max-endpoints = 1\n")
    return None, place.reload


def all_backup(place):
    place.reload(more="[interface:link*]\nflags = backup,subflow\n")
    return None, place.reload


def stop_and_start(place):
    if not place.daemon:
        return None, lambda: None
    place.daemon.end()

    def right():
        place.daemon = Daemon(place.host, place.config(), runtime=place.daemon.runtime)

    return None, right


def killed(place):
    if not place.daemon:
        return None, lambda: None
    place.daemon.end(signal.SIGKILL)
    place.daemon = Daemon(place.host, place.config(more="[interface:link1]\nuse = no\n"),
                          runtime=place.daemon.runtime)
    return None, place.reload


CAUSES = {f.__name__: f for f in (
    route_blinks, route_away, cable_out, cable_long_out, link_down, address_away, address_long_away,
    not_used, only_announced, made_fullmesh, other_manager, one_endpoint, all_backup,
    stop_and_start, killed)}


def play(spec):
    """Everything that happens in one scene: {cause: {"during": [s, s], "after": [s, s]}}."""
    results = {}
    with Place(spec) as place:
        for name in spec["causes"]:
            place.connect()
            seconds, right = CAUSES[name](place)
            place.order()
            if seconds:
                time.sleep(seconds)
                right()
            during = place.wait()
            if not seconds:
                right()
            place.order()
            results[name] = {"during": during, "after": place.wait()}
            place.end()
            place.await_endpoints()
    return results


def start(spec):
    """A scene in a process and a place of its own."""
    return subprocess.Popen([sys.executable, __file__, "--scene", json.dumps(spec)],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(child):
    out, err = child.communicate()
    if child.returncode:
        raise AssertionError(f"the scene ended with {child.returncode}: {err[-6000:]}")
    return json.loads(out.splitlines()[-1])


def compare(role, links, flags, causes):
    """The causes after which it was worse than without mptcpd, with what was measured."""
    spec = {"role": role, "links": links, "flags": flags, "causes": causes}
    with_daemon, without = start({**spec, "daemon": True}), start({**spec, "daemon": False})
    got, control = finish(with_daemon), finish(without)
    worse = {}
    for cause in causes:
        for when in ("during", "after"):
            for family, ours, theirs in zip("46", got[cause][when], control[cause][when]):
                text = f"{cause} {when} IPv{family}: {ours:.3f} s, without mptcpd {theirs:.3f} s"
                tap.note(text)
                if ours > 2 * theirs + SLACK * tap.SLOW or (ours >= GIVE_UP > theirs):
                    worse.setdefault(cause, []).append(text)
    return worse


def judge(role, links, flags, causes):
    """TCP's timers are a matter of luck, and what mptcpd does is not: what is worse is so again."""
    for _ in range(3):
        worse = compare(role, links, flags, causes)
        causes = list(worse)
        if not worse:
            return
    raise AssertionError(f"three times worse than without mptcpd: {worse}")


@tap.test("/life/foreign/one-that-went-after-its-address-is-not-waited-for")
def foreign_goes():
    with Place({"role": "client", "links": 2, "flags": "subflow", "daemon": False}) as place:
        host = place.host
        place.daemon = Daemon(host, place.config())
        found = place.daemon.json("endpoint")["endpoints"]
        tap.equal([e["owner"] for e in found], ["other"] * 4, "owners")

        # The kernel is asked from here on: who asks mptcpd makes it look.
        def there():
            return "10.0.2.1" in {e["address"] for e in endpoints(host)}

        theirs = next(e["id"] for e in found if e["address"] == "10.0.2.1")
        host.ip("address delete 10.0.2.1/24 dev link2",
                f"mptcp endpoint delete id {theirs}")  # of which the kernel tells nobody
        tap.true(not there(), "theirs is gone")
        host.ip("address add 10.0.2.1/24 dev link2",
                "route replace default via 10.0.2.2 dev link2 metric 102")
        wait_until(there, 1, "ours")
        tap.equal({e["owner"] for e in place.daemon.json("endpoint")["endpoints"]
                   if e["address"] == "10.0.2.1"}, {"mptcpd"}, "whose")


@tap.test("/life/told/in-endpoint-explain-and-journal")
def told():
    with Place({"role": "server", "links": 1, "flags": "subflow", "daemon": True}) as place:
        place.connect()
        place.net.down(1, place.peer)

        def leaving():
            return [e for e in place.daemon.json("endpoint")["endpoints"]
                    if (e["state"], e["reason"], e["needed-by"]) == ("leaving", "no-carrier", N)]

        wait_until(lambda: len(leaving()) == 2, 3, "both are leaving",
                   lambda: place.daemon.json("endpoint"))
        token = place.daemon.connections()[0]["token"]
        paths = place.daemon.json("explain", token)["paths"]
        tap.true(any("leaving" in (p["error"] or "") for p in paths), f"explain: {paths}")
        said = [line for line in place.daemon.lines() if "is to go" in line]
        tap.equal(len(said), 2, f"lines in the journal: {said}")
        place.net.up(1, place.peer)
        wait_until(lambda: {e["state"] for e in place.daemon.json("endpoint")["endpoints"]}
                   == {"present"}, 3, "present again")


def half_close(place):
    """(client, server): sockets of a connection on which the client has said its last."""
    def listen():
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP)
        listener.bind(("10.0.1.2", 7000))
        listener.listen()
        return listener

    with in_namespace(place.net.server.name, listen) as listener:
        client = in_namespace(place.net.client.name,
                               lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP))
        client.settimeout(GIVE_UP)
        client.connect(("10.0.1.2", 7000))
        server, _ = listener.accept()
    server.send(b"greeting")
    tap.equal(client.recv(100), b"greeting", "received")
    client.shutdown(socket.SHUT_WR)
    server.settimeout(GIVE_UP)
    tap.equal(server.recv(100), b"", "end of the client's side")
    return client, server


def half_closed(role):
    with Place({"role": role, "links": 1, "flags": "subflow", "daemon": True}) as place:
        client, server = half_close(place)
        with client, server:
            # One that starts asks the kernel for all there is, and hears that a FIN was seen.
            place.daemon.end(signal.SIGKILL)
            place.daemon = Daemon(place.host, place.config(), runtime=place.daemon.runtime)
            place.net.down(1, place.peer)
            wait_until(lambda: {e["state"] for e in place.daemon.json("endpoint")["endpoints"]}
                       != {"present"}, 3, "the cable is missed")
            place.net.up(1, place.peer)
            place.net.await_carrier()
            server.send(b"the rest")
            tap.equal(client.recv(100), b"the rest", "received after the blink")


@tap.test("/life/half-closed/client-gets-the-rest")
def half_closed_client():
    half_closed("client")


@tap.test("/life/half-closed/server-sends-the-rest")
def half_closed_server():
    half_closed("server")


@tap.test("/life/closed/what-the-peer-keeps-open-is-not-found-again")
def kept_open():
    with Place({"role": "client", "links": 1, "flags": "subflow", "daemon": True}) as place:
        client, server = half_close(place)
        with server:
            tap.equal(len(place.daemon.connections()), 1, "connections while it is open")
            client.close()
            wait_until(lambda: [c["state"] for c in place.host.connections()] == ["FIN-WAIT-2"], 5,
                       "all is delivered", place.host.connections)
            wait_until(lambda: place.daemon.connections() == [], 5, "it is closed",
                       place.daemon.connections)
            place.daemon.end(signal.SIGKILL)
            place.daemon = Daemon(place.host, place.config(), runtime=place.daemon.runtime)
            tap.equal(place.daemon.connections(), [], "connections of the next life")
            tap.equal([c["state"] for c in place.host.connections()], ["FIN-WAIT-2"], "the socket")


@tap.test("/life/flaps/an-endpoint-of-both-kinds-keeps-its-link-in-use", 120)
def flaps():
    with Place({"role": "client", "links": 2, "flags": "subflow,signal", "daemon": True}) as place:
        def by_link():
            return place.net.by_link(s for s in place.host.subflows() if "." in s["local"][0])

        def flows(what):
            place.order()
            tap.true(place.wait()[0] < GIVE_UP, f"data flows {what}")

        place.connect()
        for i in range(3):
            wait_until(lambda: by_link() == {1: N, 2: N}, 8, f"both links, time {i}", by_link)
            _, right = link_down(place)
            flows(f"without link1, time {i}")
            right()
            place.await_endpoints()
        wait_until(lambda: by_link() == {1: N, 2: N}, 8, "both links are used", by_link)
        place.net.down(2, place.host)
        flows("by link1 alone")


def register(role, links, flags, choose, seed):
    causes = list(CAUSES)
    if flags == "signal":
        causes.remove("only_announced")
    if not LONG:
        causes.remove("cable_long_out")
        causes = sorted(choose.sample(causes, 5), key=causes.index)

    @tap.test(f"/life/{role}/{links}-links/{flags}", 240)
    def scene():
        tap.note(f"MPTCPD_SEED={seed}")
        judge(role, links, flags, causes)


def main():
    if sys.argv[1:2] == ["--scene"]:
        print(json.dumps(play(json.loads(sys.argv[2]))))
        return
    seed = int(os.environ.get("MPTCPD_SEED", time.time_ns() % 100_000))
    choose = random.Random(seed)
    for role in ("client", "server"):
        for links in (1, 2):
            for flags in ("subflow", "signal", "subflow,fullmesh"):
                register(role, links, flags, choose, seed)
    tap.main()


if __name__ == "__main__":
    sandbox.run(main)
