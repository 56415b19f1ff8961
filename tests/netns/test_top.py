# SPDX-License-Identifier: LGPL-2.1-or-later
"""`mptcpctl top` in a real terminal, tmux: what stands on its screen, as text."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from daemon import FULLMESH, MPTCPCTL, Daemon
from hosts import Network, Traffic, wait_until
from lab import measure
from stage import crowd

N, PERCENT = 10_000, 10  # of a core, client and daemon together


class Terminal:
    """A program in a terminal of its own, on the client."""

    def __init__(self, net, *argv, columns=80, lines=24, term="screen-256color"):
        self.net, self.socket = net, net.directory / "tmux"
        config = net.directory / "tmux.conf"
        config.write_text("set-option -g remain-on-exit on\n", encoding="ascii")
        self.tmux("-f", config, "new-session", "-d", "-x", columns, "-y", lines,
                  "env", f"TERM={term}", "LC_ALL=C.UTF-8", *net.client.argv(*argv))

    def tmux(self, *argv):
        return subprocess.run(["tmux", "-u", "-S", self.socket, *map(str, argv)], check=True, text=True,
                              capture_output=True, stdin=subprocess.DEVNULL).stdout

    def screen(self):
        return self.tmux("capture-pane", "-p")

    def press(self, *keys):
        self.tmux("send-keys", *keys)

    def wait(self, pattern, seconds=10):
        return wait_until(lambda: re.search(pattern, self.screen(), re.M), seconds, f"{pattern!r}",
                          lambda: "\n" + self.screen())

    def pid(self):
        found = self.tmux("list-panes", "-F", "#{pane_pid}").strip()
        return int(found)

    def wait_end(self):
        wait_until(lambda: self.tmux("list-panes", "-F", "#{pane_dead}").strip() == "1", 10,
                   "it ends", lambda: "\n" + self.screen())

    def end(self):
        with contextlib.suppress(subprocess.CalledProcessError):
            self.tmux("kill-server")


@contextlib.contextmanager
def top(net, daemon=None, **options):
    argv = ["--socket", daemon.runtime / "control"] if daemon else []
    terminal = Terminal(net, MPTCPCTL, *argv, "top", **options)
    try:
        yield terminal
    finally:
        terminal.end()


@contextlib.contextmanager
def scene(links=3):
    with Network(links=links, note=tap.note, rate="20mbit") as net:
        Traffic(net.server, "server", "0.0.0.0", 5000)
        daemon = Daemon(net.client, FULLMESH, verbose=False)
        client = Traffic(net.client, "client", "10.0.1.2", 5000)
        wait_until(lambda: daemon.json("status")["status"]["subflows"] == links, 10, "subflows")
        yield net, daemon, client


@tap.test("/top/curve/has-a-point-a-second-whatever-is-pressed", 60)
def curve():
    with scene(links=1) as (net, daemon, client), top(net, daemon, columns=120) as terminal:
        begin = time.monotonic()
        client.order("upload", 200 << 20)
        terminal.wait(r"^link1 .* ↑ +[0-9.]+ MB/s")
        for key in "rb" * 20:
            terminal.press(key)
            terminal.wait("^by rate " if key == "r" else "^by bytes ")
        drawn = terminal.wait(r"^link1 .*? ([▁▂▃▄▅▆▇█]+) +↑")[1]
        tap.at_most(len(drawn), time.monotonic() - begin + 3, "points")


@tap.test("/top/screen/links-connections-and-keys", 90)
def screen():
    with scene() as (net, daemon, client):
        token = daemon.connections()[0]["token"]
        with top(net, daemon) as terminal:
            terminal.wait(r"^1 connections, 3 subflows; path manager userspace; scheduler \w+ +\d\d:\d\d:\d\d$")
            client.order("upload", 200 << 20)
            terminal.wait(r"^link1 +[█▏▎▍▌▋▊▉]+.* ↑ +[0-9.]+ MB/s ↓")
            terminal.wait(r"^TOKEN +PEER +POLICY +SENT +RECEIVED +BYTES")
            terminal.wait(rf"^0*{token} +10\.0\.1\.2:5000 +default +[0-9.]+ MB/s +[0-9.]+ k?B/s +[0-9.]+ MB")
            for i in net.links:
                terminal.wait(rf"^  link{i} +10\.0\.{i}\.1:\d+ +[0-9.]+ m?s +[0-9.]+ [kM]B/s +\S+ [kM]?B/s +\d+%")
            terminal.press("b")
            terminal.wait("^by bytes  r s d b sort")
            terminal.press("/")
            terminal.wait("show only")
            terminal.press("dev nolink", "Enter")
            terminal.wait("no connection is as the filter says")
            terminal.press("/", *["BSpace"] * 12, "to 10.0.1.0/24", "Enter")
            terminal.wait(rf"^0*{token} ")
            terminal.press("/", *["BSpace"] * 20, "to nonsense", "Enter")
            terminal.wait(r'^"nonsense" is no address, expected ADDRESS, ADDRESS/BITS, ADDRESS:PORT or')
            terminal.press("/", *["BSpace"] * 20, "to " + "x" * 188, "Enter")
            terminal.wait(r'^"x{79}\nx{80}\nx{29}" is no address(.|\n)*\[IPV6\]:PORT$')
            terminal.press("/", *["BSpace"] * 191, "state lost", "Enter")
            terminal.wait('"lost" is no state, expected created, established, closing, multi-path, '
                          r"single(.|\n)*\bunhealthy$")
            terminal.press("/", *["BSpace"] * 20, "state single-path", "Enter")
            terminal.wait("no connection is as the filter says")
            terminal.press("/", *["BSpace"] * 20, "to 10.0.1.2:5000 state multi-path", "Enter")
            terminal.wait(rf"^0*{token} ")
            terminal.press("h")
            terminal.wait("sort by rate, both ways")
            terminal.press("h", "Enter")
            terminal.wait(rf"^0*{token}  10\.0\.1\.1:\d+ -> 10\.0\.1\.2:5000  client established")
            terminal.wait(r"^policy default; scheduler \w+$")
            terminal.wait(r"^written and not acknowledged by the peer [0-9.]+ [kM]B")
            terminal.wait(r"-> 10\.0\.1\.2:5000, \w+, \d+ sent again")
            net.down(2)
            terminal.wait(rf"^\d\d:\d\d:\d\d\.\d+  subflow-closed 10\.0\.2\.1:\d+ dev link2")
            terminal.wait(r"^link2 .* down")
            terminal.press("Escape")
            terminal.wait("^TOKEN +PEER")
            terminal.tmux("resize-window", "-x", "120", "-y", "40")
            terminal.wait(r"^1 connections.{90,} \d\d:\d\d:\d\d$")
            terminal.tmux("resize-window", "-x", "30", "-y", "5")
            terminal.wait("window too small")
            terminal.tmux("resize-window", "-x", "80", "-y", "24")
            terminal.wait("^TOKEN +PEER")
            terminal.press("q")
            terminal.wait_end()


@tap.test("/top/daemon/it-goes-on-over-a-restart")
def restart():
    with scene(links=2) as (net, daemon, _), top(net, daemon) as terminal:
        terminal.wait("^1 connections, 2 subflows")
        daemon.end()
        terminal.wait("mptcpd has gone; waiting for it to come back")
        Daemon(net.client, FULLMESH, verbose=False, runtime=daemon.runtime)
        terminal.wait("^1 connections, 2 subflows; path manager userspace(.|\n)*r s d b sort")


@tap.test("/top/daemon/where-none-runs-a-private-one-answers")
def alone():
    with Network(links=2, note=tap.note) as net:
        Traffic(net.server, "server", "0.0.0.0", 5000)
        client = Traffic(net.client, "client", "10.0.1.2", 5000)
        with top(net) as terminal:
            terminal.wait("^no mptcpd; 1 connections, 1 subflows; path manager kernel;")
            terminal.wait(r"^link1 .* ↑ +[0-9.]+ k?B/s ↓")
            client.order("upload", 200 << 20)
            terminal.wait(r"^[0-9a-f]+ +10\.0\.1\.2:5000 .* [0-9.]+ MB/s")
            private, = pathlib.Path(f"/proc/{terminal.pid()}/task/{terminal.pid()}/children").read_text().split()
            os.kill(int(private), signal.SIGKILL)
            terminal.wait("^the private mptcpd has ended: quit, and begin anew$")
            terminal.press("q")
            terminal.wait_end()


@tap.test("/top/cost/ten-thousand-connections", 180)
def cost():
    with crowd(N) as (net, daemon):
        def used(*pids):
            total = 0
            for pid in pids:
                words = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                total += int(words[11]) + int(words[12])
            return total * 10  # ms

        def over(seconds, *pids):
            before = used(*pids)
            begin, end = measure(seconds)
            return (used(*pids) - before) / (end - begin) / 10

        alone = over(5, daemon.child.pid)
        with top(net, daemon) as terminal:
            terminal.wait(f"^{N} connections")
            both = over(10, daemon.child.pid, terminal.pid())
            tap.note(f"{alone:.1f}% of a core without, {both:.1f}% with it")
            tap.at_most(both - alone, PERCENT, "per cent of a core")


if __name__ == "__main__":
    sandbox.run(tap.main)
