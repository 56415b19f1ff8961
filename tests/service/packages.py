# SPDX-License-Identifier: LGPL-2.1-or-later
"""Packages inside a container: what apt does there, and what is left of it."""

import os
import pathlib
import subprocess

import minimal
import tap
from hosts import wait_until
from service import UNIT, properties, run

LISTS = pathlib.Path("/etc/apt/sources.list.d")
NEWER = pathlib.Path("/mptcpd-newer")
NAMES = ("mptcpd", "libmptcpctl0", "libmptcp0", "mptcpize")
# What Debian keeps of any package: its list of users, its own records, caches of what was there.
KEPT = ("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/subuid", "/etc/subgid",
        "/etc/ld.so.cache", "/var/lib/dpkg", "/var/lib/apt", "/var/lib/PackageKit", "/var/cache", "/var/log",
        "/var/lib/systemd", "/var/tmp", "/etc/.pwd.lock")


def apt(*words):
    return run("apt-get", "-qq", "-y", "--no-install-recommends", "-o", "Dpkg::Use-Pty=0", *words,
               env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"})


def version(name):
    return run("dpkg-query", "--show", "--showformat=${Version}", name)


def offered():
    """What an upgrade of everything would do to packages of ours."""
    return [line for line in run("apt-get", "-s", "dist-upgrade").splitlines()
            if line.startswith(("Inst ", "Remv ")) and "mptcp" in line]


class Installed:
    """What is installed inside the `with` is purged after it; what was needed for it goes, too."""

    def __enter__(self):
        apt("update")
        return self

    def __exit__(self, kind, _value, _trace):
        if kind:
            tap.note(run("journalctl", "--lines=40", "--no-pager"))
        # Of an image of this machine far too much could go as well.
        apt("autopurge" if minimal.CHOSEN else "purge", "?name(mptcp)")


class Newer:
    """Inside the `with` apt is offered the same packages with a higher version."""

    def __enter__(self):
        self.list = LISTS / "newer.list"
        self.list.write_text(f"deb [trusted=yes] file:{NEWER} ./\n", encoding="utf-8")
        apt("update")

    def __exit__(self, *exception):
        self.list.unlink()
        apt("update")


def make_newer(root):
    """Outside: packages like ours, of the next version."""
    (root / NEWER.name).mkdir()
    for file in (root / minimal.INSIDE.name).glob("*.deb"):
        if "-dbgsym_" in file.name or file.name.split("_")[0] not in NAMES:
            continue
        tree = root / "mptcpd-repack"
        subprocess.run(["dpkg-deb", "--raw-extract", file, tree], check=True)
        control = tree / "DEBIAN/control"
        lines = [line + ".1" if line.startswith("Version: ") else line
                 for line in control.read_text(encoding="utf-8").splitlines()]
        control.write_text("\n".join(lines) + "\n", encoding="utf-8")
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", tree, root / NEWER.name],
                       check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["rm", "-r", tree], check=True)


def is_running():
    return properties("ActiveState")[0] == "active"


def await_running():
    wait_until(is_running, 20, "it is active", lambda: properties("ActiveState", "Result"))


def everything():
    found = set()
    for top in ("/etc", "/usr", "/var", "/run/mptcpd", "/lib/systemd", "/opt", "/srv"):
        for directory, names, others in os.walk(top):
            found |= {f"{directory}/{name}" for name in names + others}
    return {path for path in found if not path.startswith(KEPT)}
