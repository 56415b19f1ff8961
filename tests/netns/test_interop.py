# SPDX-License-Identifier: LGPL-2.1-or-later
"""libmptcp with others between two hosts: the examples with each other, and Go both ways.

Judges are `ss`, the kernel's counters of MP_CAPABLE, and what Go's net package says itself.
"""

import functools
import pathlib
import re
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import go
import libmptcp
import sandbox
import tap
from capture import in_namespace
from hosts import Network, wait_until
from libmptcp import dial, listen, rules

ECHO_CLIENT, ECHO_SERVER = (libmptcp.BUILD / f"examples/echo-{side}" for side in ("client", "server"))
ADDRESSES = {"IPv4": "10.0.1.2", "IPv6": "2001:db8:1::2"}
USED, FALLEN_BACK, PLAIN = (1, 1, 0), (1, 0, 1), (0, 0, 0)


class Program:
    """A program of a host and the lines that it prints."""

    def __init__(self, host, *argv):
        self.child = host.start(*argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()
        self.child.stdin.close()
        self.child.stdout.close()

    def line(self, pattern):
        """The next line, which is to match; the match."""
        line = self.child.stdout.readline()
        tap.true(line, f"{self.child.args[4:]} ended")
        found = re.match(pattern, line)
        tap.true(found, f"{line!r} of {self.child.args[4:]}, wanted {pattern}")
        return found

    def until(self, line):
        """Skip what comes before that line."""
        while self.line("").string != f"{line}\n":
            pass

    def say(self, line):
        self.child.stdin.write(f"{line}\n")
        self.child.stdin.flush()

    def end(self):
        """Of its input; the rest of what it prints."""
        self.child.stdin.close()
        text = self.child.stdout.read()
        tap.equal(self.child.wait(), 0, "exit")
        return text


class Judge:
    """Whether the one connection that begins from now on is MPTCP."""

    def __init__(self, net):
        self.net, self.before = net, self.handshakes(net)

    @staticmethod
    def handshakes(net):
        """Of MPTCP, which the server's kernel has seen to the end."""
        return net.server.nstat()["MPCapableACKRX"]

    def says(self, mptcp):
        tap.equal(self.handshakes(self.net) - self.before, int(mptcp), "handshakes of MPTCP")
        for host in (self.net.client, self.net.server):
            listed = host.run("ss", "-MinHO", "state", "established").stdout
            tap.equal(bool(listed.strip()) and "fallback" not in listed, mptcp,
                      f"what ss says of {host.name}: {listed}")


# --- the examples ---


@tap.test("/interop/examples/echo-over-all-subflows")
def examples():
    with Network(links=2, note=tap.note) as net:
        net.client.ip("mptcp limits set subflow 4", "mptcp endpoint add 10.0.2.1 dev link2 subflow",
                      "mptcp endpoint add 2001:db8:2::1 dev link2 subflow")
        with Program(net.server, ECHO_SERVER, "4711") as server:
            server.line("listening on port 4711")
            for address in ADDRESSES.values():
                with Program(net.client, ECHO_CLIENT, address, "4711") as client:
                    client.line("connected: MPTCP$")
                    client.line(r"  subflow .*:4711 .*, initial$")
                    client.say("hello")
                    client.line("hello$")
                    wait_until(lambda: len(net.client.run("ss", "-tnH", "state", "established").stdout.splitlines())
                               == 2, 10, "a second subflow")
                    rest = client.end()
                    tap.true(rest.startswith("finished: MPTCP\n") and rest.count("\n  subflow ") == 2
                             and rest.count(", initial\n") == 1, f"what the client says: {rest}")
                server.until("finished: MPTCP")


@tap.test("/interop/examples/say-that-it-is-tcp")
def examples_on_tcp():
    with Network(links=1, note=tap.note) as net:
        net.server.sysctl("net.mptcp.enabled", 0)
        with Program(net.server, ECHO_SERVER, "4711") as server:
            server.line("listening on port 4711")
            with Program(net.client, ECHO_CLIENT, "10.0.1.2", "4711") as client:
                client.line("connected: TCP, fallen back$")
                client.say("hello")
                rest = client.end()
                tap.true("hello\nfinished: TCP, fallen back\n" in rest, rest)
            server.until("finished: TCP")
        done = net.client.run(ECHO_CLIENT, "10.0.1.2", "4711", check=False)
        tap.equal((done.returncode, done.stderr), (1, "echo-client: 10.0.1.2 port 4711: Connection refused\n"),
                  "nobody there")
        for program in (ECHO_CLIENT, ECHO_SERVER):
            done = net.client.run(program, check=False)
            tap.equal((done.returncode, done.stderr[:6]), (2, "Usage:"), "usage")


# --- Go ---


@functools.cache
def talk():
    """The program of interop.go."""
    return go.build(pathlib.Path(__file__).resolve().parent / "interop.go", pathlib.Path(DIRECTORY.name) / "interop")


def bracketed(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


@tap.test("/interop/go/its-client-and-our-server", seconds=300)
def go_client():
    program = talk()
    with Network(links=1, note=tap.note) as net:
        for client, flags, ours, theirs in (("mptcp", 0, USED, "true"), ("tcp", 0, PLAIN, "false"),
                                            ("mptcp", libmptcp.LISTEN_PLAIN, PLAIN, "false")):
            for family, address in ADDRESSES.items():
                with in_namespace("server", functools.partial(listen, flags=flags)) as server:
                    where = bracketed(address, server.getsockname()[1])
                    judge = Judge(net)
                    with Program(net.client, program, "client", where, client) as peer, server.accept()[0] as sock:
                        sock.sendall(sock.recv(4, socket.MSG_WAITALL))
                        peer.line(f"mptcp {theirs}$")
                        tap.equal(rules(sock), ours, f"{client} client, listener with {flags}, {family}")
                        judge.says(theirs == "true")


@tap.test("/interop/go/its-server-and-our-client", seconds=300)
def go_server():
    program = talk()
    with Network(links=1, note=tap.note) as net:
        for server, flags, ours, theirs in (("mptcp", 0, USED, "true"), ("tcp", 0, FALLEN_BACK, "false"),
                                            ("mptcp", libmptcp.DIAL_PLAIN, PLAIN, "false")):
            for family, address in ADDRESSES.items():
                with Program(net.server, program, "server", bracketed(address, 0), server) as peer:
                    port = peer.line(r"listening (\d+)$")[1]
                    judge = Judge(net)
                    with in_namespace("client", functools.partial(dial, address, port, flags=flags)) as sock:
                        sock.sendall(b"word")
                        tap.equal(sock.recv(4, socket.MSG_WAITALL), b"word", "sent back")
                        peer.line(f"mptcp {theirs}$")
                        tap.equal(rules(sock), ours, f"{server} server, dial with {flags}, {family}")
                        judge.says(theirs == "true")


if __name__ == "__main__":
    DIRECTORY = tempfile.TemporaryDirectory(prefix="mptcp-interop-")
    with DIRECTORY:
        sandbox.run(tap.main)
