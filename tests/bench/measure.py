# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is read while something is measured: no process is started for it."""

import os
import pathlib

# Process ids of the whole machine, also inside the sandbox: its /proc knows no thread of the kernel.
MACHINE = os.open("/proc", os.O_RDONLY)
KERNEL_WORKERS = ("kworker/", "ksoftirqd/")


class Counters:
    """The counters of the network namespace that a process is in."""

    def __init__(self, pid):
        self.directory = pathlib.Path(f"/proc/{pid}/net")

    def _value(self, file, group, name):
        lines = (self.directory / file).read_text("ascii").splitlines()
        names, values = (line.split() for line in lines if line.startswith(group + ":"))
        return int(dict(zip(names, values)).get(name, 0))

    def joins(self):
        """MP_JOINs that were answered."""
        return self._value("netstat", "MPTcpExt", "MPJoinSynAckRx")

    def capable(self):
        """Connections of which both ends began with MPTCP."""
        return self._value("netstat", "MPTcpExt", "MPCapableSYNACKRX")

    def established(self):
        """TCP sockets, subflows among them."""
        return self._value("snmp", "Tcp", "CurrEstab")


def _read(name):
    fd = os.open(name, os.O_RDONLY, dir_fd=MACHINE)
    with open(fd, encoding="ascii", errors="replace") as file:
        return file.read()


def _workers():
    """{pid of a thread of the kernel that does the network's work: its nanoseconds of CPU}"""
    found = {}
    for pid in filter(str.isdigit, os.listdir(MACHINE)):
        try:
            if _read(f"{pid}/comm").startswith(KERNEL_WORKERS):
                found[pid] = int(_read(f"{pid}/schedstat").split()[0])
        except OSError:
            pass  # it ended
    return found


class Cpu:
    """Who took how much of the processors since the constructor.

    The time of a process is exact, and contains what the kernel does in its name, interrupts
    included; that of the whole machine is sampled, a hundred times a second, and contains others.
    """

    def __init__(self, **processes):
        """`name=[pid…]` of who is told apart."""
        self.processes = processes
        self.before, self.workers, self.machine = self._times(), _workers(), self._busy()

    def _times(self):
        return {name: sum(int(pathlib.Path(f"/proc/{pid}/schedstat").read_text("ascii").split()[0])
                          for pid in pids) for name, pids in self.processes.items()}

    @staticmethod
    def _busy():
        words = [int(word) for word in _read("stat").split("\n")[0].split()[1:9]]
        return (sum(words) - words[3] - words[4]) * 10_000_000

    def spent(self, n):
        """{who: µs for each of n}: the processes, the kernel's workers, their sum, the machine."""
        found = {name: now - self.before[name] for name, now in self._times().items()}
        found["kernel workers"] = sum(now - self.workers.get(pid, 0)
                                      for pid, now in _workers().items())
        found["sum"] = sum(found.values())
        found["machine"] = self._busy() - self.machine
        return {who: ns / 1000 / n for who, ns in found.items()}
