# SPDX-License-Identifier: LGPL-2.1-or-later
"""mptcpd looks for connections that ended without an event: it finds them, and it costs little.

MPTCPD_LONG=1 takes the numbers of the acceptance criteria instead of those for every commit.
"""

import pathlib
import resource
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from daemon import FULLMESH, Daemon
from hosts import Storm, wait_until
from stage import LONG, WATCHER, Stage, seconds_until, usage

INTERVAL = 28  # seconds from one look to the next, in core/engine/settle.c
# A sweep in times of what ss takes to list the same: usual are 0.4 to 0.8, and 1.0 to 1.2 for very
# many. Of few, a large part of that is the start of ss.
RATIO = 2 if LONG else 1.5


# ---- silent ends ----


@tap.test("/sweep/silent/fastclosed-and-never-accepted-vanish-within-thirty-seconds", 60, waits=True)
def silent():
    with Stage(clients=1, servers=1) as stage:
        net = stage.net
        other = Daemon(net.server, WATCHER, verbose=False)
        stage.open(50)
        deaf = Storm(net.server, "deaf", "0.0.0.0", 7000)
        unheard = Storm(net.client, "client", "10.0.1.2", 7000)
        unheard.order("knock", 10)
        tap.equal(unheard.read()["connected"], 10, "connections nobody accepts")
        for daemon in (stage.daemon, other):
            wait_until(lambda d=daemon: len(d.connections()) == 60, 2, "60 connections",
                       lambda d=daemon: len(d.connections()))
        deaf.close()
        stage.servers[0].end_all("abort")
        tap.true(net.client.nstat()["MPFastcloseRx"] >= 50, "MP_FASTCLOSE came")
        wait_until(lambda: not net.client.connections(), 2, "no MPTCP socket at the client",
                   net.client.connections)  # the kernel's worker ends them

        def left():
            return len(stage.daemon.connections()) + len(other.connections())

        # That no event tells of such an end, /contract/end/in-silence shows.
        seconds = seconds_until(lambda: left() == 0, 30.5, "no dead token is left", left)
        tap.note(f"dead tokens gone after {seconds:.1f} s")


# ---- cost ----


def wait_still(daemon):
    """Wait until it has nothing left to do; its seconds of CPU so far."""
    last, since = usage(daemon)[1], time.monotonic()

    def is_still():
        nonlocal last, since
        now = usage(daemon)[1]
        if now != last:
            last, since = now, time.monotonic()
        return time.monotonic() > since + 1  # what it asks again is not put off for longer

    wait_until(is_still, 20, "mptcpd rests")
    return last


def sweep(daemon, least):
    """Wait for the end of the next sweep, of at least so many seconds of CPU; how many it took."""
    before = wait_still(daemon)
    wait_until(lambda: usage(daemon)[1] > before + least, INTERVAL + 5, "a sweep",
               lambda: usage(daemon)[1] - before)
    return wait_still(daemon) - before


def list_by_ss(host):
    """(how many connections ss lists, seconds of CPU it takes for that)"""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    listed = host.run("ss", "-HMn").stdout.count("\n")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return listed, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@tap.test("/sweep/cost/about-that-of-ss-and-below-one-percent-of-a-core", 300, waits=True)
def cost():
    """The kernel has too few tokens for both ends of so many: one end is plain TCP.

    No event tells of a connection that fell back at once: mptcpd starts again and finds them, and the
    first sweep is the usual case, with nothing new.
    """
    total, ends = (100_000, 8) if LONG else (5_000, 1)
    with Stage(links=1, clients=ends, servers=ends, mode="plain") as stage:
        stage.open(total)
        listed, _ = list_by_ss(stage.net.client)
        # Without a token are those that met a full bucket of the kernel's table.
        tap.true(listed > 0.98 * total, f"{listed} connections with a token")
        stage.daemon.end()
        # Looks at the health of links would hide where a sweep ends.
        stage.daemon = Daemon(stage.net.client, FULLMESH + "[interface:link*]\nhealth = off\n",
                              runtime=stage.daemon.runtime, verbose=False)
        wait_until(lambda: stage.status()["connections"] == listed, 5, f"mptcpd knows {listed}",
                   stage.status)
        seconds = sweep(stage.daemon, listed * 0.2e-6)
        tap.equal(stage.status()["connections"], listed, "connections in the model")
        by_ss = statistics.median(list_by_ss(stage.net.client)[1] for _ in range(5))
        ratio, percent = seconds / by_ss, 100 * seconds / INTERVAL
        tap.note(f"{listed} connections: {seconds * 1e6 / listed:.2f} us of CPU each, "
                 f"{percent * 100_000 / listed:.2f} % of a core for 100,000, "
                 f"{ratio:.2f} times what ss takes ({by_ss * 1e6 / listed:.2f} us each)")
        tap.at_most(ratio, RATIO, "a sweep, in times of ss")
        if LONG:
            tap.at_most(percent, 1, "percent of a core")


if __name__ == "__main__":
    sandbox.run(tap.main)
