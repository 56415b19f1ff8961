# SPDX-License-Identifier: LGPL-2.1-or-later
"""mptcpize check: which sockets of running processes speak MPTCP; ss is the judge."""

import json
import os
import pathlib
import re
import resource
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from hosts import Host, wait_until

BUILD = pathlib.Path(os.environ.get("MPTCPD_BUILD",
                                    pathlib.Path(__file__).resolve().parents[2] / "build"))
MPTCPIZE = BUILD / "mptcpize/mptcpize"
# Runs a plan, says that it is done, and keeps all it has open until its input ends.
HOLDER = """\
import os, resource, socket, sys
TCP, MPTCP = 0, 262
resource.setrlimit(resource.RLIMIT_NOFILE, [resource.getrlimit(resource.RLIMIT_NOFILE)[1]] * 2)
def make(protocol, family=socket.AF_INET):
    return socket.socket(family, socket.SOCK_STREAM, protocol)
def listen(protocol, address, port):
    server = make(protocol, socket.AF_INET6 if ":" in address else socket.AF_INET)
    server.bind((address, port))
    server.listen(4096)
    return server
def connect(protocol, address, port):
    client = make(protocol, socket.AF_INET6 if ":" in address else socket.AF_INET)
    client.connect((address, port))
    return client
def talk(a, b):
    for each, other in ((a, b), (b, a), (a, b)):
        each.send(b"x")
        other.recv(1)
    return a, b
exec(sys.argv[1])
print("ready", flush=True)
sys.stdin.read()
"""


