# SPDX-License-Identifier: LGPL-2.1-or-later
"""The stage of what happens to very many connections: two hosts, mptcpd, servers and clients.

MPTCPD_LONG=1 takes the numbers of the acceptance criteria instead of those for every commit.
"""

import collections
import contextlib
import os
import pathlib
import select
import sys
import time

import tap
from daemon import FULLMESH, Daemon
from hosts import Network, Storm, wait_until

LONG = os.environ.get("MPTCPD_LONG") == "1"
PORTS = tuple(range(5000, 5008))  # one server each: none has more files than its limit
WATCHER = "[core]\npath-manager = unmanaged\n[policy:default]\nplugin = fullmesh\n"


class Stage:
    """Two links, mptcpd on the client, servers, and clients that open very many connections."""

    def __init__(self, links=2, clients=4, servers=2, mode="server", config=FULLMESH):
        self.net = Network(links=links, note=tap.note)
        self.n_clients, self.n_servers = clients, servers
        self.mode = mode  # of the servers, a word of storm.c
        self.config = config

    def __enter__(self):
        net = self.net.__enter__()
        try:
            for host in (net.client, net.server):
                host.sysctl("net.ipv4.ip_local_port_range", "1024 65535")
                host.sysctl("net.ipv4.tcp_max_tw_buckets", 0)  # a port is free again at once
            self.daemon = Daemon(net.client, self.config, verbose=False)
            net.on_failure.append(lambda: "mptcpd's log:\n" + self.daemon.text()[-4000:])
            self.servers = [Storm(net.server, self.mode, "0.0.0.0", port)
                            for port in PORTS[: self.n_servers]]
            self.clients = [Storm(net.client, "client", "10.0.1.2", PORTS[i % self.n_servers])
                            for i in range(self.n_clients)]
        except BaseException:
            self.net.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *exception):
        return self.net.__exit__(*exception)

    def order(self, verb, total):
        for client in self.clients:
            client.order(verb, total // len(self.clients))

    def done(self, total):
        """All clients did what was ordered, without a failure."""
        results = [client.read() for client in self.clients]
        tap.equal(sum(r["connected"] for r in results), total, f"connected: {results}")
        return results

    def is_answered(self, n=1):
        """Have so many clients said something that done() has not read?"""
        return len(select.select([c.child.stdout for c in self.clients], [], [], 0)[0]) >= n

    def open(self, total):
        self.order("open", total)
        self.done(total)

    def joins(self):
        return self.net.client.nstat()["MPJoinSynAckRx"]

    def status(self):
        return self.daemon.json("status")["status"]

    def wrong_paths(self, tokens):
        """The connections without exactly one established subflow on each link, says ss."""
        found = collections.defaultdict(list)
        for subflow in self.net.client.subflows():
            found[subflow["token"]].append(subflow["local"][0])
        wanted = [f"10.0.{i}.1" for i in self.net.links]
        return {t: sorted(found[t]) for t in tokens if sorted(found[t]) != wanted}

    def assert_paths(self, total):
        """Every live connection has its paths (a SYN may still be on its way), and no more."""
        tokens = {c["token"] for c in self.net.client.connections() if c["state"] == "ESTAB"}
        tap.equal(len(tokens), total, "live connections")
        wait_until(lambda: not self.wrong_paths(tokens), 0.5, f"paths of {total} connections",
                   lambda: list(self.wrong_paths(tokens).items())[:3])


@contextlib.contextmanager
def crowd(total):
    """Two hosts, mptcpd on the client, and so many connections with two subflows each: (net, daemon)"""
    with Network(links=2, note=tap.note) as net:
        for host in (net.client, net.server):
            host.sysctl("net.ipv4.ip_local_port_range", "1024 65535")
        Storm(net.server, "server", "0.0.0.0", 5000)
        daemon = Daemon(net.client, verbose=False)
        Storm(net.client, "client", "10.0.1.2", 5000).say(f"open {total}")
        wait_until(lambda: daemon.json("status")["status"]["subflows"] >= 2 * total, 60, "all joined")
        yield net, daemon


def seconds_until(predicate, limit, what, show=None):
    """How long it takes by the clock, which is at most `limit` however busy the machine is."""
    begin = time.monotonic()
    wait_until(predicate, limit, what, show, by_the_clock=True)
    return time.monotonic() - begin


def flows_of(host):
    """The established subflows of ss as a set of (local, remote)."""
    return {(s["local"], s["remote"]) for s in host.subflows()}


def usage(daemon):
    """(KiB resident, seconds of CPU) of the daemon."""
    process = pathlib.Path(f"/proc/{daemon.child.pid}")
    status = (process / "status").read_text(encoding="ascii")
    resident = int(status.partition("VmRSS:")[2].split()[0])
    return resident, int((process / "schedstat").read_text(encoding="ascii").split()[0]) / 1e9
