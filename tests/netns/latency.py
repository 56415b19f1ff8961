# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long from a server's first data to the MP_JOIN that mptcpd makes the client send."""

import socket
import statistics
import struct
import time

import tap
from capture import MP_JOIN, _in_namespace, _options, attach

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


def _open(port):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    if port:
        attach(sock, _only(port))
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    sock.setblocking(False)
    return sock


def _parse(packet):
    """(bytes of payload, is it a SYN with MP_JOIN) of an IPv4 packet with TCP, or None."""
    if len(packet) < 40 or packet[0] >> 4 != 4 or packet[9] != 6:
        return None
    head = (packet[0] & 15) * 4
    tcp = packet[head:]
    payload = struct.unpack_from("!H", packet, 2)[0] - head - (tcp[12] >> 4) * 4
    is_join = tcp[13] & 0x12 == 2 and any(o[0] >> 4 == MP_JOIN for o in _options(tcp))
    return payload, is_join


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

    def __init__(self, host=None, port=None):
        """`port`: of the server, where other traffic would fill the buffer."""
        self.socket = _in_namespace(host.name, lambda: _open(port)) if host else _open(port)

    def _packets(self):
        while True:
            try:
                packet, control, _, (_, _, kind, *_) = self.socket.recvmsg(256, 64)
            except BlockingIOError:
                return
            seconds, nanoseconds = struct.unpack("qq", control[0][2])
            parsed = _parse(packet)
            if parsed:
                yield seconds + nanoseconds / 1e9, kind == socket.PACKET_OUTGOING, *parsed

    def measure(self, connect, seconds=2):
        """Seconds from the first data that comes in, by connect(), to the first MP_JOIN.

        A late server's acknowledgement comes before its data, and is as good.
        """
        for _ in self._packets():
            pass
        connect()
        data_at = heard_at = None
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for at, is_out, payload, is_join in self._packets():
                if not is_out:
                    heard_at = at
                    if data_at is None and payload > 0:
                        data_at = at
                if is_out and is_join and heard_at is not None:
                    return at - (data_at or heard_at)
            time.sleep(0.0005)
        raise AssertionError(f"no MP_JOIN within {seconds} s")

    def sample(self, connect, n):
        """Milliseconds to the MP_JOIN of each of `n` connections, spread over some time."""
        times = []
        for i in range(n):
            time.sleep(i % 7 / 400)
            times.append(1000 * self.measure(connect))
        return times
