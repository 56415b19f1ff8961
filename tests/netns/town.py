# SPDX-License-Identifier: LGPL-2.1-or-later
"""A host with several uplinks, the world behind all of them, and who sent what by which link.

    client link1, link2, … -- the world, which is far: 203.0.113.2 and 2001:db8:99::2

10.0.N.1 and 2001:db8:N::1 are the client's addresses, ::2 and .2 its gateways. Sockets are this
program's own, of MPTCP, and live in one of the namespaces.
"""

import collections
import contextlib
import re
import socket

import tap
from capture import ETH_P_ALL, SO_RCVBUFFORCE, in_namespace
from daemon import Daemon
from hosts import Network, wait_until

IPPROTO_MPTCP = 262
FAR = {4: "203.0.113.2", 6: "2001:db8:99::2"}
PORT = 7000
FIRST = 8684000  # and the interface's index: its table
PROTOCOL = "184"
YES = "[core]\npath-manager = {manager}\nsource-routing = {mode}\n"


def config(mode="yes", manager="userspace", more=""):
    return YES.format(mode=mode, manager=manager) + more


def near(i, family=4):
    return f"10.0.{i}.1" if family == 4 else f"2001:db8:{i}::1"


def gateway(i, family=4):
    return f"10.0.{i}.2" if family == 4 else f"2001:db8:{i}::2"


def version(address):
    return 6 if ":" in address else 4


def _family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def open_socket(host, address, port=0, seconds=5):
    """An MPTCP socket of that host, bound to the address."""
    def make():
        sock = socket.socket(_family(address), socket.SOCK_STREAM, IPPROTO_MPTCP)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.settimeout(seconds * tap.SLOW)
        sock.bind((address, port))
        return sock

    return in_namespace(host.name, make)


class Watch:
    """The packets of others that come to a host: by which link, and from whom."""

    def __init__(self, host):
        def make():
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
            sock.setblocking(False)
            return sock

        self.socket = in_namespace(host.name, make)
        self.count = collections.Counter()  # of TCP
        self.datagrams = collections.Counter()  # of UDP

    def clear(self):
        self.read()
        self.count.clear()
        self.datagrams.clear()

    def read(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                packet, (link, _, kind, *_) = self.socket.recvfrom(128)
                if kind == socket.PACKET_OUTGOING or packet[0] >> 4 not in (4, 6):
                    continue
                source = (socket.inet_ntop(socket.AF_INET, packet[12:16]) if packet[0] >> 4 == 4
                          else socket.inet_ntop(socket.AF_INET6, packet[8:24]))
                protocol = packet[9 if packet[0] >> 4 == 4 else 6]
                if protocol == socket.IPPROTO_TCP:
                    self.count[source, link] += 1
                elif protocol == socket.IPPROTO_UDP:
                    self.datagrams[source, link] += 1
        return self.count

    def wrong(self, source, link):
        """(those with this source that came by another link, all with this source)"""
        found = {way: n for (who, way), n in self.read().items() if who == source}
        return sum(n for way, n in found.items() if way != link), sum(found.values())


class Town(Network):
    """`mode` None: mptcpd does not run."""

    def __init__(self, links=2, text=None, strict=False):
        super().__init__(links=links, note=tap.note)
        self.text, self.strict = text, strict
        self.daemon = None

    def __enter__(self):
        super().__enter__()
        try:
            self.server.ip(*(f"address add {FAR[f]}/{s} dev lo" for f, s in ((4, 32), (6, 128))))
            if self.strict:
                self.client.sysctl("net.ipv4.conf.all.rp_filter", 1)
            self.watch = Watch(self.server)
            if self.text:
                self.start(self.text)
        except BaseException:
            self.undo.close()
            raise
        return self

    def start(self, text):
        self.daemon = Daemon(self.client, text)
        self.on_failure.append(lambda: "mptcpd's log:\n" + self.daemon.text()[-6000:])
        self.on_failure.append(lambda: "\n".join(self.ours()))
        return self.daemon

    def index(self, i):
        return int(self.client.run("cat", f"/sys/class/net/link{i}/ifindex").stdout)

    def ours(self, family=None):
        """Our rules and routes, as text, sorted."""
        found = []
        for f in (4, 6) if family is None else (family,):
            rules = self.client.run("ip", f"-{f}", "-N", "rule", "show").stdout.splitlines()
            found += [f"rule {line.strip()}" for line in rules if f"proto {PROTOCOL}" in line]
            routes = self.client.run("ip", f"-{f}", "-N", "route", "show", "table", "all", "proto",
                                     PROTOCOL).stdout.splitlines()
            found += [f"route{f} {' '.join(line.split())}" for line in routes]
        return sorted(found)

    def has_rules(self, address):
        return sum(f"from {address} lookup" in line for line in self.ours()) == 2

    def await_rules(self, *addresses, seconds=2):
        for address in addresses:
            wait_until(lambda a=address: self.has_rules(a), seconds, f"rules of {address}",
                       self.ours)


def retransmits(town, address):
    """How often it was tried in vain, of the socket with this address."""
    text = town.client.run("ss", "-tinoHO", "src",
                           f"[{address}]" if ":" in address else address).stdout
    return max((int(n) for n in re.findall(r"timer:\(\w+,[^,]*,(\d+)\)", text)), default=0)


class Talk:
    """A connection: `client` and `server` are its two sockets, wherever they are."""

    def __init__(self, listener, client, target):
        self.listener, self.client = listener, client
        client.connect(target)
        self.server, _ = listener.accept()
        self.server.settimeout(client.gettimeout())

    def ping(self, n=1):
        """A word there, and one back; and what was sent is acknowledged."""
        for _ in range(n):
            self.client.sendall(b"x" * 100)
            self._take(self.server, 100)
            self.server.sendall(b"y" * 100)
            self._take(self.client, 100)

    @staticmethod
    def _take(sock, size):
        while size:
            part = sock.recv(size)
            tap.true(part, "the connection goes on")
            size -= len(part)

    def close(self):
        for sock in (self.client, self.server, self.listener):
            sock.close()


def meet(server, client, address, source="", port=PORT, seconds=5, mark=0):
    """The one host calls an address of the other."""
    any_address = "0.0.0.0" if version(address) == 4 else "::"
    listener = open_socket(server, any_address, port)
    listener.listen()
    caller = open_socket(client, source or any_address, seconds=seconds)
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
    return Talk(listener, caller, (address, port))


def call(town, source="", family=4):
    """The client calls the world, from an address of its own."""
    return meet(town.server, town.client, FAR[family], source)


def called(town, address, seconds=5):
    """The world calls an address of the client."""
    return meet(town.client, town.server, address, FAR[version(address)], seconds=seconds)
