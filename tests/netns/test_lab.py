# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the kernel does alone when a path dies and its carrier does not: proves the lab.

These are also the numbers that mptcpd is held against.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from hosts import wait_until
from lab import Lab, measure

OUTAGE = 4
LINK = 1.16e6  # bytes a second of payload that a link of 10 Mbit/s carries


def within(low, value, high, what):
    tap.note(f"{what}: {value:.4g}")
    tap.true(low <= value <= high, f"{what}: {value}, wanted {low} to {high}")


@tap.test("/lab/way/delay-rate-and-queue-are-as-set", waits=True)
def way():
    with Lab(links=1) as lab:
        connects = lab.connects(period_ms=100)
        rows = wait_until(lambda: connects.done()[4:], 5, "connections")
        within(0.05, min(row[1] for row in rows), 0.09, "seconds to connect")
        flow = lab.flow("up")
        lab.await_flowing(flow)
        begin, end = measure(2)
        within(0.8 * LINK, flow.goodput(begin, end), 1.01 * LINK, "bytes a second")
        lab.set(1, "up", rate=1000, queue=500_000)
        measure(1)  # until what was under way has arrived
        begin, end = measure(3)
        within(0.06 * LINK, lab.carried(1, "up").goodput(begin, end), 0.11 * LINK, "at a tenth")
        wait_until(lambda: any(row[1] > 0.5 for row in connects.done()), 20, "a queue",
                   connects.done)


@tap.test("/lab/way/loses-what-it-is-told-to", waits=True)
def loss():
    with Lab(links=1) as lab:
        flow = lab.flow("up")
        lab.set(1, "up", loss=20)
        lab.await_flowing(flow)
        sent = lab.client.counters()["link1"][1]
        begin, end = measure(3)
        sent = lab.client.counters()["link1"][1] - sent
        within(0.7, lab.carried(1, "up").bytes(begin, end) / sent, 0.85, "of what was sent arrives")


@tap.test("/lab/way/gateways-answer-while-all-behind-them-is-dead", waits=True)
def gateways():
    with Lab(links=1) as lab:
        lab.cut(1)
        lab.client.ip("neigh flush dev link1")
        probe = "import socket; socket.create_connection(('10.0.1.2', 9), 2)"
        text = lab.client.run("/usr/bin/python3", "-c", probe, check=False).stderr
        tap.true("Connection refused" in text, text)


def outage(kind, direction, thin=None, family=4, flags="subflow", links=2):
    """(gap, goodput while dead, seconds until the link carries data again)"""
    with Lab(links=links) as lab:
        lab.endpoints(flags)
        flow = lab.flow(kind, thin=thin, family=family)
        lab.await_subflows(links)
        lab.await_flowing(flow, *(lab.carried(i, kind) for i in lab.links
                                  if not thin and (i == 1 or flags == "subflow")))
        measure(1)
        cut = lab.cut(1, direction)
        _begin, end = measure(OUTAGE)
        back = lab.restore(1, direction)
        stale = {host.name: host.nstat()["SubflowStale"] for host in (lab.client, lab.server)}
        again = lab.await_again(lab.carried(1, kind), back, 4 * OUTAGE)
        tap.note(f"{kind} {direction}: gap {flow.gap(cut, end):.2f} s, {again:.2f} s after the return, "
                 f"stale {stale}")
        return flow.gap(cut, end), flow.goodput(cut, end), again, stale


def each_bulk(kind, direction, family):
    @tap.test(f"/lab/dead/bulk-{kind}-dead-{direction}-ipv{family}", waits=True)
    def bulk():
        gap, goodput, again, stale = outage(kind, direction, family=family)
        within(0.3, gap, 2.5, "seconds without data")
        within(0.4 * LINK, goodput, 1.5 * LINK, "bytes a second")
        # The timer of the sender may fire at any time after the return, at once as well.
        within(0, again, 2 * OUTAGE, "seconds after the return")
        sender = "client" if kind == "up" else "server"
        tap.equal({name for name, count in stale.items() if count}, {sender}, "who sees it is stale")


for _case in (("up", "both", 4), ("up", "up", 4), ("up", "down", 4), ("down", "both", 4),
              ("down", "down", 4), ("down", "up", 4), ("up", "both", 6), ("down", "both", 6)):
    each_bulk(*_case)


@tap.test("/lab/dead/thin-flows-hardly-notice", waits=True)
def thin():
    for kind in ("up", "down"):
        gap, goodput, _again, _stale = outage(kind, "both", thin=True)
        within(0.05, gap, 1, "seconds without data")
        within(1500, goodput, 2100, "bytes a second")


@tap.test("/lab/dead/a-backup-takes-over", waits=True)
def backup():
    gap, goodput, _again, stale = outage("up", "both", flags="subflow backup")
    within(0.2, gap, 2, "seconds without data")
    within(0.5 * LINK, goodput, 1.1 * LINK, "bytes a second")
    tap.equal(stale["client"], 1, "stale")


@tap.test("/lab/dead/two-links-of-three-go-on", waits=True)
def three():
    gap, goodput, _again, _stale = outage("up", "both", links=3)
    within(0.2, gap, 2.5, "seconds without data")
    within(1.0 * LINK, goodput, 2.5 * LINK, "bytes a second")


@tap.test("/lab/dead/a-lone-subflow-stands-still", waits=True)
def lone():
    with Lab() as lab:
        flow = lab.flow("up")
        lab.await_flowing(flow)
        cut = lab.cut(1)
        _begin, end = measure(5)
        within(4.5, flow.gap(cut, end), 5.1, "seconds without data")
        lab.restore(1)
        wait_until(lambda: flow.next(end), 10, "it goes on when the path returns")


@tap.test("/lab/dead/new-connections-hang-and-become-plain-tcp", waits=True)
def connect():
    with Lab() as lab:
        lab.endpoints()
        connects = lab.connects()
        wait_until(lambda: connects.done(), 5, "connections")
        cut = lab.cut(1)
        measure(4.5)
        back = lab.restore(1)
        good = wait_until(lambda: connects.good(cut), 5, "they connect again")
        within(0, good - back, 1.5, "seconds after the return")
        early = wait_until(lambda: [row for row in connects.done(cut) if row[0] < cut + 0.5], 10,
                           "those that began in the outage")
        tap.note(f"begun in the outage: {early}")
        tap.true(all(row[1] > 4 for row in early), f"how long they took: {early}")
        tap.equal({row[3] for row in early}, {False}, "MPTCP")
        # Several of these make the kernel use plain TCP for an hour, for every peer.
        tap.note(f"Blackhole: {lab.client.nstat()['Blackhole']}")


if __name__ == "__main__":
    sandbox.run(tap.main)
