# SPDX-License-Identifier: LGPL-2.1-or-later
"""mptcpize run --backend=bpf: the kernel makes the sockets of one cgroup MPTCP ones.

Where the kernel refuses that, its refusal is all there is to test; a guest of tests/vm has no reason
to, from Linux 6.6 on.
"""

import os
import pathlib
import platform
import re
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from hosts import wait_until

BUILD = pathlib.Path(os.environ.get("MPTCPD_BUILD",
                                    pathlib.Path(__file__).resolve().parents[2] / "build"))
RUN = [str(BUILD / "mptcpize/mptcpize"), "run", "--backend=bpf", "--"]
GUEST = pathlib.Path("/vm.json").exists()
FIRST = (6, 6)  # the kernel with this hook
OURS = 125
TREE = pathlib.Path("/run/cgroup")
PROTOCOLS = """\
import socket as s, sys
def protocol(*kind):
    with s.socket(*kind) as made:
        return made.getsockopt(s.SOL_SOCKET, s.SO_PROTOCOL)
print(*[protocol(*kind) for kind in [
    (s.AF_INET, s.SOCK_STREAM), (s.AF_INET6, s.SOCK_STREAM), (s.AF_INET, s.SOCK_STREAM, s.IPPROTO_TCP),
    (s.AF_INET, s.SOCK_STREAM | s.SOCK_NONBLOCK | s.SOCK_CLOEXEC),
    (s.AF_INET, s.SOCK_DGRAM), (s.AF_INET, s.SOCK_STREAM, 262), (s.AF_UNIX, s.SOCK_STREAM)]], flush=True)
"""
INNER = """\
import os, sys
own = open("/proc/self/cgroup").read().rpartition("0::")[2].strip()
os.mkdir(sys.argv[1] + own + "/inner")
"""
URING = """\
import ctypes, mmap, os, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
params = bytearray(120)
ring = libc.syscall(425, 4, (ctypes.c_char * 120).from_buffer(params))
if ring < 0:
    raise SystemExit("none: " + os.strerror(ctypes.get_errno()))
numbers = struct.unpack("<30I", params)
tail, array, cqes = numbers[11], numbers[16], numbers[25]
sq, cq = mmap.mmap(ring, 4096, offset=0), mmap.mmap(ring, 4096, offset=0x8000000)
sqes = mmap.mmap(ring, 4096, offset=0x10000000)
# IORING_OP_SOCKET: the family, type and protocol are where others have other things.
sqes[:64] = struct.pack("<BBHiQQII", 45, 0, 0, socket.AF_INET, socket.SOCK_STREAM, 0, 0, 0).ljust(64, b"\\0")
sq[array:array + 4], sq[tail:tail + 4] = struct.pack("<I", 0), struct.pack("<I", 1)
libc.syscall(426, ring, 1, 1, 1, None, 0)
_, fd, _ = struct.unpack_from("<QiI", cq, cqes)
print(socket.socket(fileno=fd).getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL) if fd > 0 else f"none: {fd}")
"""
PYTHON = ["/usr/bin/python3", "-c", PROTOCOLS]
WITH, WITHOUT = "262 262 262 262 17 262 0", "6 6 6 6 17 262 0"


def version():
    return tuple(map(int, re.match(r"(\d+)\.(\d+)", platform.release()).groups()))


def run(*argv, **options):
    return subprocess.run([*RUN, *argv], text=True, capture_output=True, check=False, **options)


def groups():
    """The cgroups that mptcpize made."""
    return [name for _, names, _ in os.walk(TREE) for name in names if name.startswith("mptcpize-")]


class Tree:
    """The tree of cgroup 2 is there; and whoever made a cgroup has removed it at the end."""

    def __enter__(self):
        TREE.mkdir(exist_ok=True)
        if not os.path.ismount(TREE):
            done = subprocess.run(["mount", "-t", "cgroup2", "none", TREE], check=False,
                                  capture_output=True, text=True)
            if done.returncode:
                raise tap.Skip(f"no cgroup 2 here: {done.stderr}")
        tap.equal(groups(), [], "cgroups before")
        return self

    def __exit__(self, kind, _value, _trace):
        if not kind:
            wait_until(lambda: not groups(), 10, "the cgroup is removed", groups)


