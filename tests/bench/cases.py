# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is measured. Each case gives the values of one round with one manager, in one unit."""

import contextlib
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[1:1] = [str(HERE.parent), str(HERE.parent / "netns")]

from daemon import MPTCPCTL
from hosts import Network, Storm, Traffic, wait_until
from latency import Latency
from managers import SECOND, Kernel, Loop, Mptcpd

PORTS = (5000, 5001, 5002, 5003)


@contextlib.contextmanager
def stage(manager, servers=1, delay=0):
    """Two hosts with two links, servers, and somebody who manages the client's paths."""
    network = Network(links=2, note=lambda text: print(text, file=sys.stderr))
    if delay:
        network.wire = lambda i, name: delay_wire(network, i, name, delay)
    with network as net:
        for host in (net.client, net.server):
            host.sysctl("net.ipv4.ip_local_port_range", "1024 65535")
            host.sysctl("net.ipv4.tcp_max_tw_buckets", 0)
        for port in PORTS[:servers]:
            Storm(net.server, "server", "0.0.0.0", port)
        yield net, manager(net)


def delay_wire(net, i, name, seconds):
    child = net.client.start("/usr/bin/python3", HERE / "delay.py", seconds, "client", name,
                             "server", f"link{i}", stdout=subprocess.PIPE)
    if child.stdout.readline() != "held\n":
        raise AssertionError("no wire")


def client(net, port=PORTS[0]):
    return Storm(net.client, "client", "10.0.1.2", port)


def opened(storm, n):
    storm.order("open", n)
    result = storm.read()
    if result["connected"] != n:
        raise AssertionError(result)


def joined(net, n, seconds=60):
    """Until so many joins were answered; when that was."""
    wait_until(lambda: net.client.nstat().get("MPJoinSynAckRx", 0) >= n, seconds, f"{n} joins",
               lambda: net.client.nstat().get("MPJoinSynAckRx"))
    return time.monotonic()


# ---- from the server's first data to the join's SYN ----


def readers(net, manager, n):
    if not isinstance(manager, Mptcpd):
        return
    for _ in range(n):
        net.client.start(MPTCPCTL, "--socket", manager.daemon.runtime / "control", "monitor",
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def delay(manager, samples, rtt=0, crowd=0, bulk=False, n_readers=0):
    with stage(manager, delay=rtt / 2) as (net, one):
        storm = client(net)
        if crowd:
            opened(storm, crowd)
            joined(net, crowd)
        readers(net, one, n_readers)
        if bulk:
            Traffic(net.server, "server", "0.0.0.0", 6000)
            for _ in range(2):  # one a core, and more than there is time for
                Traffic(net.client, "client", "10.0.1.2", 6000).order("download", 8 << 30)
        latency = Latency(net.client, PORTS[0])
        return [1000 * ms for ms in latency.sample(lambda: opened(storm, 1), samples)]


# ---- how many ----


def busy():
    """Seconds of CPU that the machine has spent on anything."""
    words = pathlib.Path("/proc/stat").read_text("ascii").split()[1:9]
    return (sum(map(int, words)) - int(words[3]) - int(words[4])) / 100


def rate(manager, total, clients):
    """(connections a second, joins included; µs of CPU each, of all there is)"""
    with stage(manager, servers=clients) as (net, _one):
        storms = [client(net, PORTS[i]) for i in range(clients)]
        begin, before = time.monotonic(), busy()
        for storm in storms:
            storm.order("open", total // clients)
        for storm in storms:
            storm.read()
        end = joined(net, total)
        return total / (end - begin), (busy() - before) * 1e6 / total


# ---- links ----


def subflows(net):
    listed = net.client.run("ss", "-tnHO", "state", "established", "src", SECOND).stdout
    return len(listed.splitlines())


def flap(manager, total):
    """(ms until all subflows of the second link are gone, ms until all are back)"""
    with stage(manager, servers=2) as (net, one):
        storms = [client(net, port) for port in PORTS[:2]]
        for storm in storms:
            opened(storm, (total + 1) // 2)
        n = (total + 1) // 2 * 2
        joined(net, n)
        begin = time.monotonic()
        one.down()
        wait_until(lambda: subflows(net) == 0, 60, "all are gone", lambda: subflows(net))
        gone = time.monotonic() - begin
        joins = net.client.nstat().get("MPJoinSynAckRx", 0)
        begin = time.monotonic()
        one.up()
        back = joined(net, joins + n) - begin
        return 1000 * gone, 1000 * back


# ---- what mptcpd alone does ----


def memory(manager, total):
    """Bytes a connection: (resident and not shared with others, state file included)"""
    with stage(manager, servers=4) as (net, one):
        empty = one.resident()
        for port in PORTS:
            opened(client(net, port), total // 4)
        joined(net, total)
        full = one.resident()
        return (full[1] - empty[1]) / total, empty[0] / (1 << 20)


def listing(manager, total):
    """(ms of `mptcpctl --json connection`, ms of `ss -Mn` and `ss -tn`)"""
    with stage(manager, servers=2) as (net, one):
        for port in PORTS[:2]:
            opened(client(net, port), total // 2)
        joined(net, total)

        def clock(*commands):
            begin = time.monotonic()
            for command in commands:
                net.client.run(*command)
            return 1000 * (time.monotonic() - begin)

        ours = clock((MPTCPCTL, "--socket", one.daemon.runtime / "control", "--json",
                      "connection"))
        return ours, clock(("ss", "-Mn"), ("ss", "-tn"))


def adoption(manager, total):
    """(ms from the start of mptcpd until it knows all, ms of ss that lists them)"""
    with stage(Loop, servers=2) as (net, loop):
        for port in PORTS[:2]:
            opened(client(net, port), total // 2)
        joined(net, total)
        loop.child.kill()
        loop.child.wait()
        begin = time.monotonic()
        one = manager(net)
        wait_until(lambda: one.daemon.json("status")["status"]["connections"] >= total, 30,
                   "all are known")
        took = 1000 * (time.monotonic() - begin)
        begin = time.monotonic()
        net.client.run("ss", "-Mn")
        net.client.run("ss", "-tn")
        return took, 1000 * (time.monotonic() - begin)


__all__ = ["Kernel", "Loop", "Mptcpd", "adoption", "delay", "flap", "listing", "memory", "rate"]
