# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon that mptcpctl starts for itself: what it answers is in test_direct.py, here is its life."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from daemon import MPTCPCTL, MPTCPD
from hosts import Network, Traffic, wait_until

NOBODY = ("setpriv", "--reuid", "65534", "--clear-groups")


def child_of(child):
    """The private daemon of a running mptcpctl, by its pid; 0: there is none."""
    try:
        found = pathlib.Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()
    except OSError:
        return 0
    return int(found[0]) if found else 0


def is_running(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def daemons():
    """The pids of all private daemons of this sandbox."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().split(b"\0")
            if b"--private" in words and os.path.basename(words[0]) == b"mptcpd":
                found.append(path.parent.name)
    return found


def listeners(host):
    """How many generic netlink sockets of the host are in any group."""
    lines = host.run("cat", "/proc/net/netlink").stdout.splitlines()[1:]
    return sum(1 for line in lines if line.split()[1] == "16" and int(line.split()[3], 16))


def traces(host):
    """All that a program could leave behind: settings, files, sockets that listen."""
    settings = host.run("sh", "-c", "cd /proc/sys/net/mptcp && grep -r . ; "
                        "cat /proc/sys/net/ipv4/conf/*/rp_filter").stdout
    mptcp = host.run("sh", "-c", "ip mptcp endpoint; ip mptcp limits").stdout
    files = sorted(str(path) for path in pathlib.Path("/run").rglob("*"))
    return settings, mptcp, files, listeners(host), daemons()


class Monitor:
    """`mptcpctl monitor` without a daemon, read in the background."""

    def __init__(self, host):
        self.events = []
        self.child = host.start(MPTCPCTL, "--json", "monitor", stdout=subprocess.PIPE)
        threading.Thread(target=self._read, daemon=True).start()
        self.wait("synchronized")

    def _read(self):
        for line in self.child.stdout:
            self.events.append(json.loads(line))

    def wait(self, name, check=lambda event: True):
        def found():
            return [e for e in list(self.events) if e["event"] == name and check(e)]

        return wait_until(found, 3, name, lambda: self.events)


class Asked:
    """A private daemon whose client we are."""

    def __init__(self, host, what):
        self.ours, theirs = socket.socketpair()
        self.child = host.start(MPTCPD, "--private", what, stdin=theirs)
        theirs.close()

    def wait_ready(self):
        self.ours.settimeout(5 * tap.SLOW)
        self.ours.sendall(b"\0AUTH ANONYMOUS\r\n")
        tap.true(self.ours.recv(4096), "it says something")

    def end(self):
        self.ours.close()
        return self.child.wait(timeout=5 * tap.SLOW)


@tap.test("/private/leaves-nothing-behind")
def leaves_nothing():
    with Network(note=tap.note) as net:
        before = traces(net.client)
        for words in ("connection", "subflow", "endpoint", "limits", "limits set subflows 2",
                      "withdraw deadbeef id 1", "endpoint delete id 9"):
            net.client.run(MPTCPCTL, *words.split(), check=False)
            tap.equal(traces(net.client), before, words)
        monitor = Monitor(net.client)
        tap.equal(len(daemons()), 1, "a daemon")
        monitor.child.send_signal(signal.SIGINT)
        monitor.child.wait(timeout=5 * tap.SLOW)
        wait_until(lambda: not daemons(), 1, "it has ended", daemons)
        tap.equal(traces(net.client), before, "monitor")


@tap.test("/private/needs-no-device-files")
def no_devices():
    with Network(note=tap.note) as net:
        bare = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs none /dev && exec "$@"', "sh")
        done = net.client.run(*bare, MPTCPCTL, "--json", "endpoint", check=False)
        tap.equal((done.returncode, done.stdout, done.stderr), (0, '{"endpoints":[]}\n', ""), "it")
        done = net.client.run(*bare, "env", "MPTCPD=/no/mptcpd", MPTCPCTL, "limits", check=False)
        tap.equal(done.returncode, 3, "exit of one without a program")
        tap.true("cannot run /no/mptcpd: No such file" in done.stderr, done.stderr)


@tap.test("/private/dies-with-its-client")
def dies():
    with Network(note=tap.note) as net:
        monitor = Monitor(net.client)
        pid = child_of(monitor.child)
        tap.true(pid and is_running(pid), f"no private daemon: {pid}")
        monitor.child.kill()
        wait_until(lambda: not is_running(pid), 1, "it has died with its client")
        # Killed before anything was asked, and while it starts.
        for what in ("ask", "monitor"):
            tap.equal(Asked(net.client, what).end(), 0, f"exit of one that nobody asked ({what})")


@tap.test("/private/stopped-one-does-not-keep-mptcpctl")
def stopped():
    with Network(note=tap.note) as net:
        child = net.client.start(MPTCPCTL, "monitor", stdout=subprocess.PIPE)
        tap.true(any("synchronized" in line for line in child.stdout), "it monitors")
        pid = child_of(child)
        os.kill(pid, signal.SIGSTOP)
        child.stdout.close()  # its reader goes
        child.wait(timeout=5 * tap.SLOW)
        wait_until(lambda: not is_running(pid), 1, "it has gone, too")


@tap.test("/private/listens-to-events-for-monitor-alone")
def listens():
    with Network(note=tap.note) as net:
        tap.equal(listeners(net.client), 0, "before")
        for what, wanted in (("ask", 0), ("monitor", 1)):
            asked = Asked(net.client, what)
            asked.wait_ready()
            tap.equal(listeners(net.client), wanted, what)
            tap.equal(asked.end(), 0, f"exit ({what})")
        tap.equal(listeners(net.client), 0, "after")


@tap.test("/private/answers-within-100-ms")
def quick():
    with Network(note=tap.note) as net:
        Traffic(net.server, "server", "::", 5000)
        Traffic(net.client, "client", "10.0.1.2", 5000, 20)
        wait_until(lambda: len(net.client.connections()) == 20, 5, "connections")
        for words in ("connection", "endpoint", "limits"):
            took = []
            for _ in range(20):
                begin = time.monotonic()
                net.client.run(MPTCPCTL, words)
                took.append(time.monotonic() - begin)
            took.sort()
            tap.note(f"{words}: {took[0] * 1000:.0f} ms, median {took[10] * 1000:.0f} ms")
            # What it needs; that others were busy is not its doing.
            tap.at_most(took[0], 0.1 * tap.SLOW, f"seconds for {words}")


@tap.test("/private/does-nothing-by-itself")
def does_nothing():
    with Network(note=tap.note) as net:
        host = net.client
        host.sysctl("net.mptcp.path_manager", "userspace")
        Traffic(net.server, "server", "::", 5000)
        Traffic(host, "client", "10.0.1.2", 5000)
        token = host.connections()[0]["token"]
        host.run(MPTCPCTL, "subflow", "add", token, "10.0.2.1", "10.0.2.2:5000")
        wait_until(lambda: len(host.subflows(token)) == 2, 2, "a join")
        host.run(MPTCPCTL, "announce", token, "10.0.3.1", "id", "9", "dev", "link3")
        monitor = Monitor(host)
        net.server.ip("link set link2 down", "link set link3 down")
        for link in ("link2", "link3"):
            monitor.wait("interface-changed", lambda e, link=link: e["interface"]["name"] == link
                         and not e["interface"]["carrier"])
        net.server.ip("link set link2 up", "link set link3 up")
        host.ip("address delete 10.0.2.1/24 dev link2", "mptcp endpoint add 10.0.3.1 id 3 subflow")
        monitor.wait("interface-address-removed")
        monitor.wait("endpoint-added")  # it has looked at all since
        tap.equal(len(host.subflows(token)), 2, "subflows, all left as they are")
        tap.equal(net.server.nstat().get("RmAddr", 0), 0, "nothing is withdrawn")
        tap.equal(json.loads(host.run("ip", "-json", "mptcp", "endpoint").stdout)[0]["id"], 3,
                  "nor is an endpoint touched")


@tap.test("/private/one-that-is-missing-is-named")
def missing():
    with Network(note=tap.note) as net:
        done = net.client.run("env", "MPTCPD=/nowhere/mptcpd", MPTCPCTL, "limits", check=False)
        tap.equal(done.returncode, 3, f"exit ({done.stderr})")
        tap.true("/nowhere/mptcpd: No such file" in done.stderr, done.stderr)
        done = net.client.run("env", "MPTCPD=/bin/false", MPTCPCTL, "limits", check=False)
        tap.equal(done.returncode, 1, f"exit ({done.stderr})")
        done = net.client.run("env", "MPTCPD=/bin/true", MPTCPCTL, "limits", check=False)
        tap.equal(done.returncode, 1, f"exit ({done.stderr})")
        tap.true("ended before it answered" in done.stderr, done.stderr)


@tap.test("/private/says-why-it-cannot-answer")
def starved():
    """Wherever it runs out of descriptors, mptcpctl answers or names the reason."""
    with Network(note=tap.note) as net:
        codes = set()
        for limit in range(8, 33):
            done = net.client.run("prlimit", f"--nofile={limit}", MPTCPCTL, "limits", check=False)
            codes.add(done.returncode)
            tap.true(done.returncode == 0 or "Too many open files" in done.stderr,
                     f"{limit} descriptors: exit {done.returncode} ({done.stderr.strip()})")
        tap.equal(codes, {0, 1}, "some are too few, and some enough")


@tap.test("/private/never-in-place-of-a-socket-that-was-named")
def named():
    with Network(note=tap.note) as net:
        started = net.directory / "started"
        program = net.directory / "mptcpd"
        program.write_text(f"#!/bin/sh\ntouch {started}\n")
        program.chmod(0o755)
        deaf = socket.socket(socket.AF_UNIX)
        deaf.bind(str(net.directory / "deaf"))
        deaf.listen()
        env = f"MPTCPD={program}"
        for words, code in ((("--socket", "nowhere", "limits"), 3),
                            (("--socket", str(net.directory / "deaf"), "limits"), 1)):
            done = net.client.run("env", env, MPTCPCTL, *words, check=False)
            tap.equal(done.returncode, code, f"exit ({done.stderr})")
        done = net.client.run("env", env, "MPTCPCTL_SOCKET=/nowhere", MPTCPCTL, "monitor",
                              check=False)
        tap.equal(done.returncode, 3, f"exit ({done.stderr})")
        tap.true(not started.exists(), "one was started")
        net.client.run("env", env, MPTCPCTL, "limits", check=False)
        tap.true(started.exists(), "one is, where no socket was named")


@tap.test("/private/speaks-to-its-client-alone")
def alone():
    with Network(note=tap.note) as net:
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(str(net.directory / "notify"))
        notify.setblocking(False)
        done = net.client.run("env", f"NOTIFY_SOCKET={net.directory / 'notify'}", MPTCPCTL, "limits")
        tap.equal(done.stderr, "", "words on stderr")
        with contextlib.suppress(BlockingIOError):
            raise AssertionError(f"told the service manager {notify.recv(4096)}")
        done = net.client.run(MPTCPD, "--private", "ask", check=False, stdin="")
        tap.equal(done.returncode, 2, "exit without a socket")
        if os.getuid() == 0:
            done = net.client.run(*NOBODY, MPTCPCTL, "monitor", check=False)
            tap.equal((done.returncode, len(done.stderr.splitlines())), (4, 1), done.stderr)


if __name__ == "__main__":
    sandbox.run(tap.main)
