# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who makes the second subflow: the kernel's own path manager, a loop that does nothing else, mptcpd."""

import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[1:1] = [str(HERE.parent), str(HERE.parent / "netns")]

import tap
from daemon import FULLMESH, Daemon
from hosts import BUILD

SECOND = "10.0.2.1"
CONFIG = FULLMESH + "[interface:link*]\nuse = yes\n"  # a tap might be a tunnel


class Kernel:
    name = "kernel"

    def __init__(self, net):
        self.host = net.client
        self.host.sysctl("net.mptcp.path_manager", "kernel")
        self.host.ip("mptcp limits set subflow 8 add_addr_accepted 0")
        self.up()

    def up(self):
        self.host.ip(f"mptcp endpoint add {SECOND} dev link2 subflow id 2")

    def down(self):
        self.host.ip("mptcp endpoint delete id 2")


class Loop:
    name = "loop"

    def __init__(self, net):
        self.host = net.client
        self.host.sysctl("net.mptcp.path_manager", "userspace")
        index = self.host.run("ip", "-o", "link", "show", "link2").stdout.split(":")[0]
        self.child = self.host.start(BUILD / "tests/bench/loop", f"{SECOND}%{index}",
                                     stdout=subprocess.PIPE)
        tap.equal(self.child.stdout.readline(), "ready\n", "what the loop says")


class Mptcpd:
    name = "mptcpd"

    def __init__(self, net):
        self.net = net
        self.daemon = Daemon(net.client, CONFIG, verbose=False)

    def up(self):
        self.net.up(2, self.net.client)

    def down(self):
        self.net.down(2)

    def resident(self):
        """Bytes that are its own, and those of the state file."""
        rollup = pathlib.Path(f"/proc/{self.daemon.child.pid}/smaps_rollup").read_text("ascii")
        private = sum(int(line.split()[1]) for line in rollup.splitlines()
                      if line.startswith(("Private_", "Shared_Dirty")))
        rss = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Rss:"))
        return rss * 1024, private * 1024, os.stat(self.daemon.runtime / "state").st_blocks * 512


ALL = (Kernel, Loop, Mptcpd)
