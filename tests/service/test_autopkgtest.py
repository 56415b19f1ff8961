# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tests of the Debian packages themselves, debian/tests, run by autopkgtest in a minimal system."""

import pathlib
import re
import shutil
import subprocess
import sys

sys.path[1:1] = [str(pathlib.Path(__file__).resolve().parents[1]),
                 str(pathlib.Path(__file__).resolve().parents[1] / "netns")]

import container
import minimal
import tap
from packages import apt

SOURCE = pathlib.Path("/mptcpd-source")


def copy(root):
    minimal.add_repository(root)
    shutil.copytree(minimal.TREE / "debian", root / SOURCE.name / "debian")


@tap.test("/package/autopkgtest/passes", 600)
def autopkgtest():
    apt("update")
    apt("install", "autopkgtest")
    done = subprocess.run(["autopkgtest", "--ignore-restrictions=isolation-container", "--no-built-binaries",
                           *map(str, sorted(minimal.INSIDE.glob("*.deb"))), SOURCE, "--", "null"],
                          text=True, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    names = re.findall("^Tests: (.*)", (SOURCE / "debian/tests/control").read_text(encoding="utf-8"), re.M)
    passed = re.findall(r"^(\S+) +PASS", done.stdout.rpartition("@@@@@@ summary")[2], re.M)
    if (done.returncode, passed) != (0, names):
        tap.note(done.stdout)
    tap.equal((done.returncode, passed), (0, names), "its exit, and what passed")


if __name__ == "__main__":
    if "--inside" in sys.argv:
        sys.argv.remove("--inside")
    elif "--list" not in sys.argv:
        container.test(pathlib.Path(__file__).resolve(), sys.argv[1:], copy)
    tap.main()
