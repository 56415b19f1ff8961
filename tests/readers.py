# SPDX-License-Identifier: LGPL-2.1-or-later
"""An ordinary user who asks for too much at the control socket.

    readers.py SOCKET WHAT [CONNECTIONS] [TOKEN]

WHAT is the name of a method, or `mute`: to subscribe, and never read. Each connection has as many
calls on their way as it can, and reads the answers as fast as they come. Becomes nobody first, if
it is root, or the user READER_UID of the environment. Says "{}" when all connections are served,
and then, every tenth of a second, how many answers it got so far. Ends with stdin.

    readers.py SOCKET ask

is a user with one question at a time: how many milliseconds each of some answers took.
"""

import json
import os
import selectors
import struct
import sys
import time

from rawbus import RawBus, message, pad, text

NOBODY = 65534
CONNECTIONS = 16
CHUNK = 1 << 18
AHEAD = 64  # calls written at once
# Of everything that can be read, most of what costs most.
READS = ("ListConnections", "GetConnection", "ListConnectionsPacked", "Explain", "ListConnections",
         "ListInterfaces", "ListConnectionsPacked", "ListEndpoints", "GetStatus", "ListPolicies",
         "GetConfig", "GetLimits", "Introspect", "GetAll", "Ping", "CountConnections")
FREEDESKTOP = "org.freedesktop.DBus."
CURSOR = {"types": "tu", "body": struct.pack("<QI", 0, 0)}
COUNTER = {"types": "t", "body": struct.pack("<Q", 0)}
NONE = struct.pack("<I", 0)  # an array, where what is in it begins at a multiple of eight
# From the first address of a client to that of the server.
SUPPOSED = pad(pad(text("10.0.1.1"), 2) + struct.pack("<H", 0), 8)
SUPPOSED = pad(pad(SUPPOSED + text("10.0.1.2"), 2) + struct.pack("<H", 5000), 4)
SUPPOSED = pad(pad(SUPPOSED + text("client"), 4) + text(""), 4) + NONE


def arguments(what, token=0):
    """Of such a call, as rawbus.message() takes them."""
    token = {"types": "u", "body": struct.pack("<I", token)}
    return {
        "Ping": {"interface": FREEDESKTOP + "Peer"},
        "Introspect": {"interface": FREEDESKTOP + "Introspectable"},
        "GetAll": {"interface": FREEDESKTOP + "Properties", "types": "s",
                   "body": text("org.mptcpd1.Manager")},
        "GetConnection": token,
        "Explain": token,
        "CountConnections": COUNTER,
        "GetMetrics": COUNTER,
        "GetTop": {"types": "ua{sv}", "body": struct.pack("<I", 64) + NONE},
        "TestPolicy": {"types": "(sq)(sq)ssa{sv}", "body": SUPPOSED},
        "ListConnections": CURSOR,
        "ListConnectionsPacked": CURSOR,
        "ListInterfaces": CURSOR,
        "ListExplanations": CURSOR,
        "ListListeners": CURSOR,
        "ExamineLinks": CURSOR,
    }.get(what, {})


class Reader(RawBus):
    """It counts answers, and does not look into them."""

    def start(self, what, token=0):
        """After the first answer it goes on without waiting."""
        self.call(what, **arguments(what, token))
        self.calls = message(what, **arguments(what, token)) * AHEAD
        self.rest = b""
        self.answers = 0
        self.socket.setblocking(False)

    def read(self):
        data = self.socket.recv(CHUNK)
        if not data:
            raise ConnectionError("thrown out")
        self.buffer += data
        while len(self.buffer) >= 16:
            body, _, fields = struct.unpack_from("<III", self.buffer, 4)
            size = 16 + fields + (-fields % 8) + body
            if len(self.buffer) < size:
                break
            self.buffer = self.buffer[size:]
            self.answers += 1

    def write(self):
        try:
            while True:
                self.rest = self.rest or self.calls
                self.rest = self.rest[self.socket.send(self.rest):]
        except BlockingIOError:
            pass


def flood(readers, on_tenth):
    """Ask and ask. `on_tenth` is called ten times a second, until it returns False."""
    selector = selectors.DefaultSelector()
    for reader in readers:
        selector.register(reader, selectors.EVENT_READ | selectors.EVENT_WRITE)
    due = 0
    while True:
        for key, events in selector.select(0.1):
            if events & selectors.EVENT_READ:
                key.fileobj.read()
            if events & selectors.EVENT_WRITE:
                key.fileobj.write()
        if time.monotonic() >= due:
            due = time.monotonic() + 0.1
            if not on_tenth(sum(reader.answers for reader in readers)):
                return


def become_somebody():
    if os.getuid() == 0:
        uid = int(os.environ.get("READER_UID", NOBODY))
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)


def enter(path):
    """The socket's own name, seen from its directory: nobody may not come there by himself."""
    os.chdir(os.path.dirname(path))
    return os.path.basename(path)


def ask(path):
    times = []
    with RawBus(path) as bus:
        for _ in range(20):
            begin = time.monotonic()
            bus.call("GetStatus")
            times.append(1000 * (time.monotonic() - begin))
    print(json.dumps(times), flush=True)


def tell(answers):
    print(json.dumps({"answers": answers}), flush=True)
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin, selectors.EVENT_READ)
        return not selector.select(0)


def main():
    path, what = enter(sys.argv[1]), sys.argv[2]
    n = int(sys.argv[3]) if len(sys.argv) > 3 else CONNECTIONS
    token = int(sys.argv[4], 16) if len(sys.argv) > 4 else 0
    become_somebody()
    if what == "ask":
        ask(path)
        return
    readers = [Reader(path) for _ in range(n)]
    for reader in readers:
        if what == "mute":
            reader.call("Subscribe")
        else:
            reader.start(what, token)
    print("{}", flush=True)
    if what == "mute":
        sys.stdin.read()
    else:
        flood(readers, tell)


if __name__ == "__main__":
    main()
