# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client with several links to a server far away, on which paths die while every carrier is up.

    client linkN -- gatewayN -- wan (wan.c: delay, rate, queue, loss, black hole) -- server

10.0.N.1 and 2001:db8:N::1 are the client's addresses, ::2 and .2 its gateways (near: they answer
whatever happens behind them), the server has 10.0.9.2 and 2001:db8:9::2 (and .3, .4, …). Flows
(flow.c) are measured where they arrive, in hundredths of a second; times are of time.monotonic().
"""

import array
import contextlib
import itertools
import pathlib
import tempfile
import time

import tap
from daemon import Daemon
from hosts import BUILD, NEEDS_ROUTES_BY_SOURCE, Host, Traffic, wait_until

BUCKET = 0.01  # seconds, of talk.h
WAYS = {"up": ("up",), "down": ("down",), "both": ("up", "down")}
PORT = 5000


def client_address(i, family=4):
    return f"10.0.{i}.1" if family == 4 else f"2001:db8:{i}::1"


def server_address(family=4, number=2):
    return f"10.0.9.{number}" if family == 4 else f"2001:db8:9::{number}"


class Wan(Traffic):
    program = BUILD / "tests/netns/wan"

    def set(self, i, direction, word, number):
        self.order(f"{i} {direction} {word}", int(number))
        self.read()


class Program(Traffic):
    program = BUILD / "tests/netns/flow"


class Record:
    """What arrived, and when."""

    def __init__(self, path, epoch):
        self.path, self.epoch = path, epoch

    def buckets(self, begin, end):
        """The bytes of each hundredth of a second between two times; none of what is to come."""
        first = round((begin - self.epoch) / BUCKET)
        last = round((min(end, time.monotonic()) - self.epoch) / BUCKET)
        found = array.array("I")
        if self.path.exists() and last > first:
            with open(self.path, "rb") as file:
                file.seek(4 * first)
                found.frombytes(file.read(4 * (last - first)))
        return found

    def bytes(self, begin, end):
        return sum(self.buckets(begin, end))

    def goodput(self, begin, end):
        """Bytes a second."""
        return self.bytes(begin, end) / (end - begin)

    def gap(self, begin, end):
        """The longest time without a byte, in seconds."""
        empty = (list(group) for has, group in itertools.groupby(self.buckets(begin, end), bool)
                 if not has)
        return BUCKET * max((len(group) for group in empty), default=0)

    def next(self, begin, at_least=1, within=0.2):
        """When it arrives again after `begin`: so much within so long; None while it has not."""
        buckets = self.buckets(begin, time.monotonic())
        width = round(within / BUCKET)
        for i, count in enumerate(buckets):
            if count and sum(buckets[i : i + width]) >= at_least:
                return begin + i * BUCKET
        return None


class Flow(Record):
    """One connection, or COUNT of them, whose data goes `up`, `down`, or is none (`idle`).

    As fast as it can, or `thin`: 200 bytes each tenth of a second (or what `thin` says).
    """

    def __init__(self, lab, kind, thin=None, count=1, family=4, number=2, port=PORT):
        super().__init__(lab.directory / str(lab.flows), lab.epoch)
        thin = () if not thin else (200, 100) if thin is True else thin
        self.program = Program(lab.client, lab.directory, lab.epoch_us, kind, lab.flows,
                               server_address(family, number), port, count, *thin)
        tap.equal(self.program.hello, {"connected": count, "mptcp": count}, f"flow {kind}")
        lab.flows += count

    def close(self):
        self.program.close()


class Connects:
    """A new connection each so many milliseconds."""

    def __init__(self, lab, period_ms=200, family=4, number=2, port=PORT):
        self.path, self.epoch = lab.directory / str(lab.flows), lab.epoch
        self.program = Program(lab.client, lab.directory, lab.epoch_us, "connect", lab.flows,
                               server_address(family, number), port, period_ms)
        lab.flows += 1

    def done(self, since=0):
        """[(when it began, how long it took, errno, is it MPTCP)] of those begun since then."""
        rows = [[int(word) for word in line.split()] for line in self.path.read_text().splitlines()]
        rows = [(self.epoch + begin / 1e6, took / 1e6, error, bool(mptcp))
                for begin, took, error, mptcp in rows]
        return sorted(row for row in rows if row[0] >= since)

    def good(self, since, seconds=1):
        """When one began that was connected within `seconds`, and what follows it; None: none yet."""
        return next((row[0] for row in self.done(since) if not row[2] and row[1] < seconds), None)


class Lab:
    """A context manager. When a test fails inside, what can be seen is printed.

    `config` is mptcpd's; None: the kernel is alone. `rate` is in Mbit/s, `delay` one way in
    milliseconds, `queue` in bytes, all of each link and direction.
    """

    def __init__(self, links=2, config=None, rate=10, delay=25, queue=65536, addresses=1):
        self.links = range(1, links + 1)
        self.config = config
        self.shape = {"rate": rate * 1000, "delay": delay, "queue": queue}
        self.numbers = range(2, 2 + addresses)  # of the server's addresses
        self.flows = 0  # the number of the next one
        self.daemon = None

    def __enter__(self):
        with contextlib.ExitStack() as undo:
            temporary = tempfile.TemporaryDirectory(prefix="mptcpd-", dir="/run")
            undo.callback(temporary.cleanup)
            self.directory = pathlib.Path(temporary.name)
            self.epoch_us = time.monotonic_ns() // 1000
            self.epoch = self.epoch_us / 1e6
            hosts = [Host(name, 0, self.directory) for name in (
                "client", "server", "far", *(f"gateway{i}" for i in self.links))]
            for host in hosts:
                undo.callback(host.stop)
                host.forget_duplicates()
                for kind in ("default", "all"):
                    host.sysctl(f"net.ipv4.conf.{kind}.rp_filter", 0)
            self.client, self.server, self.far, *gateways = hosts
            self.gateways = dict(zip(self.links, gateways))
            self.build()
            self.wan = Wan(self.far, self.directory, self.epoch_us, len(self.links))
            for i in self.links:
                self.set(i, **self.shape)
            Program(self.server, self.directory, self.epoch_us, "server", "::", PORT)
            if self.config:
                self.daemon = Daemon(self.client, self.config)
            self.undo = undo.pop_all()
        return self

    def __exit__(self, kind, _value, _trace):
        with self.undo:
            if kind and issubclass(kind, Exception):
                self.report()

    def report(self):
        for host in (self.client, self.server):
            for command in ("ip -brief address", "ip route", "ss -tinHO"):
                lines = host.run(*command.split(), check=False).stdout.splitlines()[:12]
                tap.note("\n".join([f"{host.name}: {command}", *(line[:300] for line in lines)]))
            tap.note(f"{host.name}: {({k: n for k, n in host.nstat().items() if n})}")
        if self.daemon:
            tap.note("mptcpd's log:\n" + self.daemon.text()[-6000:])

    def build(self):
        self.server.ip(*(f"address add {server_address(family, number)}/{size} dev lo"
                         for family, size in ((4, 32), (6, 128)) for number in self.numbers),
                       "mptcp limits set subflow 8 add_addr_accepted 8")
        for i, gateway in self.gateways.items():
            self.wire(i, gateway)
        for i in self.links:
            self.lease(i)
        ends = (self.client, self.server, self.far, *self.gateways.values())
        wait_until(lambda: not any(host.links_not_up() for host in ends), 5, "carrier")

    def wire(self, i, gateway):
        # Each packet is one of its own: what is lost, or late, is not 64 KiB at once.
        one = "gso_max_segs 1"
        self.client.ip(f"link add link{i} {one} type veth peer name inner netns {gateway.name}")
        self.far.ip(f"link add near{i} type veth peer name outer netns {gateway.name}",
                    f"link add far{i} type veth peer name link{i} netns server",
                    f"link set near{i} up", f"link set far{i} up")
        for name in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
            gateway.sysctl(name, 1)
        gateway.ip("link set inner up", "link set outer up",
                   f"address add 10.0.{i}.2/24 dev inner",
                   f"address add 2001:db8:{i}::2/64 dev inner nodad",
                   f"address add 10.0.{100 + i}.1/24 dev outer",
                   f"address add 2001:db8:{100 + i}::1/64 dev outer nodad",
                   f"route add default via 10.0.{100 + i}.2",
                   f"route add ::/0 via 2001:db8:{100 + i}::2")
        self.server.ip(f"link set link{i} {one} up",
                       f"address add 10.0.{100 + i}.2/24 dev link{i}",
                       f"address add 2001:db8:{100 + i}::2/64 dev link{i} nodad",
                       f"route add 10.0.{i}.0/24 via 10.0.{100 + i}.1",
                       f"route add 2001:db8:{i}::/64 via 2001:db8:{100 + i}::1")

    def lease(self, i):
        """What a DHCP client and router advertisements do; the first link has the best metric."""
        self.client.ip(f"link set link{i} up",
                       f"address replace 10.0.{i}.1/24 dev link{i}",
                       f"address replace 2001:db8:{i}::1/64 dev link{i} nodad",
                       f"route replace default via 10.0.{i}.2 dev link{i} metric {100 + i}",
                       f"route replace ::/0 via 2001:db8:{i}::2 dev link{i} metric {100 + i}")
        if NEEDS_ROUTES_BY_SOURCE:
            self.client.ip(f"route replace default via 10.0.{i}.2 dev link{i} table {100 + i}",
                           f"route replace ::/0 via 2001:db8:{i}::2 dev link{i} table {100 + i}")
            for option, family in (("-4", 4), ("-6", 6)):
                self.client.run("ip", option, "rule", "add", "from", client_address(i, family),
                                "table", 100 + i)

    def endpoints(self, flags="subflow"):
        """The control: the kernel's own path manager joins by the links after the first."""
        self.client.ip("mptcp limits set subflow 8 add_addr_accepted 8",
                       *(f"mptcp endpoint add {client_address(i, family)} dev link{i} {flags}"
                         for i in self.links[1:] for family in (4, 6)))

    def set(self, i, direction="both", **values):
        """Change what wan.c knows of a link: rate (kbit/s), delay, queue, loss, dead, port."""
        for way in WAYS[direction]:
            for word, number in values.items():
                self.wan.set(i, way, word, number)

    def cut(self, i, direction="both"):
        """A black hole on the way, both ways or one; the time when it was there."""
        self.set(i, direction, dead=1)
        return time.monotonic()

    def restore(self, i, direction="both"):
        self.set(i, direction, dead=0)
        return time.monotonic()

    def carried(self, i, direction):
        """The Record of TCP's payload that got through by a link, `up` or `down`."""
        return Record(self.directory / f"{direction}-{i}", self.epoch)

    def flow(self, kind, **options):
        return Flow(self, kind, **options)

    def connects(self, **options):
        return Connects(self, **options)

    def await_subflows(self, count, seconds=5):
        wait_until(lambda: len(self.client.subflows()) == count, seconds, f"{count} subflows",
                   self.client.subflows)

    def await_flowing(self, *records, seconds=5):
        """Each of these carries data now."""
        begin = time.monotonic()
        for record in records:
            wait_until(lambda record=record: record.next(begin), seconds, f"data in {record.path.name}")

    def await_again(self, record, begin, seconds, at_least=1, within=0.2):
        """How long after `begin` the record has data again; Timeout if not within `seconds`."""
        wait_until(lambda: record.next(begin, at_least, within), seconds, "data again",
                   lambda: self.directory, by_the_clock=True)
        return record.next(begin, at_least, within) - begin


def measure(seconds):
    """A measurement of a fixed length, and no waiting for something: (begin, end)."""
    begin = time.monotonic()
    time.sleep(seconds)
    return begin, time.monotonic()
