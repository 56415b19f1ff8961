# SPDX-License-Identifier: LGPL-2.1-or-later
"""A minimal Debian 12 for containers, in which nothing is installed but what the test installs there.

    minimal.py PACKAGE…     makes it below build/minimal, and downloads what these packages would take
                            there, and what ours need, into build/minimal/pool: inside is no network

With MPTCPD_MINIMAL=yes containers are this one instead of an image of this machine. What tests
themselves are made of, Python and ip(8), is of this machine, and is there below /mptcpd-host alone.
"""

import os
import pathlib
import shutil
import subprocess
import sys

TREE = pathlib.Path(__file__).resolve().parents[2]
PLACE = TREE / "build/minimal"
ROOT, POOL = PLACE / "root", PLACE / "pool"
CHOSEN = os.environ.get("MPTCPD_MINIMAL", "") == "yes"
PACKAGES = pathlib.Path(os.environ.get("MPTCPD_PACKAGES", TREE / "build/package"))
INSIDE = pathlib.Path("/mptcpd-packages")
MIRROR = "http://deb.debian.org/debian"
# systemd recommends the system bus.
INIT = "systemd-sysv,dbus"

HOST = pathlib.Path("/mptcpd-host")
TOOLS = pathlib.Path("/mptcpd-tools")
BORROWED = ("ip", "ss", "tc", "curl")
PYTHON = "/usr/bin/python3"


def run(*argv, **options):
    subprocess.run(list(map(str, argv)), check=True, stdin=subprocess.DEVNULL, **options)


# ---- outside, before: what is downloaded ----


def apt(*words, **options):
    """apt-get that acts on that system, as far as lists and downloads go."""
    run("apt-get", "-qq", "-o", f"Dir={ROOT}", "-o", f"Dir::State::status={ROOT}/var/lib/dpkg/status",
        "-o", f"Dir::Cache::archives={POOL}", "-o", "APT::Sandbox::User=root", *words, **options)


def ours():
    return [str(file) for file in sorted(PACKAGES.glob("*.deb")) if "-dbgsym_" not in file.name]


def fetch(*wanted):
    if not ROOT.exists():
        new = PLACE / "new"
        shutil.rmtree(new, ignore_errors=True)
        new.parent.mkdir(parents=True, exist_ok=True)
        run("debootstrap", "--variant=minbase", f"--include={INIT}", "bookworm", new, MIRROR,
            stdout=subprocess.DEVNULL)
        new.rename(ROOT)
    (POOL / "partial").mkdir(parents=True, exist_ok=True)
    before = set(POOL.glob("*.deb"))
    apt("update")
    for words in (ours(), wanted):
        if words:
            apt("-y", "--download-only", "--no-install-recommends", "install", *words,
                stdout=subprocess.DEVNULL)
    if set(POOL.glob("*.deb")) != before or not (POOL / "Packages").exists():
        index(POOL)


# ---- outside: what the container has ----


def index(directory):
    """Make a list of packages for apt of what is there."""
    with open(directory / "Packages", "w", encoding="utf-8") as file:
        run("dpkg-scanpackages", "--multiversion", ".", cwd=directory, stdout=file,
            stderr=subprocess.DEVNULL)


def add_repository(root):
    """Have our packages, those of before in old/, in a list that apt reads, and no other but the pool."""
    here = root / INSIDE.name
    shutil.copytree(PACKAGES, here, ignore=shutil.ignore_patterns("src", "again", "log"))
    index(here)
    sources = [INSIDE] + ([pathlib.Path("/mptcpd-pool")] if CHOSEN else [])
    for file in (root / "etc/apt/sources.list.d").iterdir():
        file.unlink()
    (root / "etc/apt/sources.list").write_text(
        "".join(f"deb [trusted=yes] file:{source} ./\n" for source in sources), encoding="utf-8")
    # A system that may start services.
    (root / "usr/sbin/policy-rc.d").unlink(missing_ok=True)


def borrow(root):
    """Have what was downloaded there, and tools of ours for tests: in the last place of their PATH."""
    (root / "mptcpd-pool").mkdir()
    run("mount", "--bind", POOL, root / "mptcpd-pool")
    (root / TOOLS.name).mkdir()
    for name in BORROWED:
        if path := shutil.which(name):
            script = root / TOOLS.name / name
            script.write_text(f'#!/bin/sh\nexec {host_command(os.path.realpath(path))} "$@"\n',
                              encoding="utf-8")
            script.chmod(0o755)


def loader():
    """The dynamic linker of this program, as this machine names it."""
    for line in pathlib.Path("/proc/self/maps").read_text(encoding="ascii").splitlines():
        if "/ld-" in line:
            return pathlib.Path("/" + line.split()[-1].removeprefix(f"{HOST}/").lstrip("/"))
    raise RuntimeError("no dynamic linker")


def host_command(path):
    return f"{HOST}{loader()} --library-path {HOST}{loader().parent} {HOST}{path}"


def python():
    """This machine's Python, as a command inside."""
    return host_command(PYTHON).split() if CHOSEN else [PYTHON]


def binds():
    return [f"--bind-ro=/:{HOST}:norbind"]


if __name__ == "__main__":
    fetch(*sys.argv[1:])
