# SPDX-License-Identifier: LGPL-2.1-or-later
"""Health of links: what dies is told in time, what is only slow or far is not, what returns is used.

Each path dies with its carrier up. The kernel without mptcpd is the yardstick (see test_lab.py).
MPTCPD_LONG=1: longer outages, and the median of five.
"""

import contextlib
import pathlib
import signal
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from daemon import FULLMESH, Monitor
from hosts import wait_until
from judge import endpoints
from lab import PORT, Lab, Program, Record, client_address, measure, server_address
from stage import LONG

RATE = 5  # Mbit/s: several of these run at once
RECOVER = 2  # seconds, as it is by default
ROUNDS = 5 if LONG else 1


class Ward(Lab):
    """A lab with mptcpd on the client, and all that it says of health."""

    def __init__(self, config=FULLMESH, rate=RATE, **options):
        super().__init__(config=config, rate=rate, **options)

    def __enter__(self):
        super().__enter__()
        self.monitor = Monitor(self.daemon) if self.daemon else None
        return self

    def report(self):
        super().report()
        tap.note(f"health: {self.events()}")

    def events(self, **wanted):
        return [event for event in (self.monitor.events if self.monitor else [])
                if event["event"].endswith("-health")
                and all(event.get(key) == value for key, value in wanted.items())]

    def silent_links(self):
        """What was told silent so far: {(link, family)}"""
        return {(event["interface"]["name"], event["family"])
                for event in self.events(event="interface-health", health="silent")}

    def told(self, i, health, since, seconds, family=4):
        """How long after `since`, which is now, that was told of a link.

        Not counted are the seconds in which somebody waited for a processor (tap.starved()).
        """
        shift, busy = time.time() - time.monotonic(), tap.starved()

        def found():
            return [event["time"] - shift for event in self.events(
                        event="interface-health", health=health, family=f"ipv{family}")
                    if event["interface"]["name"] == f"link{i}" and event["time"] - shift >= since]

        times = wait_until(found, seconds, f"link{i} is told {health}", self.events)
        took, busy = times[0] - since, tap.starved() - busy
        tap.note(f"link{i} {health} after {took:.2f} s, the machine was busy for {busy:.2f} s")
        return took - min(busy, took / 2)

    def now(self):
        """{(link, family): health}, as it is shown."""
        return {(link["name"], family): link[f"health-ipv{family}"]
                for link in self.daemon.json("interface")["interfaces"] for family in (4, 6)}


# ---- what dies is told ----

# name: (flow, its options, what dies, seconds, family)
DEAD = {
    "bulk-up": ("up", {}, "both", 2.5, 4),
    "bulk-up-ipv6": ("up", {}, "both", 2.5, 6),
    "bulk-up-answers": ("up", {}, "down", 2.5, 4),
    "thin-up": ("up", {"thin": True}, "both", 2.5, 4),
    # what we send is lost, and the peer's own goes on coming
    "only-what-we-send": ("both", {"thin": True}, "up", 3, 4),
    "bulk-down": ("down", {}, "both", 5, 4),
    "thin-down": ("down", {"thin": True}, "both", 5, 4),
}
if LONG:
    DEAD |= {
        "bulk-up-forward": ("up", {}, "up", 2.5, 4),
        "only-what-we-send-in-bulk": ("both", {}, "up", 3, 4),
        "thin-up-ipv6": ("up", {"thin": True}, "both", 2.5, 6),
        "bulk-down-forward": ("down", {}, "down", 5, 4),
        "bulk-down-answers": ("down", {}, "up", 5, 4),
        "thin-down-ipv6": ("down", {"thin": True}, "both", 5, 6),
    }


def each_dead(name, kind, options, direction, seconds, family):
    @tap.test(f"/health/silent/{name}", waits=True)
    def dead():
        with Ward() as lab:
            flow = lab.flow(kind, family=family, **options)
            lab.await_subflows(2)
            lab.await_flowing(flow, lab.carried(1, "down" if kind == "down" else "up"))
            measure(1)  # until it is in its stride
            cut = lab.cut(1, direction)
            tap.at_most(lab.told(1, "silent", cut, seconds + 2, family), seconds, "seconds")
            tap.equal(lab.silent_links(), {("link1", f"ipv{family}")}, "links told silent")


for _name, _case in DEAD.items():
    each_dead(_name, *_case)


