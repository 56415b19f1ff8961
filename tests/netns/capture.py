# SPDX-License-Identifier: LGPL-2.1-or-later
"""The SYNs of a host as its links carry them: who really sent which MP_JOIN, and where.

A packet socket with a filter for SYNs, so that a gigabyte of data does not push them out.
"""

import ctypes
import os
import socket
import struct
import threading

SO_ATTACH_FILTER = 26
SO_RCVBUFFORCE = 33
CLONE_NEWNET = 0x40000000
ETH_P_ALL = 3
OPTION_MPTCP = 30
MP_CAPABLE, MP_JOIN = 0, 1

# (code, jump if true, jump if false, constant): offset 0 is the IP header
FILTER = [
    (0x30, 0, 0, 0),     # ldb [0]
    (0x54, 0, 0, 0xF0),  # and #0xf0
    (0x15, 0, 5, 0x40),  # jeq #0x40: IPv4, else on to IPv6
    (0x30, 0, 0, 9),     # ldb [9]: protocol
    (0x15, 0, 8, 6),     # jeq #6: TCP, else drop
    (0xB1, 0, 0, 0),     # ldxb 4*([0]&0xf)
    (0x50, 0, 0, 13),    # ldb [x + 13]: flags
    (0x05, 0, 0, 4),     # ja to the test of the flags
    (0x15, 0, 4, 0x60),  # jeq #0x60: IPv6, else drop
    (0x30, 0, 0, 6),     # ldb [6]: next header
    (0x15, 0, 2, 6),     # jeq #6: TCP, else drop
    (0x30, 0, 0, 53),    # ldb [53]: flags
    (0x45, 1, 0, 2),     # jset #2: SYN
    (0x06, 0, 0, 0),     # drop
    (0x06, 0, 0, 0xFFFF),
]


def in_namespace(name, function):
    """What `function` returns when it runs inside the namespace; its sockets stay there."""
    results = []

    def run():
        libc = ctypes.CDLL(None, use_errno=True)
        fd = os.open(f"/run/netns/{name}", os.O_RDONLY)
        if libc.setns(fd, CLONE_NEWNET) == 0:
            results.append(function())
        os.close(fd)

    thread = threading.Thread(target=run)  # setns() is for this thread alone
    thread.start()
    thread.join()
    if not results:
        raise OSError(f"cannot capture in namespace {name}")
    return results[0]


def attach(sock, lines):
    """Let the socket see only what this filter takes."""
    code = b"".join(struct.pack("HBBI", *line) for line in lines)
    buffer = ctypes.create_string_buffer(code)
    sock.setsockopt(
        socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", len(lines), ctypes.addressof(buffer))
    )


def _open():
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    attach(sock, FILTER)
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
    except OSError:
        pass  # not root: the default holds some hundred SYNs
    sock.setblocking(False)
    try:
        while True:  # what came before the filter
            sock.recv(1)
    except BlockingIOError:
        return sock


def _options(data):
    """The MPTCP options of a TCP header, as bytes behind kind and length."""
    at = 20
    end = min((data[12] >> 4) * 4, len(data))
    while at + 1 < end and data[at] != 0:
        size = 1 if data[at] == 1 else max(data[at + 1], 2)
        if data[at] == OPTION_MPTCP:
            yield data[at + 2 : at + size]
        at += size


def parse_syn(packet):
    """One IP packet with a SYN -> dict, or None for a SYN+ACK (or something that is no SYN)."""
    if packet[0] >> 4 == 4:
        tcp = packet[(packet[0] & 15) * 4 :]
        source, target = (socket.inet_ntop(socket.AF_INET, packet[i : i + 4]) for i in (12, 16))
    else:
        tcp = packet[40:]
        source, target = (socket.inet_ntop(socket.AF_INET6, packet[i : i + 16]) for i in (8, 24))
    if tcp[13] & 0x12 != 0x02:
        return None
    ports = struct.unpack("!HH", tcp[:4])
    syn = {"source": source, "target": target, "from": ports[0], "port": ports[1], "join": False,
           "backup": False, "id": None}
    for option in _options(tcp):
        if option[0] >> 4 == MP_JOIN:
            syn.update({"join": True, "backup": bool(option[0] & 1), "id": option[1]})
    return syn


class Capture:
    """Everything from the constructor on is seen."""

    def __init__(self, host):
        self.socket = in_namespace(host.name, _open)
        self.seen = []

    def syns(self):
        """All SYNs so far: [{"link", "out", "source", "target", "from", "port", "join", …}]"""
        while True:
            try:
                packet, (link, _, kind, *_) = self.socket.recvfrom(2048)
            except BlockingIOError:
                return self.seen
            syn = parse_syn(packet)
            if syn:
                self.seen.append({"link": link, "out": kind == socket.PACKET_OUTGOING, **syn})

    def joins(self):
        """The MP_JOINs this host sent so far."""
        return [syn for syn in self.syns() if syn["join"] and syn["out"]]
