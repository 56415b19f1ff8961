# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an ordinary user can do to the installed service: nothing that others would notice."""

import contextlib
import json
import os
import pathlib
import select
import statistics
import subprocess
import sys
import threading
import time

sys.path[1:1] = [str(pathlib.Path(__file__).resolve().parents[1]),
                 str(pathlib.Path(__file__).resolve().parents[1] / "netns")]

import container
import tap
from hosts import wait_until
from latency import figures, judge_joins, late
from network import Network
from rawbus import SYSTEM, RawBus
from service import UNIT, USERSPACE, Service, is_on_the_bus, listing, main_pid, properties, run

FLOOD = pathlib.Path(__file__).with_name("flood.py")
GROWTH_MAX_KB = 8 * 1024
ALL_GROWTH_MAX_KB = 32 * 1024  # of all floods together
CLIENTS_MAX = 48 + 1  # and root
ANSWER_MAX_S = 0.1
IDLE_MAX_S = 0.05  # of processor time in a second with nothing to do
LIMITS = "org.freedesktop.DBus.Error.LimitsExceeded"


class Flooder:
    """flood.py as an ordinary user; who comes out of the `with` has ended it and has `results`."""

    def __init__(self, *attacks, user=65534, token="0"):
        self.child = subprocess.Popen(
            ["/usr/bin/python3", str(FLOOD), *attacks], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, user=user, group="nogroup", extra_groups=[],
            env={**os.environ, "TOKEN": token})
        self.results = None

    def __enter__(self):
        tap.equal(self.child.stdout.readline(), "ready\n", "what the flooder says")
        return self

    def __exit__(self, kind, _value, _trace):
        said, _ = self.child.communicate(timeout=30)
        if not kind:
            tap.equal(self.child.returncode, 0, "exit of the flooder")
            self.results = json.loads(said)