@tap.test("/health/silent/new-connections-to-a-peer-that-lives", waits=True)
def new_connections():
    """Another connection has this peer by another link, and is idle."""
    with Ward() as lab:
        lab.flow("idle")
        lab.await_subflows(2)
        connects = lab.connects()
        wait_until(connects.done, 5, "connections")
        cut = lab.cut(1)
        tap.at_most(lab.told(1, "silent", cut, 6), 3.5, "seconds")


@tap.test("/health/silent/new-connections-to-two-peers", waits=True)
def two_peers():
    with Ward(addresses=2) as lab:
        both = [lab.connects(number=n) for n in (2, 3)]
        for connects in both:
            wait_until(connects.done, 5, "connections")
        cut = lab.cut(1)
        tap.at_most(lab.told(1, "silent", cut, 6), 3.5, "seconds")


@tap.test("/health/silent/a-lone-subflow-gets-company", waits=True)
def lone():
    """It is by the dead link alone, and the plan allows no other while it is well."""
    with Ward(config=FULLMESH + "max-subflows = 1\n") as lab:
        flow = lab.flow("up")
        lab.await_flowing(flow)
        measure(1)
        tap.equal(len(lab.client.subflows()), 1, "subflows")
        cut = lab.cut(1)
        tap.at_most(lab.await_again(flow, cut + 0.5, 6) + 0.5, 3.5, "seconds until it goes on")


@tap.test("/health/silent/two-of-three-links-go-on", waits=True)
def three():
    with Ward(links=3) as lab:
        flow = lab.flow("up")
        lab.await_subflows(3)
        lab.await_flowing(flow, *(lab.carried(i, "up") for i in lab.links))
        cut = lab.cut(3)
        tap.at_most(lab.told(3, "silent", cut, 5), 2.5, "seconds")
        tap.equal(lab.silent_links(), {("link3", "ipv4")}, "links told silent")


@tap.test("/health/silent/with-a-hundred-connections", waits=True)
def hundred():
    with Ward() as lab:
        flow = lab.flow("up", thin=(200, 1000), count=100)
        lab.await_subflows(200, seconds=10)
        lab.await_flowing(flow)
        cut = lab.cut(1)
        tap.at_most(lab.told(1, "silent", cut, 5), 2.5, "seconds")
        flows = [Record(lab.directory / str(number), lab.epoch) for number in range(100)]
        lab.await_flowing(*flows)


# ---- what is well is not ----


@contextlib.contextmanager
def quiet(**options):
    """Nothing may be told silent inside."""
    with Ward(**options) as lab:
        yield lab
        tap.equal(lab.silent_links(), set(), "links told silent")


def healthy(name, kind, seconds=6, only_long=False, **options):
    """Decorator: the function does something to a lab with such a flow that is no silence."""
    def register(function):
        def run():
            with quiet() as lab:
                flow = lab.flow(kind, **options)
                lab.await_subflows(2)
                if kind != "idle":
                    lab.await_flowing(flow, seconds=10)
                measure(1)  # until it is in its stride
                function(lab)
                measure(seconds)

        if LONG or not only_long:
            tap.test(f"/health/well/{name}", waits=True)(run)
        return function
    return register


@healthy("queues-of-four-seconds", "up", seconds=10)
def bufferbloat(lab):
    for i in lab.links:
        lab.set(i, "up", rate=1000, queue=500_000)


@healthy("a-rate-that-falls-to-a-tenth", "up", seconds=5)
def rate_step(lab):
    lab.set(1, rate=RATE * 100)


@healthy("a-delay-that-grows-to-a-second-and-a-half", "up", seconds=8)
def delay_step(lab):
    lab.set(1, delay=750)


@healthy("a-delay-that-grows-down", "down", seconds=8, only_long=True)
def delay_step_down(lab):
    lab.set(1, delay=750)


@healthy("five-percent-lost", "up", only_long=True)
def loss(lab):
    for i in lab.links:
        lab.set(i, loss=5)


@healthy("five-percent-lost-down", "down")
def loss_down(lab):
    for i in lab.links:
        lab.set(i, loss=5)


@healthy("thin-up", "up", thin=True, only_long=True)
def thin_up(_lab):
    pass


@healthy("thin-down", "down", thin=True)
def thin_down(_lab):
    pass


@healthy("rare-data-up", "up", thin=(200, 2000), seconds=8)
def rare_up(_lab):
    pass


@healthy("rare-data-down", "down", thin=(200, 7000), seconds=15, only_long=True)
def rare_down(_lab):
    pass


@healthy("idle", "idle", seconds=20, only_long=True)
def idle(_lab):
    pass


def outage(seconds):
    def run(lab):
        lab.cut(1)
        measure(seconds)
        lab.restore(1)
    return run


