# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Debian packages, installed by apt in a booted system; also in the place of those that had their
names before.

MPTCPD_PACKAGES is the directory they are in, those before them in old/ there; `./dev test` makes it.
"""

import contextlib
import ctypes
import json
import os
import pathlib
import subprocess
import sys

sys.path[1:1] = [str(pathlib.Path(__file__).resolve().parents[1]),
                 str(pathlib.Path(__file__).resolve().parents[1] / "netns")]

import container
import minimal
import packages
import tap
from hosts import wait_until
from minimal import INSIDE
from packages import Installed, Newer, apt, await_running, everything, is_running, offered
from service import (CONFIG, UNIT, USERSPACE, Connection, is_on_the_bus, listing, main_pid, path_manager,
                     properties, run)

LINKS = pathlib.Path("/etc/systemd/system/multi-user.target.wants")
MOVED = pathlib.Path(f"{CONFIG}.dpkg-old")
OURS = ("mptcpd", "mptcpize", "libmptcp0")
INSTANCE = "mptcpd@blue.service"
METRICS = "mptcpd-metrics.socket"
OLD = ("mptcpd=0.12-1", "mptcpize=0.12-1", "mptcpd-plugins=0.12-1")


def copy(root):
    """Outside: have the packages there, and later ones, in lists of apt."""
    minimal.add_repository(root)
    packages.make_newer(root)
    minimal.index(root / packages.NEWER.name)
    # It has man(1) look at all pages of the machine after each of ours.
    (root / "var/lib/man-db/auto-update").unlink(missing_ok=True)


@tap.test("/package/install/is-there-and-works", 120)
def install():
    before = everything()
    with Installed():
        apt("install", *OURS)
        await_running()
        tap.equal(run("systemctl", "is-enabled", UNIT).strip(), "enabled", "at boot")
        wait_until(is_on_the_bus, 40, "the bus knows it")
        tap.equal(path_manager(), "kernel", "path manager")
        with Connection():
            wait_until(lambda: len(listing("connection")) == 2, 5, "both sides", listing)
        for page in ("mptcpd.8", "mptcpd.conf.5", "mptcpctl.1", "mptcpd-plugins.7"):
            name, section = page.rsplit(".", 1)
            tap.true(pathlib.Path(f"/usr/share/man/man{section}/{page}.gz").exists(), name)
        tap.equal(run("mptcpd", "--check-config"), "", "its configuration is good")
        tap.true(pathlib.Path("/etc/mptcpd/mptcpd.conf.d").is_dir(), "a place for drop-ins")
    tap.equal(sorted(everything() - before), [], "left by purge")


@tap.test("/package/remove/gives-everything-back-and-keeps-what-was-configured", 120)
def remove():
    with Installed():
        apt("install", *OURS)
        await_running()
        CONFIG.write_text(USERSPACE, encoding="utf-8")
        run("systemctl", "reload", UNIT)
        tap.equal(path_manager(), "userspace", "path manager")
        with Connection() as connection:
            apt("remove", "mptcpd")
            tap.equal(path_manager(), "kernel", "path manager without it")
            connection.client.sendall(b"more")
            tap.equal(connection.server.recv(4), b"more", "what was open goes on")
        tap.equal(CONFIG.read_text(encoding="utf-8"), USERSPACE, "the configuration")
        apt("install", "mptcpd")
        await_running()
        tap.equal(path_manager(), "userspace", "path manager when it is back")
    tap.equal((path_manager(), CONFIG.parent.exists()), ("kernel", False), "when it is purged")


@tap.test("/package/remove/services-that-mptcpize-enabled-start-without-it", 120)
def remove_mptcpize():
    unit = pathlib.Path("/etc/systemd/system/helped.service")
    with Installed():
        apt("install", "mptcpize")
        unit.write_text("[Service]\nType=oneshot\nExecStart=/usr/bin/env\nUnsetEnvironment=LD_PRELOAD\n",
                        encoding="utf-8")
        run("systemctl", "daemon-reload")
        try:
            run("mptcpize", "enable", unit.name)
            run("systemctl", "start", unit.name)
            with Newer():
                apt("upgrade")
            tap.true("helped" in run("mptcpize", "status"), "an upgrade keeps what is enabled")
            apt("remove", "mptcpize")
            run("systemctl", "start", unit.name)
            tap.true(not unit.with_name(f"{unit.name}.d").exists(), "no drop-in is left")
        finally:
            unit.unlink()
            run("systemctl", "daemon-reload")


@tap.test("/package/upgrade/keeps-open-connections", 120)
def upgrade():
    with Installed():
        apt("install", *OURS)
        await_running()
        CONFIG.write_text(USERSPACE, encoding="utf-8")
        run("systemctl", "reload", UNIT)
        with Connection() as connection, Newer():
            wait_until(lambda: len(listing("connection")) == 2, 5, "both sides")
            tokens, pid, old = Connection.tokens(), main_pid(), packages.version("mptcpd")
            apt("upgrade")
            tap.equal(packages.version("mptcpd"), f"{old}.1", "version")
            wait_until(lambda: is_running() and main_pid() != pid, 20, "a new one")
            tap.equal(Connection.tokens(), tokens, "connections")
            tap.equal(path_manager(), "userspace", "path manager")
            connection.client.sendall(b"more")
            tap.equal(connection.server.recv(4), b"more", "data")


def enter_network(path):
    """Have this thread, and what it starts and opens from now on, in that network namespace."""
    with open(path, "rb") as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), 0) != 0:
            raise OSError(ctypes.get_errno(), path)


@contextlib.contextmanager
def inside():
    """What is begun inside the `with` is in the namespace of the instance."""
    with open("/proc/thread-self/ns/net", "rb") as here:
        enter_network("/run/netns/blue")
        try:
            yield
        finally:
            enter_network(f"/proc/self/fd/{here.fileno()}")


@contextlib.contextmanager
def others():
    """A network namespace with an mptcpd of its own, and a socket for metrics, all at boot."""
    run("ip", "netns", "add", "blue")
    try:
        with inside():
            run("ip", "link", "set", "lo", "up")
        (CONFIG.parent / "blue").mkdir()
        (CONFIG.parent / "blue/mptcpd.conf").write_text(USERSPACE, encoding="utf-8")
        run("systemctl", "enable", "--now", INSTANCE, METRICS)
        yield
    finally:
        run("ip", "netns", "delete", "blue")


def tokens():
    """Of the connections in the namespace of the instance."""
    listed = json.loads(run("mptcpctl", "-N", "blue", "--json", "connection"))
    return {each["token"] for each in listed["connections"]}


@tap.test("/package/upgrade/instances-keep-their-connections-and-metrics-go-on", 120)
def upgrade_others():
    with Installed():
        apt("install", *OURS)
        await_running()
        with others():
            with inside():
                connection = Connection()
            with connection, Newer():
                old = properties("MainPID", unit=INSTANCE)
                before = tokens()
                apt("upgrade")
                wait_until(lambda: properties("ActiveState", unit=INSTANCE) == ["active"] and
                           properties("MainPID", unit=INSTANCE) != old, 20, "a new one")
                tap.equal((len(before), tokens()), (2, before), "connections")
                with inside():
                    tap.equal(path_manager(), "userspace", "path manager")
                connection.client.sendall(b"more")
                tap.equal(connection.server.recv(4), b"more", "data")
                tap.equal(properties("ActiveState", unit=METRICS), ["active"], "metrics")


@tap.test("/package/remove/instances-and-metrics-end-and-purge-leaves-nothing-of-them", 120)
def remove_others():
    before = everything()
    with Installed():
        apt("install", *OURS)
        await_running()
        with others():
            apt("remove", "mptcpd")
            tap.equal([properties("ActiveState", unit=unit) for unit in (INSTANCE, METRICS)],
                      [["inactive"], ["inactive"]], "what systemd says")
            with inside():
                tap.equal(path_manager(), "kernel", "path manager of the namespace")
    tap.equal(sorted(everything() - before), [], "left by purge")
    tap.equal(list(pathlib.Path("/run").glob("mptcpd*")), [], "left in /run")


@tap.test("/package/upgrade/a-bad-file-stops-neither-apt-nor-connections", 120)
def upgrade_bad():
    with Installed():
        apt("install", *OURS)
        await_running()
        with Connection() as connection, Newer():
            CONFIG.write_text("[core]\npath-manger = kernel\n", encoding="utf-8")
            apt("upgrade")
            tap.equal(properties("ActiveState", "ExecMainStatus"), ["failed", "78"], "what systemd says")
            tap.equal(path_manager(), "kernel", "path manager")
            connection.client.sendall(b"more")
            tap.equal(connection.server.recv(4), b"more", "data")


def install_old():
    apt("install", "--allow-downgrades", *OLD)
    tap.true((LINKS / "mptcp.service").is_symlink(), "the old one is enabled")


@tap.test("/package/migration/takes-the-place-of-the-old-one", 180)
def migration():
    with Installed():
        install_old()
        shipped = CONFIG.read_text(encoding="utf-8")
        apt("--with-new-pkgs", "upgrade")
        await_running()
        tap.true(not os.path.lexists(LINKS / "mptcp.service"), "the old link is gone")
        tap.equal(run("systemctl", "is-enabled", UNIT).strip(), "enabled", "at boot")
        tap.true(not CONFIG.exists(), "the old file is out of the way")
        tap.equal(MOVED.read_text(encoding="utf-8"), shipped, "… and kept")
        said = run("journalctl", "--output=cat", f"_SYSTEMD_UNIT={UNIT}")
        tap.equal(said.count(f"'mptcpctl config import {MOVED}' translates it"), 1, "how often it is said")
        new = run("mptcpctl", "config", "import", MOVED)
        tap.true("[endpoints]\nflags = subflow\n" in new, new)
        CONFIG.write_text(shipped, encoding="utf-8")
        tap.true(f"config import {CONFIG}'" in run("systemctl", "reload", UNIT, code=1) +
                 run("mptcpd", "--check-config", code=78), "put back, it is refused in words")
        tap.true(is_running(), "what ran goes on")
        CONFIG.write_text(new, encoding="utf-8")
        run("systemctl", "reload", UNIT)
        tap.equal(offered(), [], "what apt would do now")
    tap.true(not CONFIG.parent.exists(), "purged, with what was configured")


@tap.test("/package/migration/what-was-switched-off-stays-off", 120)
def switched_off():
    with Installed():
        install_old()
        run("systemctl", "disable", "--now", "mptcp.service")
        text = CONFIG.read_text(encoding="utf-8") + "\n# mine\nload-plugins = sspi\n"
        CONFIG.write_text(text, encoding="utf-8")
        apt("--with-new-pkgs", "upgrade")
        tap.equal(MOVED.read_text(encoding="utf-8"), text, "a file with changes is kept, too")
        tap.equal(run("systemctl", "is-enabled", UNIT, code=1), "", "at boot")
        tap.true(not is_running(), "it is not started")


@tap.test("/package/lint/has-nothing-to-say", 120)
def lint():
    if minimal.CHOSEN:
        raise tap.Skip("lintian is not part of it")
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning",
                           *map(str, INSIDE.glob("*.changes"))],
                          text=True, capture_output=True, check=False)
    tap.equal((done.returncode, done.stdout), (0, ""), done.stderr)


if __name__ == "__main__":
    if "--inside" in sys.argv:
        sys.argv.remove("--inside")
    elif "--list" not in sys.argv:
        container.test(pathlib.Path(__file__).resolve(), sys.argv[1:], copy)
    tap.main()
