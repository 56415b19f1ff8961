# SPDX-License-Identifier: LGPL-2.1-or-later
"""mptcpd knows what is true: after lost events, restarts and changes under it.

MPTCPD_LONG=1 takes the numbers of the acceptance criteria instead of those for every commit.
"""

import collections
import os
import pathlib
import random
import signal
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from daemon import MPTCPCTL, Daemon
from hosts import Traffic, wait_until
from stage import LONG, WATCHER, Stage, flows_of, seconds_until, usage


# ---- lost events ----


@tap.test("/truth/storm/stopped-for-a-second-then-all-paths-within-a-second", 300)
def stopped():
    total, short = (20_000, 20_000) if LONG else (5_000, 8_000)
    with Stage() as stage:
        stage.open(total // 2)
        before = stage.status()
        stage.daemon.child.send_signal(signal.SIGSTOP)
        stop = time.monotonic()
        stage.order("open", total // 2)
        stage.order("short", short)
        stage.done(total // 2)
        stage.done(short)
        wait_until(lambda: time.monotonic() > stop + 1, 2, "a second")
        stage.daemon.child.send_signal(signal.SIGCONT)
        seconds = seconds_until(lambda: stage.joins() >= total, 1, f"{total} joins", stage.joins)
        tap.note(f"all {total} connections have their join {seconds:.3f} s after the stop "
                 f"of {time.monotonic() - stop - seconds:.1f} s")
        stage.assert_paths(total)
        seconds = seconds_until(lambda: stage.status()["subflows"] == 2 * total, 5,
                                "the model has all subflows", stage.status)
        tap.note(f"and the model {seconds:.3f} s later")
        wait_until(lambda: stage.status()["resyncs"] > before["resyncs"], 5, "what was lost is made up for",
                   stage.status)
        after = stage.status()
        tap.note({key: after[key] - before[key]
                  for key in ("events", "events-lost", "resyncs", "commands", "command-errors")})
        tap.true(after["events-lost"] > before["events-lost"], "no event was lost: no storm")
        tap.equal(after["connections"], total, "connections in the model")
        stage.open(len(stage.clients))
        wait_until(lambda: stage.joins() >= total + len(stage.clients), 1, "joins of new ones")


@tap.test("/truth/storm/killed-and-started-in-the-middle", 300)
def killed_in_a_storm():
    total = 20_000 if LONG else 3_000
    with Stage() as stage:
        stage.order("open", total)
        wait_until(lambda: stage.net.client.nstat()["MPCapableSYNTX"] > total // 2, 20, "half")
        stage.daemon.end(signal.SIGKILL)
        stage.daemon = Daemon(stage.net.client, runtime=stage.daemon.runtime, verbose=False)
        stage.done(total)
        seconds = seconds_until(lambda: stage.status()["subflows"] == 2 * total, 1,
                                "all planned subflows", lambda: stage.status())
        tap.note(f"{total} connections whole {seconds:.3f} s after the last one")
        stage.assert_paths(total)


@tap.test("/truth/storm/control-socket-answers-meanwhile", 120)
def control():
    total, short = (20_000, 40_000) if LONG else (2_000, 6_000)
    with Stage(clients=2) as stage:
        argv = [MPTCPCTL, "--socket", stage.daemon.runtime / "control", "status"]
        times = []
        for verb, count in (("short", short), ("open", total)):
            stage.order(verb, count)
            while not stage.is_answered():
                begin = time.monotonic()
                subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
                times.append((time.monotonic() - begin) * 1000)
            stage.done(count)
        tap.note(f"{len(times)} answers: median {statistics.median(times):.1f} ms, "
                 f"max {max(times):.1f} ms")
        tap.true(len(times) >= 10, "asked often enough")
        tap.at_most(statistics.median(times), 50, "median in ms")
        tap.at_most(max(times), 250, "max in ms")


# ---- restart ----


def subflows_known(daemon):
    return daemon.json("status")["status"]["subflows"]


def assert_same(got, wanted, what):
    wrong = [(got.get(token), wanted.get(token)) for token in got.keys() | wanted.keys()
             if got.get(token) != wanted.get(token)]
    tap.true(not wrong, f"{what}: {len(wrong)} of {len(wanted)} differ, as {wrong[:1]}")


def known(daemon):
    """What the model says of each connection, without what is measured."""
    result = {}
    for c in daemon.connections():
        subflows = sorted(
            (s["local"]["address"], s["local"]["port"], s["remote"]["address"],
             s["local-id"], s["remote-id"], s["interface"], s["initial"], s["backup"], s["origin"])
            for s in c["subflows"] if s["state"] == "established")
        result[c["token"]] = (c["side"], c["policy"], c["path-manager"], c["state"], subflows)
    return result


@tap.test("/truth/restart/killed-daemon-adopts-every-connection", 300)
def adopt():
    total = 10_000 if LONG else 1_000
    with Stage() as stage:
        client, server = stage.net.client, stage.net.server
        daemons = {client: stage.daemon, server: Daemon(server, WATCHER, verbose=False)}
        stage.open(total)
        for daemon in daemons.values():
            wait_until(lambda d=daemon: subflows_known(d) == 2 * total, 5, "planned subflows")
        before = {host: known(daemon) for host, daemon in daemons.items()}
        tap.equal({side for side, *_ in before[client].values()}, {"client"}, "side")
        tap.equal({side for side, *_ in before[server].values()}, {"server"}, "the server's side")
        flows, joins = flows_of(client), stage.joins()
        for daemon in daemons.values():
            daemon.end(signal.SIGKILL)
        begin = time.monotonic()
        stage.daemon = Daemon(client, runtime=stage.daemon.runtime, verbose=False)
        ready = time.monotonic() - begin
        wait_until(lambda: subflows_known(stage.daemon) == 2 * total, 5, "adopted", stage.status)
        tap.note(f"{total} adopted: ready after {ready:.3f} s, answered and known after "
                 f"{time.monotonic() - begin:.3f} s")
        other = Daemon(server, WATCHER, runtime=daemons[server].runtime, verbose=False)
        assert_same(known(stage.daemon), before[client], "client")
        assert_same(known(other), before[server], "server")
        tap.equal(flows_of(client) ^ flows, set(), "subflows destroyed or made")
        tap.equal(stage.joins(), joins, "joins")
        tap.at_most(ready, tap.SLOW, "seconds until adopted")


@tap.test("/truth/restart/link-cut-right-after-is-handled-for-all", 300)
def cut_after():
    total = 10_000 if LONG else 1_000
    with Stage() as stage:
        stage.open(total)
        wait_until(lambda: stage.status()["subflows"] == 2 * total, 5, "planned subflows")
        joins = stage.joins()
        stage.daemon.end(signal.SIGKILL)
        stage.daemon = Daemon(stage.net.client, runtime=stage.daemon.runtime, verbose=False)
        stage.net.down(2)
        seconds = seconds_until(
            lambda: not [f for f in flows_of(stage.net.client) if "10.0.2.1" in f[0]], 2,
            "no subflow on the cut link")
        tap.note(f"link cut under {total}: none left on it after {seconds:.3f} s")
        stage.net.up(2, stage.net.client)
        seconds = seconds_until(lambda: stage.joins() >= joins + total, 2, "joins", stage.joins)
        tap.note(f"link back: {total} joins after {seconds:.3f} s")
        wait_until(lambda: stage.status()["subflows"] == 2 * total, 2, "subflows in the model")
        stage.assert_paths(total)


# ---- no growth ----


@tap.test("/truth/memory/short-connections-leave-nothing", 900)
def short_lived():
    rows = [10_000] + [99_000] * 10 if LONG else [10_000, 10_000, 10_000]
    with Stage(clients=2) as stage:
        stage.order("short", 2)  # what is loaded at first use
        stage.done(2)
        seen = []
        for count in rows:
            begin, cpu, events = time.monotonic(), usage(stage.daemon)[1], stage.status()["events"]
            stage.order("short", count)
            stage.done(count)
            wait_until(lambda: stage.status()["connections"] == 0, 5, "all forgotten")
            resident, cpu_now = usage(stage.daemon)
            each = (cpu_now - cpu) * 1e6 / (stage.status()["events"] - events)
            seen.append((resident, each))
            tap.note(f"{count} in {time.monotonic() - begin:.1f} s: {resident} KiB resident, "
                     f"{each:.1f} us of CPU an event")
        tap.at_most(seen[-1][0] - seen[0][0], 1024, "growth in KiB after the first row")
        tap.at_most(seen[-1][1], 3 * seen[0][1], "us of CPU an event")
        # Many ended while they were asked for a subflow.
        tap.equal(stage.status()["command-errors"], 0, "failures that there were")
        metrics = stage.daemon.ctl("metrics")
        tap.equal([line for line in metrics.splitlines()
                   if line.startswith("mptcpd_path_failures_total") and not line.endswith(" 0")], [],
                  "failures of paths")


# ---- a host that changes ----


class Wires:
    """The client's links by their present names and addresses, and what may happen to them."""

    def __init__(self, net):
        self.net = net
        self.names = {i: f"link{i}" for i in net.links}
        self.addresses = {i: f"10.0.{i}.1" for i in net.links}
        self.serial = 1

    def configure(self, i):
        name = self.names[i]
        self.net.client.ip(
            f"link set {name} up",
            f"address replace {self.addresses[i]}/24 dev {name}",
            f"route replace default via 10.0.{i}.2 dev {name} metric {100 + i}",
        )

    def down(self, i):
        self.net.client.ip(f"link set {self.names[i]} down")

    def carrier_off(self, i):
        self.net.down(i, self.net.server)

    def carrier_on(self, i):
        self.net.up(i, self.net.server)
        self.configure(i)

    def move_address(self, i):
        old, self.serial = self.addresses[i], self.serial + 1
        self.net.client.ip(f"address delete {old}/24 dev {self.names[i]}")
        self.addresses[i] = f"10.0.{i}.{10 + self.serial}"
        self.configure(i)

    def rename(self, i):
        self.serial += 1
        new = f"wire{i}-{self.serial}"
        self.net.client.ip(f"link set {self.names[i]} name {new}")
        self.names[i] = new

    def delete(self, i):
        self.net.client.ip(f"link delete {self.names[i]}")

    def recreate(self, i):
        self.net.wire(i, self.names[i])
        self.net.up(i, self.net.server)
        self.configure(i)

    def lend(self, i):
        self.net.client.ip(f"link set {self.names[i]} netns attic")

    def return_it(self, i):
        subprocess.run(["ip", "-n", "attic", "link", "set", self.names[i], "netns", "client"],
                       check=True)
        self.configure(i)


AWAY_AND_BACK = {
    "unplug": (Wires.down, Wires.configure),
    "carrier": (Wires.carrier_off, Wires.carrier_on),
    "recreate": (Wires.delete, Wires.recreate),
    "namespace": (Wires.lend, Wires.return_it),
}
IN_PLACE = {"address": Wires.move_address, "rename": Wires.rename}
if tap.kernel_before(6, 2):
    del IN_PLACE["rename"]  # it refuses to rename a link that is up


class Rounds:
    """Connections on three links, and the judgement after each change."""

    def __init__(self, stage, total):
        self.stage, self.total = stage, total
        self.wires = Wires(stage.net)
        self.slowest = 0

    def settle(self, what, without=None):
        """ss shows a subflow of each connection on each link but one, and the model agrees."""
        wanted = {address: self.total for i, address in self.wires.addresses.items()
                  if i != without}

        def seen():
            return collections.Counter(s["local"][0] for s in self.stage.net.client.subflows())

        seconds = seconds_until(lambda: seen() == wanted, 1, f"{what}: subflows {wanted}", seen)
        if seconds > 0.2:
            tap.note(f"{what}: {seconds:.3f} s")
        self.slowest = max(self.slowest, seconds)

        def model():
            return {(s["local"]["address"], s["local"]["port"], s["interface"])
                    for c in self.stage.daemon.connections() for s in c["subflows"]
                    if s["state"] == "established"}

        names = {address: self.wires.names[i] for i, address in self.wires.addresses.items()}
        truth = {(*s["local"], names[s["local"][0]]) for s in self.stage.net.client.subflows()}
        wait_until(lambda: model() == truth, 1, f"{what}: the model agrees with ss",
                   lambda: model() ^ truth)

    def run(self, what, i):
        if what in AWAY_AND_BACK:
            away, back = AWAY_AND_BACK[what]
            away(self.wires, i)
            self.settle(f"{what} {i}, away", without=i)
            back(self.wires, i)
        else:
            IN_PLACE[what](self.wires, i)
        self.settle(f"{what} {i}")


@tap.test("/truth/links/no-stale-path-and-none-missing-whatever-happens", 600)
def rounds():
    seed, n = int(os.environ.get("MPTCPD_SEED", time.time_ns() % 100_000)), 100 if LONG else 15
    tap.note(f"MPTCPD_SEED={seed}")
    choose = random.Random(seed)
    subprocess.run(["ip", "netns", "add", "attic"], check=True)
    with Stage(links=3, clients=1, servers=1) as stage:
        Traffic(stage.net.server, "server", "0.0.0.0", 6000)
        traffic = Traffic(stage.net.client, "client", "10.0.1.2", 6000, 50)
        tap.equal(traffic.hello["mptcp"], 50, "connections")
        scene = Rounds(stage, 50)
        scene.settle("start")
        kinds = [*AWAY_AND_BACK, *IN_PLACE]
        for number in range(n):
            what = kinds[number] if number < len(kinds) else choose.choice(kinds)
            i = choose.choice([2, 3])
            tap.note(f"round {number}: {what} link {i}")
            scene.run(what, i)
        tap.note(f"slowest of {n} rounds: {scene.slowest:.3f} s")
        result = traffic.transfer("upload", 100_000)
        tap.true(result["intact"] and result["failed"] == 0, f"transfer: {result}")


@tap.test("/truth/links/rename-touches-no-subflow")
def rename():
    tap.needs_kernel(6, 2, "refuses to rename a link that is up")
    with Stage(clients=1, servers=1) as stage:
        stage.open(20)
        wait_until(lambda: stage.status()["subflows"] == 40, 2, "subflows")
        flows, commands = flows_of(stage.net.client), stage.status()["commands"]
        stage.net.client.ip("link set link2 name renamed")
        wait_until(lambda: {s["interface"] for c in stage.daemon.connections()
                            for s in c["subflows"]} == {"link1", "renamed"}, 1, "the new name")
        tap.equal(flows_of(stage.net.client), flows, "subflows")
        tap.equal(stage.status()["commands"], commands, "commands")


@tap.test("/truth/foreign/subflow-killed-by-ss-comes-back")
def killed_subflow():
    with Stage(clients=1, servers=1) as stage:
        stage.open(10)
        wait_until(lambda: stage.status()["subflows"] == 20, 2, "subflows")
        before = stage.net.server.nstat()["MPJoinAckRx"]
        stage.net.client.run("ss", "-K", "-t", "src", "10.0.2.1")
        # Not by ports: one may be taken once more.
        wait_until(lambda: stage.net.server.nstat()["MPJoinAckRx"] == before + 10, 2,
                   "ten new subflows", lambda: flows_of(stage.net.client))
        tap.equal(len(flows_of(stage.net.client)), 20, "subflows")
        stage.assert_paths(10)


if __name__ == "__main__":
    sandbox.run(tap.main)
