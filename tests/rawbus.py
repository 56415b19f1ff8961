# SPDX-License-Identifier: LGPL-2.1-or-later
"""D-Bus by hand, for what no library would send: half a message, a byte at a time, descriptors."""

import array
import os
import socket
import struct

PATH, INTERFACE = "/org/mptcpd1", "org.mptcpd1.Manager"
BROKER = ("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
CALL, RETURN, ERROR, SIGNAL = 1, 2, 3, 4
NO_REPLY, INTERACTIVE = 1, 4
CONTROL = "/run/mptcpd/control"
SYSTEM = "/run/dbus/system_bus_socket"
EXTERNAL = b"\0AUTH EXTERNAL "  # what a client says first, and then who it is


def pad(data, size):
    return data + b"\0" * (-len(data) % size)


def text(value):
    raw = value.encode()
    return struct.pack("<I", len(raw)) + raw + b"\0"


def signature(value):
    return bytes([len(value)]) + value.encode() + b"\0"


def marshal(kind, serial, fields, body=b"", flags=0, body_size=None):
    """A message of these header fields, each a code, a type and a value; those without a value are left
    out. `body_size` is what the header claims, if that is not the truth.
    """
    raw = b""
    for code, of, value in fields:
        if value:
            one = {"g": signature, "u": lambda n: struct.pack("<I", n)}.get(of, text)(value)
            raw = pad(raw, 8) + bytes([code]) + signature(of)
            raw = pad(raw, 4 if of != "g" else 1) + one
    size = len(body) if body_size is None else body_size
    return pad(struct.pack("<cBBBIII", b"l", kind, flags, 1, size, serial, len(raw)) + raw, 8) + body


def message(member, serial=1, destination=None, path=PATH, interface=INTERFACE, types="", body=b"",
            flags=0, body_size=None, descriptors=0):
    """A method call."""
    return marshal(CALL, serial, ((1, "o", path), (2, "s", interface), (3, "s", member),
                                  (6, "s", destination), (8, "g", types), (9, "u", descriptors)),
                   body, flags, body_size)


def read_fields(raw):
    """The values of header fields by their codes."""
    fields, offset = {}, 0
    while offset < len(raw):
        code, of = raw[offset], chr(raw[offset + 2])
        offset += 4
        if of == "u":
            fields[code], = struct.unpack_from("<I", raw, offset)
            offset += 4
        else:
            size, begin = (raw[offset], 1) if of == "g" else (*struct.unpack_from("<I", raw, offset), 4)
            fields[code] = raw[offset + begin:offset + begin + size].decode()
            offset += begin + size + 1
        offset += -offset % 8
    return fields


class Answer:
    """A message that came: its kind, whose answer it is, an error's name and text, a body."""

    def __init__(self, header, fields, body):
        fields = read_fields(fields)
        self.kind = header[1]
        self.body = body
        self.member, self.error, self.serial = fields.get(3), fields.get(4), fields.get(5)


def connect(path=CONTROL, seconds=10):
    """A socket, and nothing said yet."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.connect(str(path))  # waits where many others want to connect
    client.settimeout(seconds)
    return client


class RawBus:
    """A connection whose handshake is done, to the control socket or (`system`) to the bus."""

    def __init__(self, path=CONTROL, system=False, seconds=10):
        self.socket = connect(path, seconds)
        self.serial = 0
        self.buffer = b""
        self.destination = "org.mptcpd1" if system else None
        uid = str(os.geteuid()).encode().hex().encode()
        self.socket.sendall(EXTERNAL + uid + b"\r\n")
        if not self._line().startswith(b"OK "):
            raise ConnectionError("not authenticated")
        self.socket.sendall(b"NEGOTIATE_UNIX_FD\r\n")
        self._line()  # it may say no
        self.socket.sendall(b"BEGIN\r\n")
        if system:
            path, interface, name = BROKER
            self.answer(self.send("Hello", destination=name, path=path, interface=interface))

    def fileno(self):
        return self.socket.fileno()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def _fill(self, size):
        while len(self.buffer) < size:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError("closed")
            self.buffer += data

    def _line(self):
        while b"\r\n" not in self.buffer:
            self._fill(len(self.buffer) + 1)
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def make(self, member, **options):
        """The bytes of the next call."""
        self.serial += 1
        options.setdefault("destination", self.destination)
        return message(member, self.serial, **options)

    def send(self, member, **options):
        """Send a call; returns its number."""
        self.socket.sendall(self.make(member, **options))
        return self.serial

    def send_descriptors(self, data, descriptors):
        rights = array.array("i", descriptors)
        self.socket.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])

    def receive(self):
        self._fill(16)
        header = struct.unpack_from("<cBBBIII", self.buffer)
        begin = 16 + header[6]
        begin += -begin % 8
        self._fill(begin + header[4])
        fields, body = self.buffer[16:16 + header[6]], self.buffer[begin:begin + header[4]]
        self.buffer = self.buffer[begin + header[4]:]
        return Answer(header, fields, body)

    def receive_all(self):
        """At least one, and all that came with it."""
        answers = [self.receive()]
        while self.buffer:
            answers.append(self.receive())
        return answers

    def answer(self, serial):
        """Wait for the answer to this call; what else comes is not looked at."""
        while True:
            answer = self.receive()
            if answer.serial == serial and answer.kind in (RETURN, ERROR):
                return answer

    def call(self, member, **options):
        return self.answer(self.send(member, **options))

    def wait_closed(self):
        """Read until the other side has closed the connection."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionError:
            pass
