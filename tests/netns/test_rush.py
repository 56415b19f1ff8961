# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where connections come by the thousand, those that end at once are spared a join; the others have it."""

import os
import pathlib
import shutil
import signal
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from daemon import BUILD, MPTCPCTL, Monitor, stage_plugins
from hosts import Storm, wait_until
from latency import JOIN_P50_MS, Latency, delays, figures
from stage import PORTS, Stage

SHORT, STAY = 4000, 1000
RUSH = 5000  # a second: more than what mptcpd takes for a rush
JOIN_MS = 5
SAMPLES = 20
LATE = 4  # so many times of that on a machine with other things to do
LONG = 16000  # connections, which take more than a second
ASKED = 100
FAVOURED = -10
HANGING = """\
[core]
path-manager = userspace
[policy:default]
plugin = crash
in = start
how = hang
"""
KERNEL = "[core]\npath-manager = kernel\n[policy:default]\nplugin = fullmesh\n"


def rate_of_short(clients, total):
    """Connections a second, of those that end at once."""
    begin = time.monotonic()
    for client in clients:
        client.order("short", total // len(clients))
    for client in clients:
        tap.equal(client.read()["failed"], 0, "connections that failed")
    return total / (time.monotonic() - begin)


def may_hurry():
    """May a process here be favoured?"""
    usual = nice(0)
    try:
        os.setpriority(os.PRIO_PROCESS, 0, FAVOURED)
        os.setpriority(os.PRIO_PROCESS, 0, usual)
    except PermissionError:
        return False
    return True


def judge(found, when):
    """Else it has its share of the processors, and where there is more to do it takes longer."""
    tap.note(f"{when}: {figures(found)}")
    if may_hurry():
        tap.at_most(statistics.median(found), LATE * JOIN_MS * tap.SLOW, f"{when}: ms to a join, p50")


def spaced(stage, latency):
    """Milliseconds to the joins of connections that come one by one."""
    client = Storm(stage.net.client, "client", "10.0.1.2", PORTS[0])
    return latency.sample(lambda: client.say("open 1"), SAMPLES)


@tap.test("/rush/short-lived-connections-are-spared-a-join")
def short():
    with Stage() as stage:
        monitor = Monitor(stage.daemon)
        before = stage.joins()
        rate = rate_of_short(stage.clients, SHORT)
        spared = 1 - (stage.joins() - before) / SHORT
        tap.note(f"{rate:.0f} connections a second, {100 * spared:.0f} % without a join")
        if rate > RUSH:
            tap.true(spared > 0.6, "most are spared a join")
        for event in ("connection-created", "connection-closed"):
            monitor.wait({"event": event}, seconds=10, count=SHORT)
        wait_until(lambda: stage.status()["connections"] == 0, 10, "all are forgotten")


@tap.test("/rush/who-stays-is-joined-at-once")
def stay():
    with Stage() as stage:
        latency = Latency(stage.net.client, PORTS[0], 64 << 20)
        before = stage.joins()
        stage.order("open", STAY)
        stage.done(STAY)
        wait_until(lambda: stage.joins() - before >= STAY, 10, "all have a join")
        found = [1000 * seconds for seconds in delays(latency.packets())]
        tap.equal(len(found), STAY // stage.n_servers, "joins seen")
        judge(found, "in a rush")
        wait_until(lambda: stage.status()["subflows"] == 2 * STAY, 10, "all are known")
        tap.equal(stage.joins() - before, STAY, "joins")


@tap.test("/rush/is-over-when-it-is-over")
def over():
    with Stage() as stage:
        latency = Latency(stage.net.client, PORTS[0], 64 << 20)
        rate_of_short(stage.clients, SHORT)
        times = spaced(stage, latency)
        tap.note(figures(times))
        tap.at_most(statistics.median(times), JOIN_P50_MS, "ms to a join, p50")


@tap.test("/rush/who-stays-among-those-that-end-is-joined")
def among():
    with Stage() as stage:
        latency = Latency(stage.net.client, PORTS[1], 64 << 20)
        staying = Storm(stage.net.client, "client", "10.0.1.2", PORTS[1])
        short_lived = [client for i, client in enumerate(stage.clients) if i % stage.n_servers == 0]
        for client in short_lived:
            client.order("short", SHORT // len(short_lived))
        tap.equal(staying.say(f"spread {SAMPLES}")["connected"], SAMPLES, "connected")
        for client in short_lived:
            tap.equal(client.read()["failed"], 0, "connections that failed")
        seen = []

        def all_joined():
            seen.extend(latency.packets())
            return len(delays(seen)) == SAMPLES

        wait_until(all_joined, 10, "all that stay have a join")
        judge([1000 * seconds for seconds in delays(seen)], "among others")


@tap.test("/rush/who-asks-for-its-own-connection-finds-it")
def asks():
    with Stage() as stage:
        stage.order("short", 2 * LONG)
        unknown = int(stage.net.client.run(
            sys.executable, pathlib.Path(__file__).with_name("newcomer.py"),
            BUILD / "lib/libmptcpctl.so.0", stage.daemon.runtime / "control", "10.0.1.2", PORTS[0],
            ASKED).stdout)
        tap.note(f"the rush is over: {stage.is_answered(stage.n_clients)}")
        tap.equal(unknown, 0, f"connections of {ASKED} that mptcpd did not know when asked")
        stage.done(2 * LONG)


# ---- who is favoured ----


def nice(pid):
    return os.getpriority(os.PRIO_PROCESS, int(pid))


def started_by(pid):
    """The processes that it started, and those that they did."""
    path = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    try:
        found = path.read_text(encoding="ascii").split()
    except OSError:
        return []
    return found + [below for child in found for below in started_by(child)]


@tap.test("/rush/favoured/who-makes-the-paths-and-not-who-only-listens")
def listens():
    usual = nice(0)
    with Stage() as stage:
        said = stage.net.directory / "said"
        with open(said, "w", encoding="utf-8") as output:
            child = stage.net.client.start(MPTCPCTL, "--json", "monitor", stdout=output)
        wait_until(lambda: "synchronized" in said.read_text(), 5, "a private daemon listens")
        (private,) = started_by(child.pid)
        stage.open(40)
        wanted = FAVOURED if may_hurry() else usual
        wait_until(lambda: nice(stage.daemon.child.pid) == wanted, 2, "it is favoured, where it may be")
        tap.equal(nice(private), usual, "nice value of the private daemon")


@tap.test("/rush/favoured/not-where-the-kernel-makes-the-paths")
def kernel():
    usual = nice(0)
    with Stage(config=KERNEL) as stage:
        stage.open(40)
        wait_until(lambda: stage.status()["connections"] == 40, 5, "all are known")
        tap.equal(nice(stage.daemon.child.pid), usual, "nice value of mptcpd")
        if may_hurry():
            stage.daemon.config.write_text(KERNEL.replace("kernel", "userspace"))
            stage.daemon.ctl("reload")
            wait_until(lambda: nice(stage.daemon.child.pid) == FAVOURED, 5, "it makes them now")
            stage.daemon.config.write_text(KERNEL)
            stage.daemon.ctl("reload")
            wait_until(lambda: nice(stage.daemon.child.pid) == usual, 5, "and no longer")


@tap.test("/rush/favoured/what-somebody-gives-holds")
def reniced():
    with Stage() as stage:
        pid = stage.daemon.child.pid
        os.setpriority(os.PRIO_PROCESS, pid, 11)
        for _ in range(3):
            stage.open(40)
            stage.status()
            tap.equal(nice(pid), 11, "nice value")


@tap.test("/rush/favoured/not-what-it-starts")
def starts():
    usual = nice(0)
    with Stage() as stage:
        shutil.copy(BUILD / "tests/plugins/crash.so", stage_plugins(stage.net.client.directory))
        stage.open(40)
        stage.daemon.config.write_text(HANGING)
        stage.daemon.child.send_signal(signal.SIGHUP)
        tried = wait_until(lambda: len(found := started_by(stage.daemon.child.pid)) == 2 and found,
                           5, "a trial")
        tap.equal([nice(child) for child in tried], [usual] * 2, "nice values of a trial")


if __name__ == "__main__":
    sandbox.run(tap.main)