for _kind in ("up", "down"):
    for _seconds in (0.3, 0.8):
        healthy(f"{_seconds * 1000:.0f}-ms-of-nothing-{_kind}", _kind, seconds=4,
                only_long=_seconds < 0.5)(outage(_seconds))


@tap.test("/health/well/one-whose-window-is-closed", waits=True)
def zero_window():
    with quiet() as lab:
        reader = Program(lab.server, lab.directory, lab.epoch_us, "server", "::", PORT + 1)
        flow = lab.flow("up", port=PORT + 1)
        lab.await_subflows(2)
        lab.await_flowing(flow)
        reader.child.send_signal(signal.SIGSTOP)
        measure(6)
        reader.child.send_signal(signal.SIGCONT)
        lab.await_flowing(flow)


@tap.test("/health/well/one-peer-of-two-dies", waits=True)
def one_peer():
    for kind in ("up", "down") if LONG else ("up",):
        with quiet(addresses=2) as lab:
            flows = [lab.flow(kind, number=n, thin=True) for n in (2, 3)]
            lab.await_subflows(4)
            lab.await_flowing(*flows)
            lab.server.ip(f"address delete {server_address(4, 3)}/32 dev lo",
                          f"route add blackhole {server_address(4, 3)}/32")
            measure(6)
            lab.await_flowing(flows[0])


def forgets(kind):
    """A NAT forgets one subflow: it is replaced, and its link is none the worse for it."""
    with quiet() as lab:
        flow = lab.flow(kind)
        lab.await_subflows(2)
        lab.await_flowing(flow, lab.carried(2, kind))
        before, = [s for s in lab.client.subflows() if s["local"][0] == client_address(2)]
        lab.set(2, port=before["local"][1])
        begin = time.monotonic()

        def others():
            return [s for s in lab.client.subflows()
                    if s["local"][0] == client_address(2) and s["local"] != before["local"]]

        wait_until(others, 8, "another subflow by link2", lab.client.subflows, by_the_clock=True)
        tap.note(f"replaced after {time.monotonic() - begin:.2f} s")
        lab.await_flowing(flow, lab.carried(2, kind))


for _kind in ("up", "down"):
    tap.test(f"/health/well/a-middlebox-forgets-one-subflow-{_kind}", waits=True)(
        lambda kind=_kind: forgets(kind))


@tap.test("/health/well/all-links-at-once-are-none", waits=True)
def all_links():
    with Ward() as lab:
        flow = lab.flow("up")
        lab.await_subflows(2)
        lab.await_flowing(flow)
        commands = lab.daemon.json("status")["status"]["commands"]
        for i in lab.links:
            lab.cut(i)
        measure(6)
        tap.true("silent" not in lab.now().values(), f"shown: {lab.now()}")
        made = lab.daemon.json("status")["status"]["commands"] - commands
        tap.at_most(made, 8, "commands")
        for i in lab.links:
            lab.restore(i)
        lab.await_flowing(flow, seconds=20)
        tap.equal(len(lab.client.connections()), 1, "connections")


@tap.test("/health/well/a-daemon-that-slept", seconds=90, waits=True)
def suspended():
    """As after a suspend: all it knew is old, and what it sees first is an outage's end."""
    with quiet() as lab:
        flows = [lab.flow("up"), lab.flow("down", thin=True)]
        lab.await_subflows(4)
        lab.await_flowing(*flows)
        lab.daemon.child.send_signal(signal.SIGSTOP)
        lab.cut(1)
        measure(30 if LONG else 4)
        lab.restore(1)
        lab.await_again(lab.carried(1, "up"), time.monotonic(), 60)
        lab.daemon.child.send_signal(signal.SIGCONT)
        measure(3)
        lab.await_flowing(*flows)


# ---- while it lasts, and when it is over ----


def survive(kind, seconds, config):
    """(goodput while link1 is dead, gap, how long after its return it carries data)"""
    with Ward(config=config) as lab:
        if not config:
            lab.endpoints()
        flow = lab.flow(kind)
        lab.await_subflows(2)
        lab.await_flowing(flow, *(lab.carried(i, kind) for i in lab.links))
        measure(1)
        lab.cut(1)
        begin, end = measure(seconds)
        back = lab.restore(1)
        again = lab.await_again(lab.carried(1, kind), back, 2 * seconds + 10, at_least=20_000)
        tap.note(f"{'mptcpd' if config else 'kernel'} {kind}: {flow.goodput(begin, end):.0f} bytes/s, "
                 f"gap {flow.gap(begin, end):.2f} s, again after {again:.2f} s")
        flow.bytes(begin, end)
        wait_until(lambda: flow.next(end), 5, "it goes on")
        return flow.goodput(begin, end), flow.gap(begin, end), again


