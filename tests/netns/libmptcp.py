# SPDX-License-Identifier: LGPL-2.1-or-later
"""libmptcp as Python calls it: <mptcp/socket.h> in ctypes, for tests."""

import contextlib
import ctypes
import errno
import ipaddress
import os
import pathlib
import select
import socket
import struct

BUILD = pathlib.Path(os.environ.get("MPTCPD_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build"))
PATH = BUILD / "lib/mptcp/libmptcp.so"
IPPROTO_MPTCP = 262
FEATURE_IPV6, FEATURE_INFO, FEATURE_FULL_INFO, FEATURE_KEEPALIVE = 1, 2, 4, 8
DIAL_NONBLOCK, DIAL_NUMERIC, DIAL_PLAIN = 1, 2, 4
LISTEN_NONBLOCK, LISTEN_NUMERIC, LISTEN_PLAIN, LISTEN_REUSE_PORT = 1, 2, 4, 8
KNOWN_FIGURES, KNOWN_BYTES, KNOWN_TOTAL, KNOWN_TIMES, KNOWN_ID, KNOWN_TCP = 1, 2, 4, 8, 16, 32
INITIAL = 1

lib = ctypes.CDLL(str(PATH))
lib.mptcp_unsupported_reason.restype = ctypes.c_char_p
lib.mptcp_error_text.restype = ctypes.c_char_p
for _name in ("dial_fd", "dial_continue", "dial_free"):
    getattr(lib, f"mptcp_{_name}").argtypes = [ctypes.c_void_p]


class DialOptions(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("flags", ctypes.c_uint), ("family", ctypes.c_int),
                ("timeout_ms", ctypes.c_int), ("attempt_delay_ms", ctypes.c_int),
                ("local_address", ctypes.c_char_p), ("interface", ctypes.c_char_p),
                ("keepalive_s", ctypes.c_int), ("ret_lookup_error", ctypes.POINTER(ctypes.c_int))]


class ListenOptions(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("flags", ctypes.c_uint), ("family", ctypes.c_int),
                ("backlog", ctypes.c_int), ("interface", ctypes.c_char_p),
                ("ret_lookup_error", ctypes.POINTER(ctypes.c_int))]


class Subflow(ctypes.Structure):
    pass


def named(kind, names):
    return [(name, kind) for name in names.split()]


Subflow._fields_ = [
    ("next", ctypes.POINTER(Subflow)), *named(ctypes.c_uint32, "known flags id"),
    *named(ctypes.c_uint64 * 16, "local remote"), ("tcp_info", ctypes.c_void_p),
    ("tcp_info_size", ctypes.c_size_t), ("tcp_state", ctypes.c_uint8),
    *named(ctypes.c_uint32, """snd_mss rcv_mss unacked lost retrans last_data_sent_ms
        last_data_recv_ms rtt_us rttvar_us min_rtt_us rto_us snd_cwnd total_retrans segs_out segs_in
        notsent_bytes"""),
    *named(ctypes.c_uint64, "bytes_sent bytes_retrans bytes_acked bytes_received pacing_rate delivery_rate")]


class Info(ctypes.Structure):
    _fields_ = [
        ("size", ctypes.c_size_t), ("known", ctypes.c_uint32), *named(ctypes.c_bool, "used fallen_back"),
        ("n_subflows", ctypes.c_size_t), ("subflows", ctypes.POINTER(Subflow)), ("token", ctypes.c_uint32),
        *named(ctypes.c_uint8, """extra_subflows add_addr_signaled add_addr_accepted local_addr_used
            extra_subflows_max add_addr_signal_max add_addr_accepted_max local_addr_max"""),
        ("checksum", ctypes.c_bool), *named(ctypes.c_uint64, "write_seq snd_una rcv_nxt"),
        ("retransmits", ctypes.c_uint32),
        *named(ctypes.c_uint64, "bytes_retrans bytes_sent bytes_received bytes_acked"),
        ("subflows_total", ctypes.c_uint8),
        *named(ctypes.c_uint32, "last_data_sent_ms last_data_recv_ms last_ack_recv_ms")]


def name_of(code):
    """Of an errno, as in errno(3); of two with one number that of sockets."""
    return "EOPNOTSUPP" if -code == errno.EOPNOTSUPP else errno.errorcode.get(-code, str(code))


class Failed(Exception):
    """What the library answered; `name` as in errno(3)."""

    def __init__(self, code):
        super().__init__(f"{name_of(code)}: {lib.mptcp_error_text(code).decode()}")
        self.name = name_of(code)
        self.lookup = 0


def checked(code):
    if code < 0:
        raise Failed(code)
    return code


def text(value):
    return value.encode() if isinstance(value, str) else value


