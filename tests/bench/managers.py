# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who makes the second subflow: the kernel's own path manager, a loop that does nothing else, mptcpd.

Each is made with a network, and then manages the paths of its client. `pid` is of its process, if
it has one; `up` and `down` bring the second link and take it, or say so to who sees no links.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess

import tap
from daemon import FULLMESH, MPTCPCTL, Daemon
from hosts import BUILD, wait_until

SECOND = "10.0.2.1"
CONFIG = FULLMESH + "[interface:link*]\nuse = yes\n"  # a tap might be a tunnel


class Kernel:
    name = "kernel"
    pid = None

    def __init__(self, net):
        self.host = net.client
        self.host.sysctl("net.mptcp.path_manager", "kernel")
        self.host.ip("mptcp limits set subflow 8 add_addr_accepted 0")
        self.up()

    def up(self):
        self.host.ip(f"mptcp endpoint add {SECOND} dev link2 subflow id 2")

    def down(self):
        self.host.ip("mptcp endpoint delete id 2")


class Heard(Kernel):
    """The kernel's path manager, while somebody hears of all connections as cheaply as can be."""

    name = "kernel, heard"

    def __init__(self, net):
        super().__init__(net)
        self.child = net.client.start(BUILD / "tests/bench/loop", stdout=subprocess.PIPE)
        self.pid = self.child.pid
        tap.equal(self.child.stdout.readline(), "ready\n", "what the loop says")


class Loop:
    """It notices no link and is told, as the kernel's path manager is by its endpoint."""

    name = "loop"

    def __init__(self, net):
        net.client.sysctl("net.mptcp.path_manager", "userspace")
        index = net.client.run("ip", "-o", "link", "show", "link2").stdout.split(":")[0]
        self.child = net.client.start(BUILD / "tests/bench/loop", f"{SECOND}%{index}",
                                      stdout=subprocess.PIPE)
        self.pid = self.child.pid
        tap.equal(self.child.stdout.readline(), "ready\n", "what the loop says")

    def up(self):
        self.child.send_signal(signal.SIGUSR2)

    def down(self):
        self.child.send_signal(signal.SIGUSR1)


class _Cut:
    """On a link that really goes. Whoever sees no links is told then."""

    def __init__(self, net):
        self.net = None
        super().__init__(net)
        self.net = net

    def up(self):
        if self.net:
            self.net.up(2, self.net.client)
        super().up()

    def down(self):
        self.net.down(2)
        super().down()


class KernelCut(_Cut, Kernel):
    name = "kernel, link cut"


class LoopCut(_Cut, Loop):
    name = "loop, link cut"


class Mptcpd:
    name = "mptcpd"
    n_monitors = 0

    def __init__(self, net):
        self.net = net
        self.daemon = Daemon(net.client, CONFIG, verbose=False)
        self.pid = self.daemon.child.pid
        for i in range(self.n_monitors):
            self._monitor(net.directory / f"monitor-{i}")

    def _monitor(self, path):
        with open(path, "w", encoding="utf-8") as file:
            self.net.client.start(MPTCPCTL, "--socket", self.daemon.runtime / "control", "--json",
                                  "monitor", stdout=file, stderr=subprocess.DEVNULL)
        wait_until(lambda: "synchronized" in path.read_text("utf-8"), 5, "a monitor reads")

    def up(self):
        self.net.up(2, self.net.client)

    def down(self):
        self.net.down(2)

    def resident(self):
        """(bytes resident, those of them that are its own, its state file included)"""
        rollup = pathlib.Path(f"/proc/{self.pid}/smaps_rollup").read_text("ascii")
        sizes = {name: int(kib) * 1024 for name, kib in re.findall(r"^(\w+): +(\d+) kB", rollup, re.M)}
        return sizes["Rss"], sizes["Private_Dirty"] + sizes["Shared_Dirty"]


class OneMonitor(Mptcpd):
    name = "1 monitor"
    n_monitors = 1


class TenMonitors(Mptcpd):
    name = "10 monitors"
    n_monitors = 10


class Older:
    """mptcpd 0.12, where it is installed: it keeps the endpoints of the kernel's path manager.

    Its own policy for userspace makes no subflow, and a link that comes back it leaves without.
    """

    name = "mptcpd 0.12"
    program = shutil.which("mptcpd", path=os.environ["PATH"] + ":/usr/libexec:/usr/sbin")

    @classmethod
    def is_there(cls):
        if not cls.program:
            return False
        said = subprocess.run([cls.program, "--version"], text=True, capture_output=True, check=False)
        return "0.12" in said.stdout + said.stderr

    def __init__(self, net):
        self.net = net
        net.client.sysctl("net.mptcp.path_manager", "kernel")
        net.client.ip("mptcp limits set subflow 8 add_addr_accepted 0")
        self.child = net.client.start(
            self.program, "--path-manager=addr_adv", "--addr-flags=subflow",
            *(f"--plugin-dir={path}"
              for path in pathlib.Path(self.program).parents[1].glob("lib/*/mptcpd")),
            "--notify-flags=existing,skip_loopback,skip_link_local",
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pid = self.child.pid
        wait_until(lambda: SECOND in net.client.run("ip", "mptcp", "endpoint").stdout, 5,
                   "mptcpd 0.12 has made its endpoints")
