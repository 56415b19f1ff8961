# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is measured: each function gives the values of one round with one manager, {unit: [values]}.

Joins go to the connection's own port; the client speaks first, as what a server sends right after
accept() may stay in the kernel for ever; and what counts joins counts until the last was answered.
"""

import contextlib
import pathlib
import signal
import subprocess
import sys
import time

from daemon import MPTCPCTL, stage_plugins
from hosts import Network, Storm, Timeout, Traffic
from latency import Latency, delays
from managers import Loop
from measure import Counters, Cpu

HERE = pathlib.Path(__file__).resolve().parent
PORTS = (5000, 5001, 5002, 5003)
REPLIES = 6000  # the port of the server whose replies keep the processors busy
KIB = 1024
IDLE = 1.5  # seconds after which mptcpd does not take a connection for one that carries data


@contextlib.contextmanager
def hosts(servers=1, delay=0):
    """Two hosts with two links, and servers."""
    network = Network(links=2, note=lambda text: print(text, file=sys.stderr))
    if delay:
        network.wire = lambda i, name: delay_wire(network, i, name, delay)
    with network as net:
        for host in (net.client, net.server):
            host.sysctl("net.ipv4.ip_local_port_range", "1024 65535")
            host.sysctl("net.ipv4.tcp_max_tw_buckets", 0)
        net.servers = [Storm(net.server, "server", "0.0.0.0", port) for port in PORTS[:servers]]
        net.counters = Counters(net.servers[0].child.pid)
        yield net


@contextlib.contextmanager
def stage(manager, servers=1, delay=0):
    """The same, and who manages the client's paths."""
    with hosts(servers, delay) as net:
        yield net, manager(net)


def delay_wire(net, i, name, seconds):
    child = net.client.start("/usr/bin/python3", HERE / "delay.py", seconds, "client", name,
                             "server", f"link{i}", stdout=subprocess.PIPE)
    if child.stdout.readline() != "held\n":
        raise AssertionError("no wire")


def until(predicate, seconds, what):
    """wait_until() with finer steps."""
    end = time.monotonic() + seconds
    while not predicate():
        if time.monotonic() > end:
            raise Timeout(f"not within {seconds} s: {what}")
        time.sleep(0.0005)


def client(net, port=PORTS[0], link=1):
    storm = Storm(net.client, "client", f"10.0.{link}.2", port)
    net.counters = Counters(storm.child.pid)
    return storm


def opened(storm, n):
    result = storm.say(f"open {n}")
    if result["connected"] != n:
        raise AssertionError(result)


def joined(net, n, seconds=60):
    """Until so many joins were answered; when that was."""
    until(lambda: net.counters.joins() >= n, seconds, f"{n} joins")
    return time.monotonic()


def ms_since(begin):
    return 1000 * (time.monotonic() - begin)


# ---- from the server's first word to the join's SYN ----


def keep_busy(net):
    """A client and a server for each of two processors: replies, one after the other."""
    Traffic(net.server, "server", "0.0.0.0", REPLIES)
    for _ in range(2):
        Traffic(net.client, "client", "10.0.1.2", REPLIES).order("download", f"{512 * KIB} 1000000")


def warm_up(net, storm, latency):
    """Until packets have their own time: for a moment the kernel gives them that of the reading."""
    joins, span = net.counters.joins(), 0
    while span < 0.004:  # seconds; four connections take more than twice as long
        storm.say("spread 4")
        joins += 4
        joined(net, joins)
        times = [packet.at for packet in latency.packets()]
        span = max(times) - min(times)


def delay(manager, samples, rtt=0, crowd=0, is_busy=False):
    """µs, by the timestamps of the client's packets."""
    with stage(manager, delay=rtt / 2) as (net, _one):
        storm = client(net)
        if crowd:
            opened(storm, crowd)
            joined(net, crowd)
        if is_busy:
            keep_busy(net)
        latency = Latency(net.client, PORTS[0], 64 << 20)
        warm_up(net, storm, latency)
        before = net.counters.joins()
        result = storm.say(f"spread {samples}")
        joined(net, before + samples)
        found = delays(latency.packets())
        if result["connected"] != samples or len(found) != samples:
            raise AssertionError(f"{result}, {len(found)} joins of {samples} seen")
        return {"µs": [1e6 * seconds for seconds in found]}


# ---- how many ----