def options_of(kind, options):
    filled = kind(ctypes.sizeof(kind))
    for name, value in options.items():
        setattr(filled, name, text(value))
    code = ctypes.c_int(-1)
    filled.ret_lookup_error = ctypes.pointer(code)
    return filled, code


def _call(function, kind, host, service, options):
    filled, code = options_of(kind, options)
    try:
        return checked(function(text(host), text(service), ctypes.byref(filled)))
    except Failed as failure:
        failure.lookup = code.value
        raise


def dial(host, service, **options):
    """A connected socket object."""
    return own(_call(lib.mptcp_dial, DialOptions, host, str(service), options))


def listen(host=None, service=0, **options):
    return own(_call(lib.mptcp_listen, ListenOptions, host, str(service), options))


def own(fd):
    """A socket object that closes it; O_NONBLOCK stays as it is."""
    before = os.get_blocking(fd)
    sock = socket.socket(fileno=fd)
    os.set_blocking(fd, before)
    return sock


class AddrInfo(ctypes.Structure):
    """Of <netdb.h>."""


AddrInfo._fields_ = [*named(ctypes.c_int, "flags family socktype protocol"), ("addrlen", ctypes.c_uint),
                     ("addr", ctypes.c_void_p), ("canonname", ctypes.c_char_p), ("next", ctypes.POINTER(AddrInfo))]


def addrinfo_of(address, following):
    """A list that begins with this (host, port)."""
    where = ipaddress.ip_address(address[0])
    head = struct.pack("=H", socket.AF_INET if where.version == 4 else socket.AF_INET6)
    raw = head + struct.pack("!H", address[1]) + (b"" if where.version == 4 else bytes(4)) + where.packed
    raw = raw.ljust(16 if where.version == 4 else 28, b"\0")
    info = AddrInfo(addrlen=len(raw), next=following)
    info.kept = ctypes.create_string_buffer(raw, len(raw))
    info.addr = ctypes.addressof(info.kept)
    return info


class Dialer:
    """The non-blocking form: for a host and a service, or for [(host, port)…]."""

    def __init__(self, *where, **options):
        self.pointer = ctypes.c_void_p()
        filled, self.code = options_of(DialOptions, options)
        rest = (ctypes.byref(filled), ctypes.byref(self.pointer))
        if len(where) == 1:
            kept = []
            for address in reversed(where[0]):
                kept.append(addrinfo_of(address, ctypes.pointer(kept[-1]) if kept else None))
            checked(lib.mptcp_dial_start_addresses(ctypes.byref(kept[-1]) if kept else None, *rest))
        else:
            checked(lib.mptcp_dial_start(text(where[0]), text(str(where[1])), *rest))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.free()

    def fileno(self):
        return lib.mptcp_dial_fd(self.pointer)

    def go_on(self):
        """A socket object, or None: not yet."""
        code = lib.mptcp_dial_continue(self.pointer)
        return None if code == -errno.EINPROGRESS else own(checked(code))

    def finish(self):
        """The socket object, whenever it comes: waits on the descriptor alone."""
        while True:
            if not select.select([self], [], [], 60)[0]:
                raise AssertionError("the descriptor of a dialer was not readable for a minute")
            sock = self.go_on()
            if sock:
                return sock

    def free(self):
        lib.mptcp_dial_free(self.pointer)
        self.pointer = None


def answer(function, sock):
    """1, 0, or the name of the errno."""
    fd = sock if isinstance(sock, int) else sock.fileno()
    code = getattr(lib, f"mptcp_{function}")(fd)
    return code if code >= 0 else name_of(code)


def rules(sock):
    """(requested, used, fallen back)"""
    return tuple(answer(name, sock) for name in ("is_requested", "is_used", "has_fallen_back"))


def address_of(storage):
    """(address, port) of a sockaddr_storage; ::ffff:192.0.2.1 is 192.0.2.1."""
    raw = bytes(storage)
    family, = struct.unpack_from("=H", raw)
    port, = struct.unpack_from("!H", raw, 2)
    where = raw[4:8] if family == socket.AF_INET else raw[8:24]
    address = ipaddress.ip_address(where)
    return str(getattr(address, "ipv4_mapped", None) or address), port


@contextlib.contextmanager
def info(sock):
    """(Info, [Subflow…]) while inside."""
    pointer = ctypes.POINTER(Info)()
    checked(lib.mptcp_get_info(sock.fileno(), ctypes.byref(pointer)))
    subflows, at = [], pointer.contents.subflows
    while at:
        subflows.append(at.contents)
        at = at.contents.next
    try:
        yield pointer.contents, subflows
    finally:
        lib.mptcp_info_free(pointer)
