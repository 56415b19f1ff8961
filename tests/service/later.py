# SPDX-License-Identifier: LGPL-2.1-or-later
"""A systemd that is newer than the one here, as far as mptcpize asks it: on a bus of its own.

It has one socket unit, whose SocketProtocol= is what its drop-in says when the files were read last.
"""

import pathlib
import socket
import struct
import threading

from rawbus import ERROR, RETURN, marshal, pad, read_fields, signature, text

UNIT = "later.socket"
IPPROTO_MPTCP = 262


def strings(values):
    body = b"".join(pad(text(value), 4) for value in values[:-1]) + text(values[-1]) if values else b""
    return struct.pack("<I", len(body)) + body


def variant(kind, value):
    """A value that a message begins with: of strings, lists of them, numbers and Listen."""
    head = signature(kind)
    if kind in ("s", "o"):
        return pad(head, 4) + text(value)
    if kind == "as":
        return pad(head, 4) + strings(value)
    if kind in ("b", "i", "u"):
        return pad(head, 4) + struct.pack("<i", value)
    if kind == "t":
        return pad(head, 8) + struct.pack("<Q", value)
    assert kind == "a(ss)"
    items = b"".join(pad(pad(text(a), 4) + text(b), 8) for a, b in value)
    return pad(pad(head, 4) + struct.pack("<I", len(items)), 8) + items


def arguments(body):
    """The strings of a call."""
    found, offset = [], 0
    while offset + 4 <= len(body):
        size, = struct.unpack_from("<I", body, offset)
        found.append(body[offset + 4:offset + 4 + size].decode())
        offset += size + 5
        offset += -offset % 4
    return found


class Later:
    """It listens at `path` inside the `with`, for one client after another."""

    def __init__(self, path, drop_in, version="257.4-1", listens=(("Stream", "[::]:80"),)):
        self.path, self.drop_in = path, drop_in
        self.values = {
            "Version": ("s", version), "Environment": ("as", []), "Id": ("s", UNIT),
            "LoadState": ("s", "loaded"), "FragmentPath": ("s", ""), "DropInPaths": ("as", []),
            "ActiveState": ("s", "active"), "Transient": ("b", 0), "TriggeredBy": ("as", []),
            "Listen": ("a(ss)", listens), "SocketProtocol": ("i", 0),
            "InactiveExitTimestamp": ("t", 1)}

    def __enter__(self):
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(self.path))
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()
        pathlib.Path(self.path).unlink()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client:
                self.talk(client.makefile("rwb", buffering=0))

    def talk(self, stream):
        stream.read(1)
        while (line := stream.readline().strip()) != b"BEGIN":
            if not line:
                return
            stream.write(b"DATA\r\n" if line.startswith(b"AUTH")
                         else b"OK " + b"0123456789abcdef" * 2 + b"\r\n" if line == b"DATA"
                         else b"ERROR\r\n")
        while len(head := self.exactly(stream, 16)) == 16:
            _, _, _, _, size, serial, n_fields = struct.unpack("<cBBBIII", head)
            fields = self.exactly(stream, n_fields + -n_fields % 8)
            body = self.exactly(stream, size)
            self.answer(stream, serial, read_fields(fields).get(3), arguments(body))

    @staticmethod
    def exactly(stream, size):
        data = b""
        while len(data) < size and (more := stream.read(size - len(data))):
            data += more
        return data

    def read_files(self):
        there = self.drop_in.exists()
        self.values["DropInPaths"] = ("as", [str(self.drop_in)] if there else [])
        says = there and "[Socket]\nSocketProtocol=mptcp\n" in self.drop_in.read_text(encoding="utf-8")
        self.values["SocketProtocol"] = ("i", IPPROTO_MPTCP if says else 0)

    def answer(self, stream, serial, member, said):
        kind, types, body = RETURN, "", b""
        if member == "Hello":
            types, body = "s", text(":1.1")
        elif member == "LoadUnit":
            types, body = "o", text("/org/freedesktop/systemd1/unit/later_2esocket")
        elif member == "Reload":
            self.read_files()
        elif member == "Get" and said[1] in self.values:
            types, body = "v", variant(*self.values[said[1]])
        else:
            kind = ERROR
        error = "org.freedesktop.DBus.Error.UnknownMethod" if kind == ERROR else None
        stream.write(marshal(kind, 1, ((5, "u", serial), (4, "s", error), (8, "g", types)), body))
