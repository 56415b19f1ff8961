# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long from a server's first word to the MP_JOIN that mptcpd makes the client send."""

import collections
import hashlib
import socket
import statistics
import struct
import time

import tap
from capture import MP_CAPABLE, MP_JOIN, SO_RCVBUFFORCE, _options, attach, in_namespace

JOIN_P50_MS, JOIN_MAX_MS = 2, 50
SO_TIMESTAMPNS = 35
ETH_P_ALL = 3


def _only(port):
    """A filter, as in capture.py: IPv4 from or to this port."""
    return [
        (0x30, 0, 0, 0),     # ldb [0]
        (0x54, 0, 0, 0xF0),  # and #0xf0
        (0x15, 0, 6, 0x40),  # jeq #0x40: IPv4, else drop
        (0xB1, 0, 0, 0),     # ldxb 4*([0]&0xf)
        (0x48, 0, 0, 0),     # ldh [x]: source port
        (0x15, 2, 0, port),  # jeq: take
        (0x48, 0, 0, 2),     # ldh [x + 2]: destination port
        (0x15, 0, 1, port),  # jeq: take, else drop
        (0x06, 0, 0, 0xFFFF),
        (0x06, 0, 0, 0),
    ]


def _open(port, buffer=1 << 20):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    if port:
        attach(sock, _only(port))
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, buffer)
    except OSError:  # not root
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    sock.setblocking(False)
    return sock


Packet = collections.namedtuple("Packet", "at is_out client is_syn token join")


def _parse(at, is_out, packet):
    """A Packet, or None for what is no TCP over IPv4.

    `client` is the client's (address, port), given that this host is the client; `token` that of
    the peer, where the handshake shows it, and `join` that of the peer that an MP_JOIN goes to.
    """
    if len(packet) < 40 or packet[0] >> 4 != 4 or packet[9] != 6:
        return None
    head = (packet[0] & 15) * 4
    tcp = packet[head:]
    client = (packet[12:16], tcp[0:2]) if is_out else (packet[16:20], tcp[2:4])
    is_syn, token, join = bool(tcp[13] & 2), None, None
    for option in _options(tcp):
        if option[0] >> 4 == MP_JOIN and tcp[13] & 0x12 == 2:
            join = option[2:6]
        elif option[0] >> 4 == MP_CAPABLE and len(option) >= 18:
            token = hashlib.sha256(option[10:18]).digest()[:4]  # of the receiver's key: RFC 8684
    return Packet(at, is_out, client, is_syn, token, join)


def delays(packets):
    """Seconds from the server's first word to a connection to its first MP_JOIN, of each.

    Its first word is what follows the SYN+ACK, be it data or an acknowledgement: with that the
    connection is fully established.
    """
    opening, heard, found = set(), {}, []
    clients = {}  # by the token of their peer
    for packet in packets:
        if packet.is_out and packet.is_syn and not packet.join:
            opening.add(packet.client)
        elif not packet.is_out and not packet.is_syn and packet.client in opening:
            opening.remove(packet.client)
            heard[packet.client] = packet.at
        if packet.is_out and packet.token:
            clients[packet.token] = packet.client
        at = heard.pop(clients.get(packet.join), None) if packet.is_out and packet.join else None
        if at is not None:
            found.append(packet.at - at)
    return found


def figures(values):
    """Milliseconds, in words."""
    return (f"p50 {statistics.median(values):.2f} ms, "
            f"p99 {sorted(values)[int(len(values) * 0.99)]:.2f} ms, max {max(values):.2f} ms")


def late(joins):
    return len([ms for ms in joins if ms > JOIN_MAX_MS])


def judge_joins(joins, when, late_without=None):
    """The p50, and how many were late: as many again as without a flood, and one, may be.

    On a machine that is busy with other things some are late without a flood, too.
    """
    tap.at_most(statistics.median(joins), JOIN_P50_MS, f"ms to a join, p50, {when}")
    if late_without is not None:
        tap.at_most(late(joins), 2 * late_without + 1, f"joins after {JOIN_MAX_MS} ms, {when}")


class Latency:
    """The packets of a host's links (None: of our own), with the kernel's timestamps."""

    def __init__(self, host=None, port=None, buffer=1 << 20):
        """`port`: of the server, where other traffic would fill the buffer."""
        self.socket = in_namespace(host.name, lambda: _open(port, buffer)) if host \
            else _open(port, buffer)

    def packets(self):
        """The Packets there are by now."""
        while True:
            try:
                packet, control, _, (_, _, kind, *_) = self.socket.recvmsg(256, 64)
            except BlockingIOError:
                return
            seconds, nanoseconds = struct.unpack("qq", control[0][2])
            parsed = _parse(seconds + nanoseconds / 1e9, kind == socket.PACKET_OUTGOING, packet)
            if parsed:
                yield parsed

    def measure(self, connect, seconds=2):
        """Seconds from the server's first word, by connect(), to the first MP_JOIN."""
        for _ in self.packets():
            pass
        connect()
        deadline, seen = time.monotonic() + seconds, []
        while time.monotonic() < deadline:
            seen += self.packets()
            found = delays(seen)
            if found:
                return found[0]
            time.sleep(0.0005)
        raise AssertionError(f"no MP_JOIN within {seconds} s")

    def sample(self, connect, n):
        """Milliseconds to the MP_JOIN of each of `n` connections, spread over some time."""
        times = []
        for i in range(n):
            time.sleep(i % 7 / 400)
            times.append(1000 * self.measure(connect))
        return times
