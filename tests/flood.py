# SPDX-License-Identifier: LGPL-2.1-or-later
"""An ordinary user who asks for too much at the control socket.

    flood.py SOCKET WHAT [CONNECTIONS] [TOKEN]

WHAT is the name of a method, `ping`, `introspect`, `properties`, or `mute`: to subscribe, and never
read. Each connection has as many calls on their way as it can, and reads the answers as fast as
they come. Becomes nobody first, if it is root, or the user FLOOD_UID of the environment. Says "{}"
when all connections are served, and then, every tenth of a second, how many answers it got so far.
Ends with stdin.

    flood.py SOCKET ask

is a user with one question at a time: how many milliseconds each of some answers took.
"""

import collections
import json
import os
import selectors
import socket
import struct
import sys
import time

NOBODY = 65534
CONNECTIONS = 16
MANAGER = "org.mptcpd1.Manager"
CHUNK = 1 << 18


def align(data, size):
    return data + b"\0" * (-len(data) % size)


def text(value):
    return struct.pack("<I", len(value)) + value.encode() + b"\0"


def field(code, signature, value):
    return bytes([code, 1]) + signature.encode() + b"\0" + value


def call(serial, member, signature="", body=b"", interface=MANAGER):
    """A method call on /org/mptcpd1, as bytes."""
    fields = align(field(1, "o", text("/org/mptcpd1")), 8)
    fields = align(fields + field(2, "s", text(interface)), 8)
    fields += field(3, "s", text(member))
    if signature:
        fields = align(fields, 8) + field(8, "g", bytes([len(signature)]) + signature.encode() + b"\0")
    head = struct.pack("<cBBBIII", b"l", 1, 0, 1, len(body), serial, len(fields))
    return align(head + fields, 8) + body


def request(what, token=0):
    """The bytes of one such call."""
    freedesktop = "org.freedesktop.DBus."
    special = {
        "ping": ("Ping", "", b"", freedesktop + "Peer"),
        "introspect": ("Introspect", "", b"", freedesktop + "Introspectable"),
        "properties": ("GetAll", "s", text(MANAGER), freedesktop + "Properties"),
        "mute": ("Subscribe", "", b"", MANAGER),
        "GetConnection": ("GetConnection", "u", struct.pack("<I", token), MANAGER),
        "Explain": ("Explain", "u", struct.pack("<I", token), MANAGER),
        "ListConnections": ("ListConnections", "tu", struct.pack("<QI", 0, 0), MANAGER),
        "ListInterfaces": ("ListInterfaces", "tu", struct.pack("<QI", 0, 0), MANAGER),
    }
    member, signature, body, interface = special.get(what, (what, "", b"", MANAGER))
    return call(1, member, signature, body, interface)


class Connection:
    """One that is authenticated. Answers are counted, not read."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.socket.sendall(b"\0AUTH EXTERNAL %s\r\nBEGIN\r\n" % str(os.getuid()).encode().hex().encode())
        hello = b""
        while not hello.endswith(b"\r\n"):
            more = self.socket.recv(1)
            if not more:
                raise ConnectionError("turned away")
            hello += more
        self.to_send = b""
        self.received = b""

    def call(self, message):
        """Wait for the answer to one call."""
        self.socket.sendall(message)
        n = 0
        while n == 0:
            data = self.socket.recv(CHUNK)
            if not data:
                raise ConnectionError("thrown out")
            n = self.count(data)

    def count(self, data):
        """How many messages end in this piece of what comes in?"""
        n = 0
        self.received += data
        while len(self.received) >= 16:
            body, _, fields = struct.unpack_from("<III", self.received, 4)
            size = 16 + fields + (-fields % 8) + body
            if len(self.received) < size:
                break
            self.received = self.received[size:]
            n += 1
        return n

    def send(self, messages):
        """As much as goes."""
        while True:
            if not self.to_send:
                self.to_send = messages
            try:
                self.to_send = self.to_send[self.socket.send(self.to_send):]
            except BlockingIOError:
                return


def become_somebody():
    if os.getuid() == 0:
        uid = int(os.environ.get("FLOOD_UID", NOBODY))
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)


def enter(path):
    """The socket's own name, seen from its directory: nobody may not come there by himself."""
    os.chdir(os.path.dirname(path))
    return os.path.basename(path)


def flood(connections, message):
    selector = selectors.DefaultSelector()
    for connection in connections:
        connection.socket.setblocking(False)
        selector.register(connection.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, connection)
    selector.register(sys.stdin, selectors.EVENT_READ)
    counts, said = collections.Counter(), time.monotonic()
    while True:
        for key, events in selector.select(0.1):
            if key.data is None:
                return
            if events & selectors.EVENT_READ:
                data = key.fileobj.recv(CHUNK)
                if not data:
                    raise ConnectionError("thrown out")
                counts["answers"] += key.data.count(data)
            if events & selectors.EVENT_WRITE:
                key.data.send(message * 64)
        if time.monotonic() > said + 0.1:
            said = time.monotonic()
            print(json.dumps(counts), flush=True)


def ask(connection):
    message = request("GetStatus")
    times = []
    for _ in range(20):
        begin = time.monotonic()
        connection.call(message)
        times.append(1000 * (time.monotonic() - begin))
    print(json.dumps(times), flush=True)


def main():
    path, what = enter(sys.argv[1]), sys.argv[2]
    n = int(sys.argv[3]) if len(sys.argv) > 3 else CONNECTIONS
    token = int(sys.argv[4], 16) if len(sys.argv) > 4 else 0
    become_somebody()
    if what == "ask":
        ask(Connection(path))
        return
    connections = [Connection(path) for _ in range(n)]
    message = request(what, token)
    for connection in connections:
        connection.call(message)
    print("{}", flush=True)
    if what == "mute":
        sys.stdin.read()
    else:
        flood(connections, message)


if __name__ == "__main__":
    main()