class Process:
    """mptcpd as the kernel sees it, and what it was at first."""

    def __init__(self, growth_max_kb=GROWTH_MAX_KB):
        self.growth_max_kb = growth_max_kb
        self.pid = main_pid()
        self.proc = pathlib.Path(f"/proc/{self.pid}")
        self.begin = self.resident_kb()
        # What it has open for who has just left is no part of it.
        self.descriptors = wait_until(self.count_at_rest, 10, "it rests", self.open_files)

    def resident_kb(self):
        status = (self.proc / "status").read_text(encoding="ascii")
        return int(status.partition("VmRSS:")[2].split()[0])

    def count_descriptors(self):
        return len(os.listdir(self.proc / "fd"))

    def sleeps(self):
        """False, or how often it has done so."""
        lines = (self.proc / "status").read_text(encoding="ascii").splitlines()
        status = dict(line.split(":\t", 1) for line in lines)
        return status["State"].startswith("S") and (
            status["voluntary_ctxt_switches"], status["nonvoluntary_ctxt_switches"])

    def count_at_rest(self):
        """Its descriptors, if it sleeps all the while that they are counted."""
        before = self.sleeps()
        count = self.count_descriptors()
        return before and before == self.sleeps() and count

    def open_files(self):
        """Of sockets also the lines that the kernel has of them."""
        lines = [f"{table}: {line}" for table in ("unix", "netlink", "icmp", "tcp")
                 for line in (self.proc / "net" / table).read_text(encoding="utf-8").splitlines()]
        names = sorted(os.readlink(file) for file in (self.proc / "fd").iterdir())
        return [[name] + [line for line in lines if name[len("socket:["):-1] in line.split()]
                for name in names]

    def seconds(self):
        """Of processor time, so far."""
        fields = (self.proc / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def is_small(self):
        growth = self.resident_kb() - self.begin
        tap.note(f"RSS grew by {growth} kB, descriptors from {self.descriptors} to "
                 f"{self.count_descriptors()}")
        tap.at_most(growth, self.growth_max_kb, "growth of RSS in kB")
        # Those of who has just left are closed a moment later.
        wait_until(lambda: self.count_descriptors() - self.descriptors <= CLIENTS_MAX * 4, 1,
                   f"descriptors of {CLIENTS_MAX} clients at most", self.count_descriptors)

    def is_idle(self):
        before = self.seconds()
        select.select([], [], [], 1)
        tap.at_most(self.seconds() - before, IDLE_MAX_S, "processor time in an idle second")

    def has_nothing_left(self):
        tap.equal(main_pid(), self.pid, "process")
        wait_until(lambda: self.count_descriptors() == self.descriptors, 8,
                   f"{self.descriptors} descriptors again", self.open_files)
        self.is_idle()
        self.is_small()


def answers(what, **options):
    """Root's GetStatus, with all that is before it; the longest of ten."""
    longest = 0
    for _ in range(10):
        begin = time.monotonic()
        with RawBus(**options) as bus:
            tap.equal(bus.call("GetStatus").error, None, f"GetStatus {what}")
        longest = max(longest, time.monotonic() - begin)
    tap.note(f"root's status {what}: {longest * 1000:.1f} ms")
    tap.at_most(longest, ANSWER_MAX_S * tap.SLOW, f"seconds of root's status {what}")


@contextlib.contextmanager
def flood(*attacks, users=(65534,)):
    """Root is served meanwhile, it stays small, and nothing is left. Gives the results."""
    with Service():
        wait_until(is_on_the_bus, 40, "it is on the system bus")
        answers("before")
        process = Process()
        results = []
        with contextlib.ExitStack() as stack:
            flooders = [stack.enter_context(Flooder(*attacks, user=user)) for user in users]
            answers("meanwhile")
            answers("meanwhile, over the system bus", path=SYSTEM, system=True)
            process.is_small()
        results.extend(flooder.results for flooder in flooders)
        yield results
        process.has_nothing_left()
        answers("afterwards")


@tap.test("/flood/handshakes/that-never-end-are-ended", 60)
def half_open():
    with flood("half-open", users=(65534, 65533, 65532)) as results:
        for result in results:
            tap.at_most(result["half-open"], 8 * tap.SLOW, "seconds until all are ended")


@tap.test("/flood/connections/that-come-and-go-keep-nobody-out", 60)
def visits():
    with flood("visits"):
        pass


@tap.test("/flood/messages/of-127-MiB-are-not-taken", 60)
def huge():
    with flood("huge", "claims") as results:
        tap.equal(results[0]["huge"], 20, "connections that were ended")
        tap.equal(results[0]["claims"], 5, "connections whose headers lied")


@tap.test("/flood/messages/that-never-end-are-ended", 60)
def unfinished():
    with flood("byte-by-byte", "unfinished") as results:
        tap.equal(results[0]["byte-by-byte"], None, "error of a call that came byte by byte")
        tap.at_most(results[0]["unfinished"], 8 * tap.SLOW, "seconds until all are ended")


@tap.test("/flood/descriptors/none-are-taken", 60)
def descriptors():
    with flood("descriptors", "bus-descriptors") as results:
        tap.equal(results[0], {"descriptors": 0, "bus-descriptors": False}, "pipes still held")


@tap.test("/flood/bus/monitors-that-leave-leave-nothing", 60)
def subscribe():
    with flood("bus-subscribe"):
        pass


@tap.test("/flood/bus/large-arguments-are-read-over", 60)
def bus_huge():
    with flood("bus-huge") as results:
        tap.equal(results[0]["bus-huge"], [LIMITS], "their errors")


@tap.test("/flood/bus/calls-whose-answers-nobody-wants-are-not-answered", 60)
def bus_unheard():
    with flood("bus-unheard"):
        pass


@tap.test("/flood/bus/many-calls-of-many-programs-delay-no-other-program", 60)
def bus_calls():
    with flood("bus-calls") as results:
        tap.true(results[0]["bus-calls"] > 0, "they were answered, too")


@tap.test("/flood/bus/root-is-served-while-others-wait-for-polkit", 60)
def polkit():
    with Service():
        wait_until(is_on_the_bus, 40, "it is on the system bus")
        run("systemctl", "start", "polkit.service")
        process = Process()
        run("systemctl", "kill", "--signal=STOP", "polkit.service")
        try:
            with Flooder("bus-changes") as flooder:
                process.is_small()
                for _ in range(10):
                    with RawBus(SYSTEM, system=True) as bus:
                        tap.equal(bus.call("Reload").error, None, "root's Reload")
                answers("meanwhile", path=SYSTEM, system=True)
            tap.equal(flooder.results["bus-changes"], [LIMITS], "errors of most")
        finally:
            run("systemctl", "kill", "--signal=CONT", "polkit.service")
        process.has_nothing_left()


# ---- all of it ----


class Attacker(threading.Thread):
    """Makes attacks that come to an end again and again, until the end of the `with`."""

    def __init__(self, *attacks, user):
        super().__init__()
        self.attacks, self.user = attacks, user
        self.is_over = threading.Event()
        self.rounds = 0
        self.failure = None

    def run(self):
        try:
            while not self.is_over.is_set():
                with Flooder(*self.attacks, user=self.user):
                    pass
                self.rounds += 1
        except Exception as failure:  # told by who waits for the end
            self.failure = failure

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exception):
        self.is_over.set()
        self.join()