def rate(manager, total, clients, short=False):
    """Connections a second, joins included, and µs of CPU for each, by who takes them.

    Or of those that end at once, which need no join.
    """
    with stage(manager, servers=clients) as (net, one):
        storms = [client(net, PORTS[i]) for i in range(clients)]
        cpu = Cpu(clients=[storm.child.pid for storm in storms],
                  servers=[storm.child.pid for storm in net.servers],
                  manager=[one.pid] if one.pid else [])
        begin = time.monotonic()
        for storm in storms:
            storm.order("short" if short else "open", total // clients)
        for storm in storms:
            storm.read()
        end = time.monotonic() if short else joined(net, total)
        spent = cpu.spent(total)
        return {"1/s": [total / (end - begin)],
                **{f"µs CPU, {who}": [us] for who, us in spent.items()}}


# ---- links ----


def flap(manager, total):
    """ms until all subflows of a link that went are gone, and until all are back with it.

    And until those of the few connections that carry data are.
    """
    carriers = min(10, total)
    found = {}
    with stage(manager, servers=2) as (net, one):
        opened(client(net, PORTS[0]), total - carriers)
        carrying = client(net, PORTS[1])
        opened(carrying, carriers)
        joined(net, total)

        def clock(what, n_subflows, act, is_done):
            time.sleep(IDLE)
            carrying.order("carry", n_subflows)
            carrying.read()  # they do
            begin = time.monotonic()
            act()
            until(is_done, 60, f"all are {what}")
            found[f"ms {what}"] = [ms_since(begin)]
            found[f"ms {what}, with data"] = [1000 * (carrying.read()["at-us"] / 1e6 - begin)]

        clock("lost", 1, one.down, lambda: net.counters.established() <= total)
        n = net.counters.joins() + total
        clock("back", 2, one.up, lambda: net.counters.joins() >= n)
        return found


# ---- what mptcpd alone does ----


def opened_with_mptcp(net, storms, total):
    """As many connections with MPTCP; how many there are: fewer, where the kernel has no more tokens.

    Its table has room for four in each place, and both ends of a connection are in it here: one
    that finds its place full is TCP, and another one is opened instead.
    """
    begin = was = net.counters.capable()
    opening = total
    while opening:
        share, rest = divmod(opening, len(storms))
        for i, storm in enumerate(storms):
            opened(storm, share + (i < rest))
        there = net.counters.capable()
        opening = begin + total - there if 2 * (there - was) > opening else 0
        was = there
    return was - begin


def memory(manager, total):
    """Bytes of its own a connection, state file included, and MiB resident when idle.

    The first connection is not counted: it takes some memory once for all. Each link has half of the
    connections and the joins of the others: the kernel looks for the port of a join in the odd half
    of all first, and is slow where those of an address are taken.
    """
    with stage(manager, servers=4) as (net, one):
        idle, _ = one.resident()
        opened(client(net), 1)
        joined(net, 1)
        _, empty = one.resident()
        storms = [client(net, port, link=1 + i % 2) for i, port in enumerate(PORTS)]
        n = opened_with_mptcp(net, storms, total)
        joined(net, 1 + n)
        _, full = one.resident()
        return {"bytes": [(full - empty) / n], "connections": [n],
                "MiB idle": [idle / (1 << 20)]}


def timed(net, *commands):
    """ms that these take one after the other, their output in a file."""
    with open(net.directory / "listing", "w", encoding="utf-8") as file:
        begin = time.monotonic()
        for command in commands:
            subprocess.run(net.client.argv(*command), stdout=file, check=True)
        return ms_since(begin)


def beside_ss(net, ms):
    """ms, and how much that is beside `ss -Mn` and `ss -tn`, which list the same."""
    by_ss = timed(net, ("ss", "-Mn"), ("ss", "-tn"))
    return {"ms": [ms], "ms of ss": [by_ss], "× ss": [ms / by_ss]}


def crowd(net, total):
    for port in PORTS[:2]:
        opened(client(net, port), total // 2)


def listing(manager, total):
    """How long `mptcpctl --json connection` takes."""
    with stage(manager, servers=2) as (net, one):
        crowd(net, total)
        joined(net, total)
        ours = timed(net, (MPTCPCTL, "--socket", one.daemon.runtime / "control", "--json",
                           "connection"))
        return beside_ss(net, ours)


def knows(one, total):
    return one.daemon.json("status")["status"]["connections"] >= total


def adoption(manager, total):
    """How long it takes from the start of mptcpd until it knows all that is there."""
    with hosts(servers=2) as net:
        loop = Loop(net)
        crowd(net, total)
        joined(net, total)
        loop.child.kill()
        loop.child.wait()
        stage_plugins(net.client.directory)
        begin = time.monotonic()
        one = manager(net)
        until(lambda: knows(one, total), 30, "all are known")
        return beside_ss(net, ms_since(begin))


def overflow(manager, total):
    """How long it takes until all is right after more events than its socket holds."""
    with stage(manager, servers=2) as (net, one):
        one.daemon.child.send_signal(signal.SIGSTOP)
        crowd(net, total)
        begin = time.monotonic()
        one.daemon.child.send_signal(signal.SIGCONT)
        took = 1000 * (joined(net, total) - begin)
        rows = [row.split() for row in
                net.client.run("cat", "/proc/net/netlink").stdout.splitlines()[1:]]
        if not any(int(row[8]) for row in rows):
            raise AssertionError("no event was lost")
        return beside_ss(net, took)
