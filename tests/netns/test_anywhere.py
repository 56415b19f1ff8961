# SPDX-License-Identifier: LGPL-2.1-or-later
"""Connections whose local address no link of the host has: a prefix that is local by a route alone, as
servers of many addresses and transparent proxies have it. Nothing of the sort can be lost with a link.
"""

import pathlib
import signal
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from capture import in_namespace
from daemon import FULLMESH, Daemon
from hosts import Network, wait_until

PREFIX = {4: "192.0.2.0/24", 6: "2001:db8:f::/64"}
ADDRESS = {4: "192.0.2.7", 6: "2001:db8:f::7"}
ANNOUNCE = ("[core]\npath-manager = userspace\n[interface:link2]\nflags = signal\n"
            "[policy:default]\nplugin = announce\n")
FREEBIND = {4: (socket.IPPROTO_IP, 15), 6: (socket.IPPROTO_IPV6, 78)}
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
SIZE = 20000


def near(i, family, number):
    return f"10.0.{i}.{number}" if family == 4 else f"2001:db8:{i}::{number}"


class Scene:
    """Two hosts on two links; the whole PREFIX is local at one of them, and mptcpd runs there."""

    def __init__(self, at, family, config):
        self.net = Network(links=2, note=tap.note)
        self.at, self.family, self.config = at, family, config

    def __enter__(self):
        net = self.net.__enter__()
        try:
            self.host, peer = getattr(net, self.at), net.server
            if self.at == "server":
                peer = net.client
                net.client.ip("mptcp limits set subflow 8 add_addr_accepted 8")
                net.client.ip(f"mptcp endpoint add {near(2, self.family, 1)} dev link2 subflow")
            self.peer = peer
            self.host.ip(f"route add local {PREFIX[self.family]} dev lo")
            for i in net.links:
                self.route(i)
            self.start()
            net.on_failure.append(lambda: self.daemon and "mptcpd's log:\n" + self.daemon.text()[-4000:])
            self.listener = in_namespace("server", self.listen)
            self.near = in_namespace("client", self.connect)
            self.far, _ = self.listener.accept()
            for end in (self.near, self.far):
                end.settimeout(10 * tap.SLOW)
            self.talk()
        except BaseException:
            self.net.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *exception):
        return self.net.__exit__(*exception)

    def route(self, i):
        self.peer.ip(f"route replace {PREFIX[self.family]} via "
                     f"{near(i, self.family, self.host.number)} dev link{i} metric {i}")

    def socket(self):
        return socket.socket(FAMILY[self.family], socket.SOCK_STREAM, socket.IPPROTO_MPTCP)

    def listen(self):
        listener = self.socket()
        listener.bind(("", 5000))
        listener.listen()
        return listener

    def connect(self):
        end = self.socket()
        if self.at == "client":
            end.setsockopt(*FREEBIND[self.family], 1)
            end.bind((ADDRESS[self.family], 0))
        end.connect((ADDRESS[self.family] if self.at == "server" else near(1, self.family, 2), 5000))
        return end

    def start(self, **options):
        self.daemon = Daemon(self.host, self.config, **options) if self.config else None

    def here(self):
        """The established subflows of that address, at its host, by their local and remote ports."""
        return sorted((s["local"][1], s["remote"]) for s in self.host.subflows()
                      if s["local"][0] == ADDRESS[self.family])

    def await_here(self, count):
        return wait_until(lambda: len(self.here()) == count and self.here(), 2,
                          f"{count} subflows of {ADDRESS[self.family]}", self.host.subflows)

    def await_all(self, count):
        wait_until(lambda: len(self.host.subflows()) == count, 4, f"{count} subflows",
                   self.host.subflows)

    def talk(self):
        """Both ways, and all that is sent arrives."""
        for one, other in ((self.near, self.far), (self.far, self.near)):
            one.sendall(bytes(SIZE))
            missing = SIZE
            while missing:
                came = other.recv(missing)
                tap.true(came, f"the end came {missing} bytes too early")
                missing -= len(came)

    def flap(self, i):
        """A link goes and comes; where another one is left, data flows meanwhile."""
        self.net.down(i, self.host)
        if self.daemon or self.at == "server" or i == 2:
            self.talk()
        self.net.up(i, self.host)
        self.route(i)
        self.net.await_carrier()
        self.talk()


    def lose_address(self):
        """An address goes for so long that what began there is closed, and is back then."""
        address = near(2, self.family, self.host.number)
        size = 24 if self.family == 4 else 64
        joined = [s for s in self.host.subflows() if s["local"][0] == address]
        tap.true(joined, f"a subflow of {address}")
        self.host.ip(f"address delete {address}/{size} dev link2")
        wait_until(lambda: not any(s["local"] == joined[0]["local"] for s in self.host.subflows()),
                   2, f"the subflow of {address} is closed", self.host.subflows)
        self.net.up(2, self.host)
        self.route(2)


def each_family(name):
    def register(function):
        for family in (4, 6):
            tap.test(f"{name}-ipv{family}")(lambda family=family: function(family))
        return function
    return register


@each_family("/anywhere/server/what-clients-began-and-joined-stays")
def server(family):
    for config in (None, FULLMESH, ANNOUNCE):
        with Scene("server", family, config) as scene:
            before = scene.await_here(2)
            # A client joins what is announced beside them: by IPv6 an address of each family.
            total = 2 if config != ANNOUNCE else 3 if family == 4 else 4
            scene.await_all(total)
            scene.flap(2)
            scene.flap(1)
            scene.await_all(total)
            tap.equal(scene.here(), before, f"the same subflows, with {config}")


@each_family("/anywhere/client/what-the-application-began-stays")
def client(family):
    for config in (None, FULLMESH):
        with Scene("client", family, config) as scene:
            scene.await_all(3 if config else 1)
            before = scene.await_here(1)
            scene.flap(2)
            scene.flap(1)
            if config:
                scene.await_all(3)
                scene.lose_address()
            scene.await_all(3 if config else 1)
            tap.equal(scene.here(), before, f"the same subflow, with {config}")


@each_family("/anywhere/restart/it-stays-and-no-fault-is-told")
def restart(family):
    with Scene("client", family, FULLMESH) as scene:
        scene.await_all(3)
        before = scene.await_here(1)
        for saved in (True, False):
            scene.daemon.end(signal.SIGKILL)
            scene.start(runtime=scene.daemon.runtime if saved else None)
            wait_until(lambda: len(scene.daemon.connections()[0]["subflows"]) == 3, 2, "adopted",
                       scene.daemon.connections)
            scene.await_all(3)
            scene.lose_address()
            scene.await_all(3)
            tap.equal(scene.here(), before, f"the same subflow, {'with' if saved else 'without'} a record")
        token = scene.daemon.connections()[0]["token"]
        told = scene.daemon.json("explain", token)
        tap.true("no-address" not in str(told), f"told: {told}")


if __name__ == "__main__":
    sandbox.run(tap.main)
