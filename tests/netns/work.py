# SPDX-License-Identifier: LGPL-2.1-or-later
"""What mptcpd does for a connection, counted and not timed: every instruction, and what it touched.

The real daemon runs under `valgrind --tool=lackey`, which writes down each instruction, each access
to memory and each system call, in their order. Connections live one step at a time, so that the
same events come together however slow that is. Where only the sum is wanted, callgrind counts, and
strace where nothing is to hold the daemon up.
"""

import bisect
import collections
import contextlib
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import time

import tap
from daemon import FULLMESH, MPTCPCTL, Daemon, Monitor
from hosts import BUILD, Network, Storm, wait_until
from lab import measure

LACKEY = ("--tool=lackey", "--trace-mem=yes", "--vgdb=no")
CALLGRIND = ("--tool=callgrind", "--instr-atstart=no")
WAITS = {"epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll"}
SENDS = {"sendto", "sendmsg", "sendmmsg"}
CLOCKS = {"clock_gettime", "gettimeofday", "time"}  # no system calls but under valgrind
ALLOCATORS = {"malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc", "memalign"}
LINE, PAGE = 64, 4096
PORT = 5000
NETLINK_GENERIC = "16"
IS_ASLEEP = re.compile(rb"\) sys_e?p?poll\w* \([^\n]*\) --> \[async\] \.\.\. *\n*$")
CALL = re.compile(r"SYSCALL\[[^]]*\]\(\d+\) (?:sys_)?(\w+) ?\( ?(\d*)")


class Code:
    """Which function is at an address of a process."""

    def __init__(self, pid):
        self.objects = []  # (begin, end, what it is), by address
        bases = {}
        for line in pathlib.Path(f"/proc/{pid}/maps").read_text("utf-8").splitlines():
            words = line.split(maxsplit=5)
            begin, end = (int(word, 16) for word in words[0].split("-"))
            path = words[5] if len(words) > 5 else ""
            name = pathlib.Path(path.removesuffix(" (deleted)").replace("memfd:", "")).name
            if int(words[2], 16) == 0:
                bases.setdefault(path, (name, begin))
            kind = "code" if "x" in words[1] else "data"
            self.objects.append((begin, end, f"{name} {kind}" if name else "heap and other memory"))
        self.symbols = sorted(symbol for path, (name, base) in bases.items() if path
                              for symbol in self._symbols(path, name, base))
        self.allocators = {at for at, _end, name in self.symbols if name in ALLOCATORS}

    @staticmethod
    def _symbols(path, name, base):
        file = BUILD / f"plugins/{name}.so" if path.startswith("/memfd:") else pathlib.Path(path)
        for option in ([], ["-D"]):
            listed = subprocess.run(["nm", "-S", "--defined-only", *option, file], text=True,
                                    check=False, capture_output=True).stdout if file.exists() else ""
            for line in listed.splitlines():
                words = line.split()
                if len(words) == 4 and words[2] in "tTwWi":
                    at = base + int(words[0], 16)
                    yield at, at + int(words[1], 16), words[3].split("@")[0]
            if listed:
                return

    def function(self, at):
        i = bisect.bisect(self.symbols, (at, float("inf"), "")) - 1
        _begin, end, name = self.symbols[i]
        return f"{name if at < end else 'without a name'} ({self.place(at).removesuffix(' code')})"

    def place(self, at):
        """What that memory is."""
        if at >= 0x1FF0000000 - (64 << 20):
            return "stack"  # where valgrind has it
        i = bisect.bisect(self.objects, (at, float("inf"), "")) - 1
        begin, end, name = self.objects[i]
        return name if begin <= at < end else "heap and other memory"