@contextlib.contextmanager
def stopped_polkit():
    run("systemctl", "start", "polkit.service")
    run("systemctl", "kill", "--signal=STOP", "polkit.service")
    try:
        yield
    finally:
        run("systemctl", "kill", "--signal=CONT", "polkit.service")


def status_times(n=20):
    times = []
    for _ in range(n):
        begin = time.monotonic()
        with RawBus() as bus:
            tap.equal(bus.call("GetStatus").error, None, "GetStatus")
        times.append(1000 * (time.monotonic() - begin))
    return times


def fare(net, when, late_without=None):
    """How joins and root's questions fare now, in milliseconds; how many joins were late."""
    joins, statuses = net.latency.sample(net.connect, 200), status_times()
    tap.note(f"{when}: joins {figures(joins)}; root's status {figures(statuses)}")
    judge_joins(joins, when, late_without)
    tap.at_most(statistics.median(statuses), 1000 * ANSWER_MAX_S * tap.SLOW,
                f"ms to root's status, {when}")
    return late(joins)


def places(user):
    with Flooder("mute", user=user) as flooder:
        pass
    return flooder.results["mute"]


@tap.test("/flood/all/at-once-and-others-are-served-as-if-there-were-none", 150)
def everything():
    with Service(USERSPACE + "[interface:idle*]\nuse = no\n"), Network(300) as net:
        wait_until(is_on_the_bus, 40, "it is on the system bus")
        late_without = fare(net, "before")
        process = Process(ALL_GROWTH_MAX_KB)
        with contextlib.ExitStack() as stack:
            stack.enter_context(stopped_polkit())
            token = listing("connection")[0]["token"]
            read = stack.enter_context(Flooder("readers", token=token))
            mute = stack.enter_context(Flooder("mute", user=65533))
            attackers = [stack.enter_context(Attacker(*attacks, user=65532)) for attacks in (
                ("half-open", "huge", "claims", "unfinished"), ("descriptors",))]
            attackers += [stack.enter_context(Attacker(*attacks, user=65534)) for attacks in (
                ("bus-descriptors", "bus-subscribe", "bus-huge"), ("bus-changes",))]
            stack.enter_context(net.adding_addresses(2000))
            fare(net, "meanwhile", late_without)
            process.is_small()
        tap.note(f"the readers: {read.results}, mute monitors: {mute.results}, "
                 f"rounds of the others: {[attacker.rounds for attacker in attackers]}")
        tap.equal([attacker.failure for attacker in attackers], [None] * 4, "failures of the others")
        tap.true(read.results["readers"]["answers"] > 0, "the readers were served")
        process.has_nothing_left()
        tap.equal([places(user) for user in (65534, 65533, 65532)], [16] * 3, "places afterwards")
        fare(net, "afterwards", late_without)


@tap.test("/flood/unit/has-a-last-line", 30)
def last_line():
    limits = properties("LimitNOFILE", "MemoryMax", "TasksMax")
    tap.equal(limits, ["1024", str(512 << 20), "16"], f"limits of {UNIT}")


@tap.test("/flood/unit/is-favoured", 60)
def favoured():
    with Service(USERSPACE):
        tap.equal(os.getpriority(os.PRIO_PROCESS, main_pid()), -10, "nice value")


if __name__ == "__main__":
    if "--inside" in sys.argv:
        sys.argv.remove("--inside")
    elif "--list" not in sys.argv:
        container.test(pathlib.Path(__file__).resolve(), sys.argv[1:])
    tap.main()
