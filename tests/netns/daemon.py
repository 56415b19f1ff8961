# SPDX-License-Identifier: LGPL-2.1-or-later
"""mptcpd and mptcpctl on a host of the test network."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading

from hosts import BUILD, wait_until
from tap import SLOW

MPTCPD = BUILD / "daemon/mptcpd"
MPTCPCTL = BUILD / "ctl/mptcpctl"

FULLMESH = """\
[core]
path-manager = userspace
[policy:default]
plugin = fullmesh
"""


def stage_plugins(directory):
    """A copy that belongs to who runs the daemon: it trusts no plugin of somebody else."""
    staged = directory / "plugins"
    if not staged.exists():
        staged.mkdir()
        for plugin in [*(BUILD / "plugins").glob("*.so"),
                       *(BUILD / f"tests/netns/{name}.so"
                         for name in ("absurd", "forbid", "spare", "witness"))]:
            shutil.copy(plugin, staged)
    return staged


class Daemon:
    """One mptcpd. Give `wait=False` for one that is not expected to come up."""

    instances = 0

    def __init__(self, host, config=FULLMESH, wait=True, runtime=None, prefix=(), verbose=True,
                 environment=None):
        Daemon.instances += 1
        self.host = host
        directory = host.directory / f"mptcpd-{Daemon.instances}"
        directory.mkdir()
        self.runtime = pathlib.Path(runtime or directory / "runtime")
        self.config = directory / "mptcpd.conf"
        self.config.write_text(config)
        self.log = directory / "log"
        ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        ready.bind(str(directory / "notify"))
        with open(self.log, "w", encoding="utf-8") as log:
            self.child = host.start(
                *prefix, MPTCPD, "--config", self.config, "--runtime-directory", self.runtime,
                "--plugin-directory", stage_plugins(host.directory),
                *(["--verbose"] if verbose else []),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **(environment or {}), "NOTIFY_SOCKET": str(directory / "notify")},
            )
        with ready:
            if wait:
                self._wait_ready(ready)

    def _wait_ready(self, ready):
        ready.setblocking(False)

        def is_ready():
            if self.child.poll() is not None:
                raise AssertionError(f"mptcpd exited {self.child.returncode}: {self.text()}")
            try:
                return b"READY=1" in ready.recv(4096)
            except BlockingIOError:
                return False

        wait_until(is_ready, 5, "mptcpd says READY=1")

    def text(self):
        """What it has logged so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def lines(self):
        return [line for line in self.text().splitlines() if line.strip()]

    def ctl(self, *argv, code=0):
        """mptcpctl's text; fails unless it exits with `code`."""
        done = self.host.run(
            MPTCPCTL, "--socket", self.runtime / "control", *argv, check=False
        )
        if done.returncode != code:
            raise AssertionError(
                f"mptcpctl {' '.join(map(str, argv))}: exit {done.returncode}: {done.stderr.strip()}"
            )
        return done.stdout if code == 0 else done.stderr

    def json(self, *argv):
        return json.loads(self.ctl("--json", *argv))

    def connections(self):
        return self.json("connection")["connections"]

    def end(self, number=signal.SIGTERM):
        """Signal it, and return its exit code."""
        self.child.send_signal(number)
        return self.child.wait(timeout=5 * SLOW)

    def wait_exit(self, seconds=5):
        return self.child.wait(timeout=seconds * SLOW)


class Monitor:
    """`mptcpctl monitor --json`, read in the background from before the constructor returns."""

    def __init__(self, daemon):
        self.events = []
        self.child = daemon.host.start(
            MPTCPCTL, "--socket", daemon.runtime / "control", "--json", "monitor",
            stdout=subprocess.PIPE,
        )
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        self.wait({"event": "synchronized"})

    def _read(self):
        for line in self.child.stdout:
            self.events.append(json.loads(line))

    def wait(self, wanted, seconds=2, count=1):
        """Wait until `count` such events came; returns them."""

        def found():
            events = [e for e in list(self.events) if matches(e, wanted)]
            return events if len(events) >= count else None

        return wait_until(found, seconds, f"{count} of {wanted}", lambda: self.events)


def matches(event, wanted):
    return all(event.get(key) == value for key, value in wanted.items())
