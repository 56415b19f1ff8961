# SPDX-License-Identifier: LGPL-2.1-or-later
"""A place of our own: new network, mount and process namespaces, which end with this process.

Nothing of what happens inside is left behind, however it ends: `ip netns` keeps its names below
/run, which is a private tmpfs here, and the kernel ends every process inside when the first one
ends. Without root it takes a user namespace as well, where the host allows one.
"""

import ctypes
import os
import signal
import subprocess
import sys

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1

libc = ctypes.CDLL(None, use_errno=True)


class Unavailable(Exception):
    """The host does not allow what a sandbox needs; the text says what and why."""


def _unshare(flags, what):
    if libc.unshare(flags) != 0:
        raise Unavailable(f"{what}: {os.strerror(ctypes.get_errno())}")


def _map_root(uid, gid):
    for name, line in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(line)


def _mount(*arguments):
    return subprocess.run(["mount", *arguments], stderr=subprocess.PIPE, check=False).returncode == 0


def _guard(pid):
    """The process outside: hand signals in, and end as the one inside ended."""

    def forward(number, _frame):
        os.kill(pid, number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, forward)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to the one inside too
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    sys.stdout.flush()
    os._exit(code if code >= 0 else 128 - code)


def _on_signal(number, _frame):
    raise SystemExit(128 + number)


def enter():
    """Continue inside; the caller becomes process 1 there. Raises Unavailable."""
    uid, gid = os.geteuid(), os.getegid()
    if uid != 0:
        _unshare(CLONE_NEWUSER, "not root, and user namespaces are not allowed")
        _map_root(uid, gid)
    _unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID, "no new namespaces (CAP_SYS_ADMIN)")
    sys.stdout.flush()
    pid = os.fork()
    if pid > 0:
        _guard(pid)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _on_signal)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not (_mount("--make-rprivate", "/") and _mount("-t", "tmpfs", "tmpfs", "/run")):
        raise Unavailable("cannot mount a tmpfs on /run")
    _mount("-t", "proc", "proc", "/proc")  # refused in some containers, and only nice to have
    os.environ.pop("MPTCPCTL_SOCKET", None)
    os.environ.pop("DBUS_SYSTEM_BUS_ADDRESS", None)


def run(main):
    """A test program: `main` inside, or one line of TAP that says why it cannot run here."""
    try:
        enter()
    except Unavailable as reason:
        print(f"TAP version 13\n1..0 # SKIP {reason}")
        sys.exit(0)
    main()