class Part:
    """A part of a trace."""

    def __init__(self, lines):
        self.lines = lines
        self.calls = []  # (system call, its first argument, where in `lines`)
        for i, line in enumerate(lines):
            if line.startswith("SYSCALL"):
                call = CALL.match(line)
                if call and call[1] not in CLOCKS:
                    self.calls.append((call[1], call[2], i))

    def system_calls(self):
        return collections.Counter(name for name, *_ in self.calls)

    def instructions(self):
        """How often the instruction at each address ran; one that repeats itself (rep) ran once."""
        found, last = collections.Counter(), None
        for line in self.lines:
            if line.startswith("I"):
                found[line] += line != last
                last = line
        return collections.Counter({int(line[3:].partition(",")[0], 16): count
                                    for line, count in found.items()})

    def touched(self, unit):
        """The numbers of the cache lines, or pages, of what was read, written and executed."""
        found = set()
        for access in {line[3:] for line in self.lines if line[:2] in ("I ", " L", " S", " M")}:
            at, _, size = access.partition(",")
            begin = int(at, 16)
            found.update(range(begin // unit, (begin + int(size) - 1) // unit + 1))
        return found

    def until_send(self, descriptors):
        """From the first wake-up to the first command to one of these; None without a command."""
        for name, first, i in self.calls:
            if name in SENDS and first in descriptors:
                return Part(self.lines[:i])
        return None


class Worker:
    """mptcpd under a tool of valgrind on the client of a network."""

    # Looks at the health of links come by the clock, and under valgrind a life takes seconds.
    def __init__(self, net, tool=LACKEY, config=FULLMESH + "[interface:link*]\nhealth = off\n"):
        self.trace = net.directory / "trace"
        self.sums = net.directory / "sums"
        # Elsewhere files of others have the same names: they are made of process ids, of a sandbox.
        self.gate = f"--vgdb-prefix={net.directory / 'vgdb'}"
        if tool == CALLGRIND:
            tool = (*tool, f"--callgrind-out-file={self.sums}", self.gate)
        # Where there is no bus it is looked for, by the clock too. One that says nothing is waited for.
        bus = net.directory / "bus"
        self.bus = socket.create_server(str(bus), family=socket.AF_UNIX)
        self.daemon = Daemon(net.client, config, wait=False, verbose=False,
                             prefix=("valgrind", *tool, "--trace-syscalls=yes",
                                     f"--log-file={self.trace}"),
                             environment={"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={bus}"})
        self.at = 0
        self.rest()
        self.code = Code(self.daemon.child.pid)
        self.commands = self._commands(net.client)

    def _commands(self, host):
        """The descriptors of its generic netlink sockets."""
        listed = [row.split() for row in host.run("cat", "/proc/net/netlink").stdout.splitlines()]
        sockets = {f"socket:[{row[-1]}]" for row in listed if row[1] == NETLINK_GENERIC}
        directory = f"/proc/{self.daemon.child.pid}/fd"
        return {fd for fd in os.listdir(directory) if os.readlink(f"{directory}/{fd}") in sockets}

    def _size(self):
        return self.trace.stat().st_size if self.trace.exists() else 0

    def _last_words(self):
        with open(self.trace, encoding="utf-8", errors="replace") as file:
            file.seek(max(0, self._size() - 1000))
            return f"{self.daemon.child.returncode}, {self.daemon.text()}, {file.read()}"

    def _is_asleep(self):
        with open(self.trace, "rb") as file:
            file.seek(max(0, self._size() - 200))
            return bool(IS_ASLEEP.search(file.read()))

    def rest(self):
        """Wait until it did something and sleeps again; what it did since the last time."""
        last, since = self.at, time.monotonic()

        def is_resting():
            nonlocal last, since
            if self.daemon.child.poll() is not None:
                raise AssertionError(f"mptcpd under valgrind has ended: {self._last_words()}")
            size = self._size()
            if size != last or size == self.at or not self._is_asleep():
                last, since = size, time.monotonic()
            return time.monotonic() > since + 0.1

        wait_until(is_resting, 60, "mptcpd rests under valgrind", self._size)
        with open(self.trace, encoding="ascii", errors="replace") as file:
            file.seek(self.at)
            text = file.read(last - self.at)
        self.at = last
        return Part(text.splitlines())

    def live(self, storm):
        """One connection from its beginning to its end: {step: Part}.

        `created` is what follows the handshake, `established` what follows the server's first data
        up to the end of the joins, one for each link but the first.
        """
        parts = {}
        for step, order in STEPS.items():
            storm.say(order)
            parts[step] = self.rest()
        return parts

    def tell(self, *order):
        """An order to callgrind."""
        subprocess.run(["vgdb", self.gate, f"--pid={self.daemon.child.pid}", *order], check=True,
                       capture_output=True)

    def sum(self, number):
        """The instructions up to the dump of this number, from the one before it."""
        text = pathlib.Path(f"{self.sums}.{number}").read_text("ascii")
        return int(re.search(r"^totals: (\d+)", text, re.M)[1])


STEPS = {"created": "knock 1", "established": "greet", "closed": "close"}  # of storm.c


def lives(n, links=2, warm=5, monitors=0):
    """(Code, descriptors for commands, [{step: Part} of each of n connections, one after another])

    With monitors, the lives of n more follow while so many read.
    """
    with Network(links=links) as net:
        Storm(net.server, "server", "0.0.0.0", 5000)
        worker = Worker(net)
        storm = Storm(net.client, "client", "10.0.1.2", 5000)
        found = [worker.live(storm) for _ in range(warm + n)][warm:]
        for _ in range(monitors):
            net.client.start(MPTCPCTL, "--socket", worker.daemon.runtime / "control", "monitor",
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            worker.rest()
        if monitors:
            found += [worker.live(storm) for _ in range(1 + n)][1:]
        return worker.code, worker.commands, found


def instructions_beside(standing, n, warm=3):
    """Instructions of a life, by callgrind, while so many other connections stand by."""
    with Network(links=2) as net:
        for host in (net.client, net.server):
            host.sysctl("net.ipv4.ip_local_port_range", "1024 65535")
        net.client.sysctl("net.mptcp.path_manager", "userspace")
        Storm(net.server, "server", "0.0.0.0", 5000)
        Storm(net.client, "client", "10.0.1.2", 5000).say(f"open {standing}")
        worker = Worker(net, CALLGRIND)
        joins = net.client.nstat()["MPJoinSynAckRx"]
        if joins != standing:
            raise AssertionError(f"{joins} joins of {standing}")
        storm = Storm(net.client, "client", "10.0.1.2", 5000)
        for _ in range(warm):
            worker.live(storm)
        worker.tell("instrumentation", "on")
        worker.tell("dump")
        for _ in range(n):
            worker.live(storm)
            worker.tell("dump")
        return median(worker.sum(2 + i) for i in range(n))


def gate(links, addresses, standing, seconds):
    """(instructions, system calls) of a look at the health of links while nothing happens.

    On so many links with so many addresses together, beside so many connections with two subflows.
    """
    config = FULLMESH + "max-subflows = 2\n[interface:link*]\nuse = yes\n"
    with Network(links=links) as net:
        for host in (net.client, net.server):
            host.sysctl("net.ipv4.ip_local_port_range", "1024 65535")
        net.client.ip(*(f"address add 10.0.{i}.{10 + j}/24 dev link{i}"
                        for i in net.links for j in range(1, addresses // links)))
        net.client.sysctl("net.mptcp.path_manager", "userspace")
        Storm(net.server, "server", "0.0.0.0", 5000)
        Storm(net.client, "client", "10.0.1.2", 5000).say(f"open {standing}")
        worker = Worker(net, CALLGRIND, config)
        wait_until(lambda: net.client.nstat()["MPJoinSynAckRx"] >= standing, 60, "all joined")
        measure(1)  # until what was just heard is long ago
        worker.tell("instrumentation", "on")
        worker.tell("dump")
        begin = worker.trace.stat().st_size
        measure(seconds)
        worker.tell("dump")
        with open(worker.trace, encoding="ascii", errors="replace") as file:
            file.seek(begin)
            calls = Part(file.read().splitlines()).system_calls()
        looks = calls["pread64"] / 2  # of two files
        return worker.sum(2) / looks, sum(calls.values()) / looks


def counts(path):
    """{system call: how many} of what `strace -c` wrote."""
    rows = [line.split() for line in path.read_text("ascii").splitlines()]
    return {row[-1]: int(row[3]) for row in rows
            if len(row) > 4 and row[3].isdigit() and row[-1] != "total"}


def traced(n, links, live):
    """{system call: how many a connection} at the real speed, of `live(net, storm, n)`."""
    with Network(links=links) as net:
        Storm(net.server, "server", "0.0.0.0", 5000)
        daemon = Daemon(net.client, verbose=False)
        storm = Storm(net.client, "client", "10.0.1.2", 5000)
        path = net.directory / "counts"
        tracer = net.client.start("strace", "-c", "-f", "-o", path, "-p", daemon.child.pid,
                                  stderr=subprocess.PIPE)
        tracer.stderr.readline()  # "attached"
        live(net, storm, n)
        tracer.send_signal(signal.SIGINT)
        tracer.wait()
        return {name: count / n for name, count in counts(path).items()}


@contextlib.contextmanager
def standing(n, config=FULLMESH):
    """(network, mptcpd) with n connections, of two subflows each, that nothing happens to."""
    with Network(links=2) as net:
        for host in (net.client, net.server):
            host.sysctl("net.ipv4.ip_local_port_range", "1024 65535")
        Storm(net.server, "server", "0.0.0.0", 5000)
        daemon = Daemon(net.client, config, verbose=False)
        Storm(net.client, "client", "10.0.1.2", 5000).say(f"open {n}")
        wait_until(lambda: daemon.json("status")["status"]["subflows"] >= 2 * n, 60, "all joined")
        yield net, daemon


def strace(net, daemon, seconds, *options):
    """What strace wrote of so many seconds of the daemon."""
    path = net.directory / "strace"
    net.client.run("timeout", "-s", "INT", str(seconds), "strace", *options, "-f", "-o", path,
                   "-p", str(daemon.child.pid), check=False)
    return path


def idle(n, seconds):
    """{system call: how many} in so many seconds beside n connections that nothing happens to."""
    with standing(n) as (net, daemon):
        return counts(strace(net, daemon, seconds, "-c"))


def asked(n, seconds, plugin):
    """(dumps, questions about one) of sockets in so many seconds beside n connections of a policy."""
    config = FULLMESH.replace("fullmesh", plugin) + "[interface:link*]\nhealth = off\n"
    with standing(n, config) as (net, daemon):
        lines = strace(net, daemon, seconds, "-e", "trace=sendto,sendmsg,sendmmsg").read_text("ascii")
        # SOCK_DIAG_BY_FAMILY, or TCPDIAG_GETSOCK, which asks for both families at once
        dumps = [("NLM_F_DUMP" in line) for line in lines.splitlines() if "DIAG" in line]
        return sum(dumps), len(dumps) - sum(dumps)


def listing(n):
    """Instructions of `mptcpctl --json connection` with n connections, all measured."""
    with standing(n) as (net, daemon):
        told = daemon.host.directory / "callgrind"
        done = net.client.run("valgrind", "--tool=callgrind", f"--callgrind-out-file={told}", MPTCPCTL,
                              "--socket", daemon.runtime / "control", "--json", "connection")
        tap.equal(done.stdout.count('"rtt-us"'), 2 * n, "subflows that were measured")
        return int(re.search(r"^(?:summary|totals): (\d+)", told.read_text("ascii"), re.M)[1])


def memory(n):
    """(bytes resident at rest, bytes more for each of n connections with two subflows)

    The former counts what is shared with other programs, the latter heap and state file, beyond
    what the first connection takes once for all.
    """
    def sizes():
        text = pathlib.Path(f"/proc/{daemon.child.pid}/smaps_rollup").read_text("ascii")
        of = {name: 1024 * int(kib) for name, kib in re.findall(r"^(\w+): +(\d+) kB", text, re.M)}
        return of["Rss"], of["Private_Dirty"] + of["Shared_Dirty"]

    with Network(links=2) as net:
        for host in (net.client, net.server):
            host.sysctl("net.ipv4.ip_local_port_range", "1024 65535")
        Storm(net.server, "server", "0.0.0.0", 5000)
        daemon = Daemon(net.client, verbose=False)
        storm, begin = Storm(net.client, "client", "10.0.1.2", 5000), sizes()
        for opened in (1, n):
            before = sizes()[1]
            storm.say(f"open {opened}")
            wait_until(lambda: daemon.json("status")["status"]["subflows"] >= 2 * opened, 60,
                       "all are known")
        return begin[0], (sizes()[1] - before) / n


@contextlib.contextmanager
def crowd(n, carriers=0):
    """(network, daemon, what carries data): n connections, a few of which can; the last that came."""
    with Network(links=2, note=tap.note) as net:
        for host in (net.client, net.server):
            host.sysctl("net.ipv4.ip_local_port_range", "1024 65535")
        daemon = Daemon(net.client, FULLMESH + "[interface:link*]\nuse = yes\n", verbose=False)
        for port, count in ((PORT, n - carriers), (PORT + 1, carriers)):
            Storm(net.server, "server", "0.0.0.0", port)
            storm = Storm(net.client, "client", "10.0.1.2", port)
            storm.say(f"open {count}")
        wait_until(lambda: daemon.json("status")["status"]["subflows"] >= 2 * n, 60, "all joined")
        yield net, daemon, storm


# So long after its last byte a connection counts as one that carries none.
IDLE = 1.1


def flap(n, carriers):
    """In which order n connections lose a subflow with a link, and get it back.

    {event: [PORT of each connection, or PORT + 1 where data is carried]}
    """
    with crowd(n, carriers) as (net, daemon, storm):
        monitor, found, opened = Monitor(daemon), {}, time.monotonic()
        wait_until(lambda: time.monotonic() > opened + IDLE, IDLE + 1, "the others have been quiet")

        def ports(event):
            return [one["remote"]["port"] for one in list(monitor.events) if one["event"] == event]

        for event, left, act in (("subflow-closed", 1, lambda: net.down(2)),
                                 ("subflow-established", 2, lambda: net.up(2, net.client))):
            before = len(ports(event))  # of the present state
            storm.order("carry", left)
            storm.read()  # they do
            act()
            wait_until(lambda e=event, b=before: len(ports(e)) >= b + n, 60, f"each {event}")
            storm.read()
            found[event] = ports(event)[before : before + n]
        return found


def flap_calls(n):
    """{"lost" or "back": {system call: how many a connection}} when n lose a link and get it back."""
    def established():
        rows = [row.split() for row in net.client.run("cat", "/proc/net/snmp").stdout.splitlines()
                if row.startswith("Tcp:")]
        return int(dict(zip(*rows))["CurrEstab"])

    with crowd(n) as (net, daemon, _):
        found = {}
        for what, left, act in (("lost", 1, lambda: net.down(2)),
                                ("back", 2, lambda: net.up(2, net.client))):
            path = net.directory / what
            tracer = net.client.start("strace", "-c", "-f", "-o", path, "-p", daemon.child.pid,
                                      stderr=subprocess.PIPE)
            tracer.stderr.readline()  # "attached"
            act()
            wait_until(lambda sign=left * 2 - 3, left=left: sign * (established() - left * n) >= 0, 60,
                       f"each has {left}", established)
            tracer.send_signal(signal.SIGINT)
            tracer.wait()
            found[what] = {name: count / n for name, count in counts(path).items()}
        return found


def one_by_one(net, storm, n):
    for i in range(n):
        storm.say("open 1")
        wait_until(lambda i=i: net.client.nstat()["MPJoinSynAckRx"] > i, 5, "a join")
        storm.say("close")
        wait_until(lambda: not net.client.connections(), 5, "its end")


def at_once(net, storm, n):
    storm.say(f"open {n}")
    wait_until(lambda: net.client.nstat()["MPJoinSynAckRx"] >= n, 20, "all joins")
    storm.say("close")
    wait_until(lambda: not net.client.connections(), 20, "no connection is left")


def mean_calls(parts):
    """{system call: how many a life}"""
    total = sum((part.system_calls() for life in parts for part in life.values()),
                collections.Counter())
    return {name: count / len(parts) for name, count in total.most_common()}


def mean_instructions(code, parts):
    """{function: instructions a life}, those with most first"""
    total = sum((part.instructions() for life in parts for part in life.values()),
                collections.Counter())
    found = collections.Counter()
    for at, count in total.items():
        found[code.function(at)] += count / len(parts)
    return dict(found.most_common())


def ways(parts, descriptors):
    """Of each connection with a command, the part from wake-up to the first."""
    found = [life["established"].until_send(descriptors) for life in parts]
    return [way for way in found if way]


def allocations(code, part):
    counts = part.instructions()
    return sum(counts[at] for at in code.allocators)


def median(values):
    return statistics.median(list(values))