def need_hook():
    if GUEST and version() < FIRST:
        raise tap.Skip("Linux 6.6 is the first with this hook")


@tap.test("/bpf/refusal/says-why-and-runs-nothing")
def refused():
    with Tree():
        done = run("touch", "/run/bpf-ran")
        if done.returncode == 0 or (GUEST and version() >= FIRST):
            tap.equal((done.returncode, done.stderr), (0, ""), "where it works")
            return
        tap.equal(done.returncode, OURS, f"exit ({done.stderr})")
        words = "Linux 6.6" if version() < FIRST else "refuses"
        tap.true(words in done.stderr, done.stderr)
        tap.true(not pathlib.Path("/run/bpf-ran").exists(), "nothing was run")
        tap.equal(groups(), [], "nothing is left")


@tap.test("/bpf/sockets/of-the-program-and-its-children-alone")
def sockets():
    need_hook()
    with Tree():
        tap.equal(run(*PYTHON).stdout.strip(), WITH, "protocols inside")
        tap.equal(run("sh", "-c", '"$@"; exec "$@"', "sh", *PYTHON).stdout.split("\n")[:2],
                  [WITH, WITH], "protocols of children")
        child = subprocess.Popen([*RUN, "sh", "-c", 'echo in; read x; exec "$@"', "sh", *PYTHON],
                                 text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        tap.equal(child.stdout.readline(), "in\n", "it runs")
        outside = subprocess.run(PYTHON, text=True, capture_output=True, check=True).stdout
        tap.equal(outside.strip(), WITHOUT, "protocols outside, meanwhile")
        told, _ = child.communicate("\n")
        tap.equal(told.strip(), WITH, "protocols inside")
        inner = run(*RUN, *PYTHON)
        tap.equal(inner.stdout.strip(), WITH, f"one within another ({inner.stderr})")


@tap.test("/bpf/end/as-the-program-and-then-nothing-is-left")
def ends():
    need_hook()
    with Tree():
        tap.equal(run("sh", "-c", "exit 7").returncode, 7, "exit status")
        tap.equal(run("sh", "-c", "kill -9 $$").returncode, -signal.SIGKILL, "signal")
        tap.equal(run("/no/such/program").returncode, 127, "no program")
        tap.equal(run("sh", "-c", "ps=$(wait; echo $?); exit $ps").returncode, 0, "no child of its own")
        tap.equal(run("/usr/bin/python3", "-c", INNER, str(TREE)).returncode, 0,
                  "one that makes a cgroup below")
        wait_until(lambda: not groups(), 10, "the cgroups are removed", groups)
        # One that goes to the background keeps it.
        child = subprocess.Popen([*RUN, "sh", "-c", '(read x; exec "$@") <&3 & exit 0', "sh", *PYTHON],
                                 text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 preexec_fn=lambda: os.dup2(0, 3), close_fds=False)
        tap.equal(child.wait(), 0, "the first process")
        tap.equal(len(groups()), 1, "cgroups while the second runs")
        told, _ = child.communicate("\n")
        tap.equal(told.strip(), WITH, "protocols of the second")


@tap.test("/bpf/io-uring/makes-tcp-as-ever")
def io_uring():
    need_hook()
    with Tree():
        tap.equal(run("/usr/bin/python3", "-c", URING).stdout.strip(), "6", "protocol of its socket")


@tap.test("/bpf/off/without-mptcp-it-says-so")
def off():
    need_hook()
    path = pathlib.Path("/proc/sys/net/mptcp/enabled")
    with Tree():
        path.write_text("0", encoding="ascii")
        try:
            done = run("true")
            tap.equal(done.returncode, OURS, f"exit ({done.stderr})")
            tap.true("no MPTCP" in done.stderr, done.stderr)
        finally:
            path.write_text("1", encoding="ascii")


def main():
    if not GUEST and "--list" not in sys.argv and run("true").returncode != 0:
        tap.TESTS[:] = [test for test in tap.TESTS if test[2] is refused]
    tap.main()


if __name__ == "__main__":
    sandbox.run(main)