def each_outage(kind, seconds):
    @tap.test(f"/health/outage/{seconds}-s-{kind}-costs-little-and-ends-soon",
              seconds=ROUNDS * (5 * seconds + 60), waits=True)
    def run():
        alone = [survive(kind, seconds, None) for _ in range(ROUNDS)]
        with_us = [survive(kind, seconds, FULLMESH) for _ in range(ROUNDS)]
        rate, alone_rate = (statistics.median(each[0] for each in rounds)
                            for rounds in (with_us, alone))
        tap.note(f"goodput: {rate / alone_rate:.2f} of the kernel's alone")
        if LONG:  # a single round differs by more than that from the next one
            tap.true(rate >= 0.85 * alone_rate, f"goodput {rate:.0f} of {alone_rate:.0f}")
        soon = 1.5 if kind == "down" else seconds / 2
        tap.at_most(statistics.median(each[2] for each in with_us), soon + RECOVER,
                    "seconds until both links carry data")


for _kind in ("up", "down"):
    for _seconds in (8, 25) if LONG else (8,):
        each_outage(_kind, _seconds)


@tap.test("/health/outage/a-probe-ends-it-within-1.5-s", waits=True)
def probed():
    with Ward(config=f"[interface:link*]\nprobe = tcp:{server_address()}:9\n" + FULLMESH) as lab:
        flow = lab.flow("up")
        lab.await_subflows(2)
        lab.await_flowing(flow, *(lab.carried(i, "up") for i in lab.links))
        cut = lab.cut(1)
        lab.told(1, "silent", cut, 5)
        measure(6)
        back = lab.restore(1)
        tap.at_most(lab.told(1, "well", back, 10), 1.5 + RECOVER, "seconds until it is well")
        tap.at_most(lab.await_again(lab.carried(1, "up"), back, 10, at_least=20_000),
                    1.5 + RECOVER, "seconds until both links carry data")


@tap.test("/health/kernel/an-endpoint-is-backup-while-its-link-is-silent", waits=True)
def kernel():
    def flags():
        return {e["address"]: "backup" in e for e in endpoints(lab.client)
                if e["address"] in (client_address(1), client_address(2))}

    with Ward(config="[core]\npath-manager = kernel\n") as lab:
        wait_until(lambda: len(flags()) == 2, 5, "endpoints", lambda: endpoints(lab.client))
        flow = lab.flow("up")
        lab.await_subflows(2)
        lab.await_flowing(flow, lab.carried(2, "up"))
        before = {(s["local"], s["remote"]) for s in lab.client.subflows()}
        cut = lab.cut(2)
        tap.at_most(lab.told(2, "silent", cut, 5), 2.5, "seconds")
        wait_until(lambda: flags()[client_address(2)], 2, "a backup", flags)
        tap.equal(flags(), {client_address(1): False, client_address(2): True}, "backups")
        lab.restore(2)
        wait_until(lambda: not flags()[client_address(2)], 20, "no backup any more", flags)
        lab.await_flowing(flow, lab.carried(2, "up"), seconds=20)
        tap.true(before <= {(s["local"], s["remote"]) for s in lab.client.subflows()},
                 "what was there has not been closed")


@tap.test("/health/flaps/ten-of-two-seconds-cost-no-connection", seconds=120, waits=True)
def flaps():
    with Ward() as lab:
        flows = [lab.flow("up"), lab.flow("down", thin=True)]
        lab.await_subflows(4)
        lab.await_flowing(*flows)
        before = lab.daemon.json("status")["status"]["commands"]
        begin = time.monotonic()
        for _ in range(10 if LONG else 4):
            lab.cut(1)
            measure(1)
            lab.restore(1)
            measure(1)
        end = time.monotonic()
        made = lab.daemon.json("status")["status"]["commands"] - before
        tap.note(f"{made} commands; gaps {[round(flow.gap(begin, end), 2) for flow in flows]}")
        tap.at_most(made, 40, "commands")
        tap.equal(len(lab.client.connections()), 2, "connections")
        lab.await_flowing(*flows)
        kept = {(s["local"], s["remote"]) for s in lab.client.subflows()
                if s["local"][0] == client_address(2)}
        tap.equal(len(kept), 2, "subflows of the healthy link")


if __name__ == "__main__":
    sandbox.run(tap.main)
