# SPDX-License-Identifier: LGPL-2.1-or-later
"""The installed mptcpd.service inside the container, and who talks to it."""

import json
import pathlib
import socket
import subprocess
import time

import tap
from hosts import wait_until

UNIT = "mptcpd.service"
CONFIG = pathlib.Path("/etc/mptcpd/mptcpd.conf")
RUNTIME = pathlib.Path("/run/mptcpd")
DROP_IN = pathlib.Path("/run/systemd/system") / f"{UNIT}.d/test.conf"

USERSPACE = "[core]\npath-manager = userspace\n[policy:all]\nplugin = fullmesh\n"
KERNEL = "[core]\npath-manager = kernel\n"


def run(*argv, code=0, **options):
    """stdout, or stderr if a failure is what is wanted."""
    done = subprocess.run(list(map(str, argv)), stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, check=False, **options)
    if done.returncode != code:
        raise AssertionError(
            f"{' '.join(map(str, argv))}: exit {done.returncode}, wanted {code}: {done.stderr}")
    return done.stdout if code == 0 else done.stderr


def as_nobody(*argv, code=0):
    return run(*argv, code=code, user="nobody", group="nogroup", extra_groups=[])


def properties(*names, unit=UNIT):
    lines = run("systemctl", "show", unit, *[f"--property={name}" for name in names]).splitlines()
    found = dict(line.split("=", 1) for line in lines)
    return [found[name] for name in names]


def main_pid():
    return int(properties("MainPID")[0])


def sysctl(name, value=None):
    path = pathlib.Path("/proc/sys") / name.replace(".", "/")
    if value is not None:
        path.write_text(str(value), encoding="ascii")
    return path.read_text(encoding="ascii").strip()


def path_manager():
    return sysctl("net.mptcp.path_manager")


def listing(noun):
    return json.loads(run("mptcpctl", "--json", noun))[f"{noun}s"]


def note_journal():
    tap.note(run("journalctl", f"--unit={UNIT}", "--lines=30", "--no-pager"))


class Journal:
    """What mptcpd itself wrote from now on."""

    def __init__(self):
        # Not a cursor: with a match, journalctl 252 leaves out the first entry after it.
        self.since = f"--since=@{time.time():.6f}"

    def entries(self):
        run("journalctl", "--sync")
        lines = run("journalctl", self.since, "--output=json", "--quiet",
                    f"_SYSTEMD_UNIT={UNIT}", "SYSLOG_IDENTIFIER=mptcpd").splitlines()
        return [(entry["PRIORITY"], entry["MESSAGE"]) for entry in map(json.loads, lines)]

    def find(self, text):
        """The priority of the one message with this text in it."""
        found = [priority for priority, message in self.entries() if text in message]
        if len(found) != 1:
            raise AssertionError(f"{len(found)} messages with {text!r} in {self.entries()}")
        return found[0]


class Links:
    """Two links with an IPv4 address each, where reverse-path filtering is strict."""

    def __enter__(self):
        run("ip", "link", "add", "left", "type", "veth", "peer", "name", "right")
        sysctl("net.ipv4.conf.all.rp_filter", 0)
        for i, name in enumerate(("left", "right")):
            sysctl(f"net.ipv4.conf.{name}.rp_filter", 1)
            run("ip", "link", "set", name, "up")
            run("ip", "address", "add", f"10.1.{i}.1/24", "dev", name)
            run("ip", "route", "add", "default", "via", f"10.1.{i}.2", "dev", name, "metric", i + 1)

    def __exit__(self, *exception):
        run("ip", "link", "delete", "left")


class Service:
    """It runs inside the `with`, with this configuration and these lines more in its unit."""

    def __init__(self, config=USERSPACE, unit="", limits="StartLimitIntervalSec=0"):
        self.config = config
        self.unit = unit
        self.limits = limits

    def __enter__(self):
        tap.equal(path_manager(), "kernel", "path manager before the test")
        run("systemctl", "stop", UNIT)
        CONFIG.write_text(self.config, encoding="utf-8")
        DROP_IN.parent.mkdir(parents=True, exist_ok=True)
        DROP_IN.write_text(f"[Unit]\n{self.limits}\n[Service]\n{self.unit}\n", encoding="utf-8")
        run("systemctl", "daemon-reload")
        run("systemctl", "reset-failed", UNIT)
        self.journal = Journal()
        run("systemctl", "start", UNIT)
        return self

    def __exit__(self, kind, _value, _trace):
        if kind:
            note_journal()
        run("systemctl", "stop", UNIT)
        sysctl("net.mptcp.path_manager", "kernel")

    def wait_replaced(self, pid, seconds=10):
        """Wait for another process than `pid` that is ready; returns its id."""

        def is_replaced():
            state, new = properties("ActiveState", "MainPID")
            return int(new) if state == "active" and new not in ("0", str(pid)) else None

        return wait_until(is_replaced, seconds, f"another mptcpd than {pid} is active",
                          lambda: properties("ActiveState", "SubState", "MainPID", "Result"))


class Connection:
    """An MPTCP connection within this machine; `token` is that of its server's side."""

    def __init__(self, address="127.0.0.1"):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_MPTCP) as listener:
            listener.bind((address, 0))
            listener.listen()
            self.client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_MPTCP)
            self.client.connect(listener.getsockname())
            self.server, _ = listener.accept()
        # Only after data came both ways is it an MPTCP connection for good.
        self.client.sendall(b"x")
        self.server.recv(1)
        self.server.sendall(b"x")
        self.client.recv(1)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.client.close()
        self.server.close()

    @staticmethod
    def tokens():
        """{side: token}"""
        return {each["side"]: each["token"] for each in listing("connection")}


def is_on_the_bus():
    return "org.mptcpd1" in run("busctl", "list", "--acquired", "--no-legend")
