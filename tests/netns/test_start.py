# SPDX-License-Identifier: LGPL-2.1-or-later
"""A start in bad surroundings: it serves, or it ends with words. It never hangs."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from daemon import Daemon
from hosts import Network, wait_until
from rawbus import RawBus

# The program that a service manager is: so many listening sockets from descriptor 3 on.
INHERIT = """\
import os, socket, sys
count, names = int(sys.argv[1]), sys.argv[2]
for i in range(count):
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_MPTCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    assert listener.fileno() == 3 + i
    os.set_inheritable(listener.detach(), True)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(count)}
if names:
    os.environ["LISTEN_FDNAMES"] = ":".join(f"{names}{i}" for i in range(count))
os.execv(sys.argv[3], sys.argv[3:])
"""
PLACES = ("rp_filter", "rp_filter.new", "state", "lock", "control", "mptcpd.conf")
KINDS = ("fifo", "directory", "socket", "link to a fifo", "link to nowhere", "device")
CONFIG_LOOSE = """\
[core]
path-manager = userspace
[interface:link*]
rp-filter = loose
[policy:default]
plugin = fullmesh
"""


@contextlib.contextmanager
def network():
    with Network(note=tap.note) as net:
        yield net


def serves(daemon):
    status = daemon.json("status")["status"]
    tap.equal(status["path-manager"], "userspace", "path manager in status")
    tap.equal(daemon.end(), 0, "exit after SIGTERM")


@contextlib.contextmanager
def unrest(host):
    """The lifetime of an address changes all the while, as fast as two programs can do it."""
    done = threading.Event()

    def change():
        while not done.is_set():
            host.ip(*["addr change 10.99.0.1/24 dev many0 valid_lft 1000 preferred_lft 1000"] * 50)

    threads = [threading.Thread(target=change) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


@tap.test("/start/links/it-does-not-wait-until-hundreds-are-quiet", 60)
def many_links():
    with network() as net:
        net.client.ip(*(line for i in range(300) for line in (
            f"link add many{i} type veth peer name far{i}", f"link set far{i} up",
            f"link set many{i} up", f"addr add 10.{100 + i // 200}.{i % 200}.1/24 dev many{i}")))
        with unrest(net.client):
            for _ in range(3):
                serves(Daemon(net.client))


@tap.test("/start/descriptors/many-inherited-ones-do-no-harm")
def inherited():
    with network() as net:
        for names in ("", "listener-"):
            for count in (110, 130):
                serves(Daemon(net.client, prefix=(sys.executable, "-c", INHERIT, count, names)))


@tap.test("/start/descriptors/too-few-are-told-and-nothing-is-touched")
def too_few():
    with network() as net:
        net.client.sysctl("net.mptcp.path_manager", "kernel")
        for limit in (8, 16, 24, 48, 96):
            daemon = Daemon(net.client, wait=False, prefix=("prlimit", f"--nofile={limit}"))
            tap.equal(daemon.wait_exit(), 1, f"exit with {limit} descriptors")
            tap.true("descriptors" in daemon.text() and str(limit) in daemon.text(),
                     f"what it says: {daemon.text()!r}")
            tap.equal(net.client.sysctl("net.mptcp.path_manager"), "kernel", "path manager")
        serves(Daemon(net.client, prefix=("prlimit", "--nofile=150")))


def put(path, kind):
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))
    elif kind == "link to a fifo":
        fifo = path.with_name("fifo")
        if not fifo.exists():
            os.mkfifo(fifo)
        path.symlink_to(fifo)
    elif kind == "link to nowhere":
        path.symlink_to("/nowhere/at/all")
    else:
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))  # /dev/zero, which never ends


def try_place(net, place, kind):
    """It must serve, or say which file it is and end."""
    runtime = net.client.directory / f"{place}-{kind.replace(' ', '-')}"
    runtime.mkdir()
    if place != "mptcpd.conf":
        put(runtime / place, kind)
        daemon = Daemon(net.client, CONFIG_LOOSE, wait=False, runtime=runtime)
    else:
        daemon = Daemon(net.client, CONFIG_LOOSE, wait=False, runtime=runtime)
        daemon.end(signal.SIGKILL)
        daemon.config.unlink()
        put(daemon.config, kind)
        daemon.child = net.client.start(
            *daemon.child.args[4:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=open(daemon.log, "w", encoding="utf-8"))

    def decided():
        if daemon.child.poll() is not None:
            return True
        with contextlib.suppress(OSError):
            with RawBus(runtime / "control", seconds=1) as bus:
                return bus.call("GetStatus").error is None
        return False

    wait_until(decided, 5, f"{place} is a {kind}: it serves or ends", daemon.text)
    if daemon.child.poll() is None:
        tap.equal(daemon.end(), 0, f"{place} is a {kind}: exit after SIGTERM")
        return
    tap.true(daemon.child.returncode in (1, 78), f"{place} is a {kind}: {daemon.child.returncode}")
    word = "control socket" if place == "control" else place
    tap.true(word in daemon.text(), f"{place} is a {kind}: {daemon.text()!r}")


@tap.test("/start/files/nothing-in-their-place-makes-it-hang", 120)
def places():
    with network() as net:
        for place in PLACES:
            for kind in KINDS:
                try:
                    try_place(net, place, kind)
                except PermissionError:
                    tap.equal(kind, "device", "what may not be made here")


@tap.test("/start/files/an-rp-filter-that-is-a-pipe-is-replaced")
def rp_filter():
    with network() as net:
        for i in (1, 2):
            net.client.sysctl(f"net.ipv4.conf.link{i}.rp_filter", 1)
        runtime = net.client.directory / "pipe"
        runtime.mkdir()
        os.mkfifo(runtime / "rp_filter")
        daemon = Daemon(net.client, CONFIG_LOOSE, runtime=runtime)
        tap.true("rp_filter is dropped: it is not a regular file" in daemon.text(), daemon.text())
        wait_until(lambda: net.client.sysctl("net.ipv4.conf.link2.rp_filter") == "2", 2, "loose")
        written = (runtime / "rp_filter").read_text(encoding="ascii").splitlines()
        tap.equal(sorted(written)[:2], ["link1 1", "link2 1"], "what is written down")
        tap.equal(daemon.end(signal.SIGKILL), -9, "killed")
        again = Daemon(net.client, CONFIG_LOOSE, runtime=runtime)
        tap.equal(again.end(), 0, "exit")
        tap.equal(net.client.sysctl("net.ipv4.conf.link2.rp_filter"), "1", "as it was before")


if __name__ == "__main__":
    sandbox.run(tap.main)
