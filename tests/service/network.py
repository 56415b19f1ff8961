# SPDX-License-Identifier: LGPL-2.1-or-later
"""A server in a namespace of its own, three links to it, and connections that have them all.

    network.py      is the server
"""

import contextlib
import pathlib
import selectors
import socket
import subprocess
import sys

sys.path[1:1] = [str(pathlib.Path(__file__).resolve().parents[1]),
                 str(pathlib.Path(__file__).resolve().parents[1] / "netns")]

import minimal
import tap
from hosts import wait_until
from latency import Latency
from service import listing, run, sysctl

PORT = 7000
LINKS = (1, 2, 3)


def mptcp_socket():
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_MPTCP)


class Network:
    """Up, with so many connections, inside the `with`."""

    def __init__(self, connections):
        self.n = connections
        self.sockets = []

    def __enter__(self):
        with contextlib.ExitStack() as undo:
            run("ip", "netns", "add", "server")
            undo.callback(run, "ip", "netns", "delete", "server")
            for i in LINKS:
                self.wire(i)
            run("ip", "link", "add", "idle", "type", "veth", "peer", "name", "idle2")
            undo.callback(run, "ip", "link", "delete", "idle")
            run("ip", "-n", "server", "mptcp", "limits", "set", "subflow", "8",
                "add_addr_accepted", "8")
            self.serve(undo)
            undo.callback(self.close)
            self.latency = Latency()
            for _ in range(self.n):
                self.connect()
            wait_until(self.is_whole, 20, f"{self.n} connections have all links")
            self.undo = undo.pop_all()
        return self

    def __exit__(self, *exception):
        self.undo.close()

    @staticmethod
    def wire(i):
        run("ip", "link", "add", f"link{i}", "type", "veth", "peer", "name", f"link{i}", "netns",
            "server")
        for kind in ("all", "default", f"link{i}"):
            sysctl(f"net.ipv4.conf.{kind}.rp_filter", 0)
        for number, where in ((2, ("-n", "server")), (1, ())):
            run("ip", *where, "link", "set", f"link{i}", "up")
            run("ip", *where, "address", "add", f"10.9.{i}.{number}/24", "dev", f"link{i}")
        run("ip", "route", "add", "default", "via", f"10.9.{i}.2", "dev", f"link{i}", "metric", i)

    @staticmethod
    def serve(undo):
        server = subprocess.Popen(["ip", "netns", "exec", "server", *minimal.python(), __file__],
                                  stdout=subprocess.PIPE, text=True)
        undo.callback(server.wait)
        undo.callback(server.kill)
        tap.equal(server.stdout.readline(), "ready\n", "what the server says")

    def connect(self):
        """One more, with a byte each way."""
        client = mptcp_socket()
        self.sockets.append(client)
        client.connect(("10.9.1.2", PORT))
        client.sendall(b"?")
        tap.equal(client.recv(1), b"!", "the server's first data")

    def is_whole(self):
        return sum(len(each["subflows"]) for each in listing("connection")) == len(LINKS) * self.n

    def close(self):
        for client in self.sockets:
            client.close()

    @contextlib.contextmanager
    def adding_addresses(self, n):
        """Give an interface so many addresses meanwhile, and take them away at the end."""
        lines = [f"address add 10.{77 + i // 256}.{i % 256}.1/32 dev idle" for i in range(n)]
        with subprocess.Popen(["ip", "-batch", "-"], stdin=subprocess.PIPE, text=True) as child:
            child.stdin.write("\n".join(lines) + "\n")
            child.stdin.close()
            yield
            tap.equal(child.wait(), 0, "exit of ip")
        run("ip", "address", "flush", "dev", "idle")


def serve():
    selector = selectors.DefaultSelector()
    with mptcp_socket() as listener:
        listener.bind(("0.0.0.0", PORT))
        listener.listen(1024)
        selector.register(listener, selectors.EVENT_READ)
        print("ready", flush=True)
        while True:
            for key, _ in selector.select():
                if key.fileobj is listener:
                    selector.register(listener.accept()[0], selectors.EVENT_READ)
                    continue
                data = b""
                with contextlib.suppress(OSError):
                    data = key.fileobj.recv(64)
                if data:
                    key.fileobj.sendall(b"!")
                else:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()


if __name__ == "__main__":
    serve()
