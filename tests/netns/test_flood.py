# SPDX-License-Identifier: LGPL-2.1-or-later
"""An ordinary user who asks for too much takes nobody's time but his own.

MPTCPD_LONG=1 takes more connections.
"""

import json
import os
import pathlib
import select
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from daemon import Monitor
from hosts import wait_until
from latency import Latency, figures, judge_joins, late
from stage import LONG, Stage, usage

READERS = pathlib.Path(__file__).resolve().parents[1] / "readers.py"
TOTAL = 2000 if LONG else 300
SAMPLES = 100
STATUS_MS = 100
GROWTH_KIB = 32 * 1024


class Flood:
    """Somebody without rights floods the daemon inside the `with`."""

    def __init__(self, daemon, what, connections=16, token="0"):
        self.argv = [sys.executable, READERS, daemon.runtime / "control", what, connections, token]
        self.answers = 0

    def __enter__(self):
        self.child = subprocess.Popen(list(map(str, self.argv)), bufsize=0,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        tap.equal(self.child.stdout.readline(), b"{}\n", f"{self.argv[3]}: is it served?")
        return self

    def read(self):
        """How many answers it got so far."""
        while select.select([self.child.stdout], [], [], 0)[0]:
            line = self.child.stdout.readline()
            tap.true(line, "the flood ended")
            self.answers = json.loads(line)["answers"]
        return self.answers

    def __exit__(self, *exception):
        self.child.stdin.close()
        self.child.wait()


def join_times(stage, latency):
    """Milliseconds to the MP_JOIN of each of some new connections, spread over some time."""
    client = stage.clients[0]

    def connect():
        client.order("open", 1)
        tap.equal(client.read()["connected"], 1, "connected")

    return latency.sample(connect, SAMPLES)


def status_times(stage):
    times = []
    for _ in range(10):
        begin = time.monotonic()
        stage.status()
        times.append(1000 * (time.monotonic() - begin))
    return times


def others_times(stage):
    """How long another user without rights waits for an answer."""
    done = subprocess.run([sys.executable, READERS, stage.daemon.runtime / "control", "ask"],
                          env={**os.environ, "READER_UID": "65533"}, text=True, check=True,
                          stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def judge(stage, latency, what, late_without=None):
    """How joins, root and others fare while a flood goes on; how many joins were late."""
    joins, statuses, others = join_times(stage, latency), status_times(stage), others_times(stage)
    tap.note(f"{what}: joins {figures(joins)}; root's status {figures(statuses)}; "
             f"another user {figures(others)}")
    judge_joins(joins, what, late_without)
    tap.at_most(statistics.median(statuses), STATUS_MS, f"{what}: ms to root's status")
    tap.at_most(statistics.median(others), STATUS_MS, f"{what}: ms to another user's answer")
    return late(joins)


def judge_growth(stage, resident):
    growth = usage(stage.daemon)[0] - resident
    tap.note(f"{growth} KiB more resident")
    tap.at_most(growth, GROWTH_KIB, "KiB more resident")


# ---- readers ----

WHATS = ["ListConnections", "ListConnectionsPacked", "GetConnection", "Explain", "ListInterfaces", "ListEndpoints",
         "ListPolicies", "GetStatus", "GetConfig", "Introspect", "GetAll", "Ping"]
FIGURES = ["ListExplanations", "ExamineLinks", "ListListeners", "GetTop", "GetMetrics", "TestPolicy",
           "CountConnections"]


def flood_with(whats):
    with Stage(links=3, clients=1, servers=1) as stage:
        stage.open(TOTAL)
        stage.assert_paths(TOTAL)
        latency = Latency(stage.net.client)
        late_without = judge(stage, latency, "nobody floods")
        token = stage.daemon.connections()[0]["token"]
        resident, _ = usage(stage.daemon)
        for what in whats:
            with Flood(stage.daemon, what, token=token) as flood:
                before = flood.read()
                judge(stage, latency, what, late_without)
                wait_until(lambda f=flood, n=before: f.read() > n, 5, f"{what}: an answer for it")
                tap.note(f"{what}: {flood.read()} answers")
        judge_growth(stage, resident)


@tap.test("/flood/readers/joins-and-root-are-served-as-if-they-were-not-there", 280)
def readers():
    flood_with(WHATS)


@tap.test("/flood/readers/and-so-they-are-of-explanations-and-figures", 200)
def figures_readers():
    flood_with(FIGURES)


# ---- monitors ----


def add_addresses(host, link, n):
    host.ip(*[f"address add 10.{77 + i // 65536}.{i // 256 % 256}.{i % 256}/32 dev {link}"
              for i in range(n)])


@tap.test("/flood/monitors/that-never-read-cost-little-and-others-are-told-all", 120)
def monitors():
    """Each event has the address it is about, and not all that its interface has."""
    addresses = 2000
    with Stage(links=2, clients=1, servers=1) as stage:
        stage.open(10)
        monitor = Monitor(stage.daemon)
        with Flood(stage.daemon, "mute"):
            resident, _ = usage(stage.daemon)
            add_addresses(stage.net.client, "link1", addresses)
            added = monitor.wait({"event": "interface-address-added"}, 20, addresses)
            judge_growth(stage, resident)
            for event in added:
                tap.equal([a["address"] for a in event["interface"]["addresses"]],
                          [event["local"]["address"]], "addresses of an event about one")
            lines = [len(json.dumps(event)) for event in added]
            tap.at_most(max(lines), 2 * min(lines), "the longest event, and the shortest one")
            stage.net.client.ip("address flush to 10.77.0.0/16")
            gone = monitor.wait({"event": "interface-address-removed"}, 20, addresses)
            tap.equal({a["usable"] for e in gone for a in e["interface"]["addresses"]}, {False},
                      "usable, of what was removed")
            tap.equal([e for e in monitor.events if e["event"] == "lost"], [], "lost")
        tap.true(stage.status()["connections"], "it serves on")


if __name__ == "__main__":
    sandbox.run(tap.main)