class Lone:
    """One namespace with a loopback alone, and processes in it."""

    def __enter__(self):
        self.host = Host("check", 1, None)
        return self

    def __exit__(self, kind, _value, _trace):
        if kind:
            tap.note(self.host.run("ss", "-tMn").stdout)
        self.host.stop()

    def hold(self, plan, *before):
        child = self.host.start(*before, "/usr/bin/python3", "-c", HOLDER, plan,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        tap.equal(child.stdout.readline(), "ready\n", "the holder")
        return child

    def check(self, *argv, code=0, inside=True):
        """What it prints, or of a failure what it says."""
        argv = [str(MPTCPIZE), "check", *map(str, argv)]
        done = subprocess.run(self.host.argv(*argv) if inside else argv, text=True,
                              capture_output=True, check=False)
        tap.equal(done.returncode, code, f"exit of {argv} ({done.stderr})")
        return done.stdout if code == 0 else done.stderr


def kinds(lines):
    """How many of each kind; and that no line is there twice."""
    found = {}
    tap.equal(len(set(lines)), len(lines), f"lines that are there twice: {lines}")
    for line in lines:
        match = re.fullmatch(r"(mptcp|tcp|fallen-back) (\S+:\d+) -> (\*|\S+:\d+)", line)
        tap.true(match, f"the line {line!r}")
        key = match[1], "listens" if match[3] == "*" else "connected"
        found[key] = found.get(key, 0) + 1
    return found


ALL = """
a = listen(MPTCP, "127.0.0.1", 5000)
b = listen(TCP, "0.0.0.0", 5001)
c = listen(MPTCP, "::", 5002)
unconnected, datagram = make(MPTCP), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
both = talk(connect(MPTCP, "127.0.0.1", 5000), a.accept()[0])
fell = talk(connect(MPTCP, "127.0.0.1", 5001), b.accept()[0])
plain = talk(connect(TCP, "127.0.0.1", 5000), a.accept()[0])
six = talk(connect(MPTCP, "::1", 5002), c.accept()[0])
"""


@tap.test("/check/process/each-socket-is-told-once-and-truly")
def each():
    with Lone() as lone:
        # So that there are subflows beside the connections
        lone.host.run("ip", "mptcp", "limits", "set", "subflow", "4", "add_addr_accepted", "4")
        for last in (2, 3):
            lone.host.run("ip", "mptcp", "endpoint", "add", f"127.0.0.{last}", "subflow")
        pid = lone.hold(ALL).pid
        wait_until(lambda: len(lone.host.subflows()) > 6, 10, "there are subflows")
        lines = lone.check(pid).splitlines()
        tap.equal(kinds(lines), {("mptcp", "listens"): 2, ("tcp", "listens"): 1,
                                 # two of each end, and the server's end is plain of the rest
                                 ("mptcp", "connected"): 4, ("fallen-back", "connected"): 1,
                                 ("tcp", "connected"): 3}, "what there is")
        for line in ("mptcp 127.0.0.1:5000 -> *", "tcp 0.0.0.0:5001 -> *", "mptcp [::]:5002 -> *"):
            tap.true(line in lines, f"{line} in {lines}")
        tap.equal(len(lone.host.connections()), 5, "MPTCP sockets as of ss, with the fallen one")
        fell, = [line for line in lines if line.startswith("fallen-back")]
        tap.true(fell.endswith("-> 127.0.0.1:5001"), fell)
        tap.equal(lone.check(pid, inside=False).splitlines(), lines, "from another namespace")
        listed = json.loads(lone.check("--json", pid))["sockets"]
        texts = [f"{s['protocol']} {address(s['local'])} -> "
                 f"{address(s['remote']) if not s['listening'] else '*'}" for s in listed]
        tap.equal(texts, lines, "as JSON")


def address(at):
    host = f"[{at['address']}]" if ":" in at["address"] else at["address"]
    return f"{host}:{at['port']}"


@tap.test("/check/process/one-that-has-none-or-is-gone")
def none():
    with Lone() as lone:
        child = lone.hold("pass")
        tap.equal(lone.check(child.pid), "", "of one without sockets")
        tap.equal(json.loads(lone.check("--json", child.pid)), {"sockets": []}, "as JSON")
        child.kill()
        child.wait()
        tap.true("no process" in lone.check(child.pid, code=1), "of one that ended")
        for odd in ("0", "99999999999999999999", "4294967297"):
            lone.check(odd, code=1)
        for wrong in ((), ("1", "2"), ("--jso", "1")):
            lone.check(*wrong, code=2)


@tap.test("/check/rights/ones-own-processes-without-any-and-others-not")
def rights():
    with Lone() as lone:
        nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
        mine, other = lone.hold(ALL, *nobody), lone.hold("x = listen(TCP, '127.0.0.1', 6000)")
        tap.equal(lone.check(mine.pid), as_nobody(lone, mine.pid), "with rights and without")
        tap.true("by root" in as_nobody(lone, other.pid, code=4), "of another's")
        done = lone.host.run("setpriv", "--bounding-set=-sys_ptrace", MPTCPIZE, "check", mine.pid,
                             check=False)
        tap.equal((done.returncode, "CAP_SYS_PTRACE" in done.stderr), (4, True),
                  f"of another's, for a root that may not: {done.stderr}")


def as_nobody(lone, pid, code=0):
    done = lone.host.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", MPTCPIZE,
                         "check", pid, check=False)
    tap.equal(done.returncode, code, f"exit as nobody ({done.stderr})")
    return done.stdout if code == 0 else done.stderr


@tap.test("/check/process/thousands-of-sockets", 120)
def many():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    count = min(3000, (most - 50) // 2)
    with Lone() as lone:
        pid = lone.hold(f"""
a = listen(MPTCP, "127.0.0.1", 5000)
pairs = [(connect(MPTCP if i % 2 else TCP, "127.0.0.1", 5000), a.accept()[0]) for i in range({count})]
""").pid
        found = kinds(lone.check(pid).splitlines())
        tap.equal(found, {("mptcp", "listens"): 1, ("mptcp", "connected"): count // 2 * 2,
                          ("tcp", "connected"): (count - count // 2) * 2}, "what there is")


if __name__ == "__main__":
    sandbox.run(tap.main)
