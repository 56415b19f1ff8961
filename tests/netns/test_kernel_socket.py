# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sockets that the kernel itself made: in a guest of tests/vm alone.

File systems of the network make TCP sockets, whatever is done. A module makes one for MPTCP
(tests/vm/kernel-socket.c), which is managed like any other.
"""

import ctypes
import os
import pathlib
import platform
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from daemon import Daemon
from hosts import BUILD, Network, Traffic, wait_until

MODULE = pathlib.Path("/modules/kernel-socket.ko")
SYS_DELETE_MODULE, SYS_FINIT_MODULE = 176, 313  # of x86-64
LOAD = f"""
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
fd = os.open("{MODULE}", os.O_RDONLY)
if libc.syscall({SYS_FINIT_MODULE}, fd, b"address=10.0.1.2 port=5000", 0) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))
"""


# Prints the protocol of whatever is accepted, and hangs up.
SERVER = """
import socket as s
server = s.socket(s.AF_INET, s.SOCK_STREAM, 262)
server.setsockopt(s.SOL_SOCKET, s.SO_REUSEADDR, 1)
server.bind(("10.0.1.2", 4450))
server.listen()
print("ready", flush=True)
while True:
    with server.accept()[0] as client:
        print(client.getsockopt(s.SOL_SOCKET, s.SO_PROTOCOL), flush=True)
"""
# Connects by socket(), then mounts by mount(), which fails as nobody answers.
MOUNTER = """
import ctypes, os, socket, sys
socket.create_connection(("10.0.1.2", 4450)).close()
libc = ctypes.CDLL(None, use_errno=True)
source, kind, options = (word.encode() for word in sys.argv[1:])
os.makedirs("/run/there", exist_ok=True)
libc.mount(source, b"/run/there", kind, 0, options)
"""
MOUNTS = {"cifs": ("//10.0.1.2/share", "ip=10.0.1.2,port=4450,user=a,pass=b,vers=3.0"),
          "nfs4": ("10.0.1.2:/", "addr=10.0.1.2,clientaddr=10.0.1.1,proto=tcp,port=4450,vers=4.1,soft")}
FIRST = (6, 6)  # the kernel with the hook for BPF


class Module:
    """It is loaded inside the `with`, and its socket is in the namespace of this host."""

    def __init__(self, host):
        self.host = host

    def __enter__(self):
        self.host.run("/usr/bin/python3", "-c", LOAD)

    def __exit__(self, *exception):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syscall(SYS_DELETE_MODULE, b"kernel_socket", 0) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@tap.test("/kernel-socket/life/is-managed-like-any-other", 120)
def managed():
    if not MODULE.exists():
        raise tap.Skip("no module for this kernel: `./dev vm` builds one")
    with Network(note=tap.note) as net:
        daemon = Daemon(net.client)
        Traffic(net.server, "server", "::", 5000)

        def connections():
            return daemon.connections()

        def established():
            return [subflow["local"]["address"] for each in connections()
                    for subflow in each["subflows"] if subflow["state"] == "established"]

        def received():
            return sum(net.server.counters()[f"link{i}"][0] for i in (1, 2, 3))

        with Module(net.client):
            wait_until(lambda: len(established()) == 3, 10, "a subflow on each link", connections)
            connection, = connections()
            tap.equal((connection["policy"], connection["side"], connection["fallback"]),
                      ("default", "client", False), "what is told of it")
            net.down(1, net.client)
            wait_until(lambda: sorted(established()) == ["10.0.2.1", "10.0.3.1"], 10,
                       "its first subflow is gone", connections)
            before = received()
            wait_until(lambda: received() > before + 1000, 10, "it goes on by the others")
            net.up(1, net.client)
            wait_until(lambda: len(established()) == 3, 20, "its subflow is back", connections)
            daemon.end()
            daemon = Daemon(net.client)
            wait_until(lambda: len(established()) == 3, 10, "another daemon adopts it", connections)
        wait_until(lambda: not connections(), 10, "it ended with the module", connections)


def try_mount(net, backend, kind):
    """What reaches the server: protocols, one a connection."""
    server = net.server.start("/usr/bin/python3", "-c", SERVER, stdout=subprocess.PIPE)
    tap.equal(server.stdout.readline(), "ready\n", "the server")
    source, options = MOUNTS[kind]
    mounter = net.client.start(BUILD / "mptcpize/mptcpize", "run", f"--backend={backend}", "--",
                               "/usr/bin/python3", "-c", MOUNTER, source, kind, options)
    protocols = [server.stdout.readline().strip() for _ in range(2)]
    for child in (mounter, server):
        child.kill()
        child.wait()
    return protocols


@tap.test("/kernel-socket/filesystems/speak-tcp-whatever-is-done", 120)
def filesystems():
    version = tuple(map(int, re.match(r"(\d+)\.(\d+)", platform.release()).groups()))
    tree = pathlib.Path("/run/cgroup")
    tree.mkdir()
    subprocess.run(["mount", "-t", "cgroup2", "none", tree], check=True)
    with Network(note=tap.note) as net:
        for kind in MOUNTS:
            for backend in ("seccomp", "bpf") if version >= FIRST else ("seccomp",):
                tap.equal(try_mount(net, backend, kind), ["262", "6"],
                          f"{backend}: protocols of a program's own socket and of {kind}")


if __name__ == "__main__":
    sandbox.run(tap.main)
