# SPDX-License-Identifier: LGPL-2.1-or-later
"""libmptcp: is there MPTCP, which protocol does a socket speak, and what is known of a connection."""

import contextlib
import errno
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import libmptcp
import sandbox
import tap
from child import FILTER, OLD_KERNEL, child
from hosts import wait_until
from libmptcp import IPPROTO_MPTCP, INITIAL, lib, rules

UNCONNECTED = (1, "ENOTCONN", "ENOTCONN")
FAMILIES = {"127.0.0.1": socket.AF_INET, "::1": socket.AF_INET6, "::ffff:127.0.0.1": socket.AF_INET6}


def sysctl(name, value):
    pathlib.Path("/proc/sys/" + name.replace(".", "/")).write_text(str(value), encoding="ascii")


def new_socket(host, protocol=IPPROTO_MPTCP):
    return socket.socket(FAMILIES[host], socket.SOCK_STREAM, protocol)


def listener(host, protocol=IPPROTO_MPTCP):
    sock = new_socket(host, protocol)
    sock.bind((host, 0))
    sock.listen()
    return sock


@contextlib.contextmanager
def pair(host, client=IPPROTO_MPTCP, server=IPPROTO_MPTCP):
    """A client and the socket that was accepted, which have talked both ways."""
    with listener(host, server) as listening, new_socket(host, client) as ours:
        ours.connect(listening.getsockname())
        theirs, _ = listening.accept()
        with theirs:
            talk(ours, theirs)
            yield ours, theirs


def talk(one, other):
    for sender, receiver in ((one, other), (other, one)):
        sender.sendall(b"word")
        tap.equal(receiver.recv(4, socket.MSG_WAITALL), b"word", "received")


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


ASK = """
reason = lib.mptcp_unsupported_reason()
sock = own(checked(lib.mptcp_socket(socket.AF_INET, socket.SOCK_CLOEXEC)))
print(json.dumps([lib.mptcp_supported(), lib.mptcp_features(), reason and reason.decode(), rules(sock)]))
"""


# --- support ---


@tap.test("/socket/support/is-told-with-what-the-kernel-can-do")
def supported():
    (yes, features, reason, state), _ = child(ASK)
    tap.equal((yes, reason, tuple(state)), (1, None, UNCONNECTED), "support")
    wanted = libmptcp.FEATURE_IPV6 | libmptcp.FEATURE_INFO
    wanted |= 0 if tap.kernel_before(6, 5) else libmptcp.FEATURE_FULL_INFO
    tap.equal(features & ~libmptcp.FEATURE_KEEPALIVE, wanted, "features")


@tap.test("/socket/support/where-the-kernel-refuses-there-is-tcp-and-a-reason")
def refused():
    reasons = set()
    for name in ("EPROTONOSUPPORT", "EINVAL", "ENOPROTOOPT", "EPERM", "EACCES", "ENOSYS"):
        (yes, features, reason, state), _ = child(ASK, LD_PRELOAD=str(OLD_KERNEL),
                                                  SOCKET_ERROR=str(getattr(errno, name)))
        tap.equal((yes, features, tuple(state)), (0, 0, (0, 0, 0)), f"support after {name}")
        tap.true(reason, f"a reason for {name}")
        reasons.add(reason)
    tap.equal(len(reasons), 6, f"reasons {reasons}")


@tap.test("/socket/support/lack-of-descriptors-is-no-answer-and-is-not-kept")
def lack():
    code = """
import resource
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
first, sock = lib.mptcp_supported(), lib.mptcp_socket(socket.AF_INET, 0)
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print(json.dumps([first, sock, lib.mptcp_supported()]))
"""
    tap.equal(child(code)[0], [-errno.EMFILE, -errno.EMFILE, 1], "answers")


@tap.test("/socket/support/is-asked-for-once-by-all-threads")
def once():
    code = """
import threading
gate, found = threading.Barrier(16), []
def ask():
    gate.wait()
    for _ in range(100):
        found.append(lib.mptcp_supported())
threads = [threading.Thread(target=ask) for _ in range(16)]
[t.start() for t in threads], [t.join() for t in threads]
print(json.dumps(sorted(set(found))))
"""
    found, said = child(code, LD_PRELOAD=str(OLD_KERNEL), COUNT="1")
    tap.equal(found, [1], "answers")
    count = int(re.search(r"asked (\d+)", said)[1])
    tap.true(2 <= count <= 32, f"asked {count} times, of each thread once for each family at most")
    found, said = child("print(json.dumps([lib.mptcp_supported() for _ in range(9)]))",
                        LD_PRELOAD=str(OLD_KERNEL), COUNT="1")
    tap.equal((found, said.strip()), ([1] * 9, "asked 2"), "one thread")


SWITCH = """
def enabled(value):
    open("/proc/sys/net/mptcp/enabled", "w").write(str(value))
def state():
    with own(checked(lib.mptcp_socket(socket.AF_INET6, 0))) as sock:
        reason = lib.mptcp_unsupported_reason()
        return [lib.mptcp_supported(), reason and reason.decode(), answer("is_requested", sock)]
found = [state()]
enabled(0)
found += [state(), lib.mptcp_supported_again(), state()]
enabled(1)
found += [state(), lib.mptcp_supported_again(), state()]
print(json.dumps(found))
"""


@tap.test("/socket/support/the-sysctl-counts-at-once-for-sockets-and-again-for-the-answer")
def switched():
    off = "MPTCP is switched off in this network namespace (sysctl net.mptcp.enabled)"
    tap.equal(child(SWITCH)[0], [
        [1, None, 1], [1, None, 0], 0, [0, off, 0],  # sockets follow; the kept answer only if asked
        [0, off, 1], 1, [1, None, 1]], "answers before, off, and on again")


@tap.test("/socket/support/a-seccomp-filter-that-denies-mptcp-leaves-tcp")
def filtered():
    with listener("127.0.0.1") as server:
        dial = f"""
with dial("127.0.0.1", {server.getsockname()[1]}, timeout_ms=5000) as sock:
    found = rules(sock)
with listen("127.0.0.1") as sock:
    print(json.dumps([lib.mptcp_supported(), found, answer("is_requested", sock)]))
"""
        for number in (errno.EPERM, errno.EACCES, errno.EPROTONOSUPPORT, errno.EINVAL, errno.ENOSYS):
            found, _ = child(f"{FILTER}deny({number})\n{dial}")
            tap.equal(found, [0, [0, 0, 0], 0], f"under a filter that answers {number}")


@tap.test("/socket/socket/flags-and-families")
def flags():
    sock = libmptcp.own(lib.mptcp_socket(socket.AF_INET6, socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC))
    tap.equal((os.get_blocking(sock.fileno()), os.get_inheritable(sock.fileno())), (False, False), "both")
    with sock, libmptcp.own(lib.mptcp_socket(socket.AF_INET, 0)) as plain:
        tap.equal((os.get_blocking(plain.fileno()), os.get_inheritable(plain.fileno())), (True, True), "none")
    tap.equal(lib.mptcp_socket(socket.AF_INET, 1), -errno.EINVAL, "another flag")
    for family in (0, socket.AF_UNIX, -1):
        tap.equal(lib.mptcp_socket(family, 0), -errno.EAFNOSUPPORT, f"family {family}")


# --- the rules: (requested, used, fallen back) ---


@tap.test("/socket/rules/without-a-connection")
def unconnected():
    for host in FAMILIES:
        with new_socket(host, socket.IPPROTO_TCP) as sock:
            tap.equal(rules(sock), (0, 0, 0), f"{host}: a new TCP socket")
        with new_socket(host) as sock:
            tap.equal(rules(sock), UNCONNECTED, f"{host}: a new MPTCP socket")
        with listener(host) as sock:
            tap.equal(rules(sock), UNCONNECTED, f"{host}: an MPTCP listener")
        with listener(host, socket.IPPROTO_TCP) as sock:
            tap.equal(rules(sock), (0, 0, 0), f"{host}: a TCP listener")
        with new_socket(host) as sock:
            tap.equal(sock.connect_ex((host, 1)), errno.ECONNREFUSED, "connect")
            tap.equal(rules(sock), UNCONNECTED, f"{host}: refused")


@tap.test("/socket/rules/while-it-connects")
def connecting():
    for family, host in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8:1::1")):
        subprocess.run(["ip", "route", "replace", host, "dev", "lo"], check=True)
        with socket.socket(family, socket.SOCK_STREAM, IPPROTO_MPTCP) as sock:
            sock.setblocking(False)
            tap.equal(sock.connect_ex((host, 80)), errno.EINPROGRESS, "connect")
            tap.equal(rules(sock), UNCONNECTED, host)


def agrees(sock, used):
    """What later kernels say of a connection in one word, TCP_IS_MPTCP, is what the library says."""
    with contextlib.suppress(OSError):  # not known
        tap.equal(sock.getsockopt(socket.IPPROTO_TCP, 43), used, "TCP_IS_MPTCP")


@tap.test("/socket/rules/both-ends-of-an-mptcp-connection")
def connected():
    for host in FAMILIES:
        with pair(host) as ends:
            for sock in ends:
                tap.equal(rules(sock), (1, 1, 0), host)
                agrees(sock, 1)


@tap.test("/socket/rules/the-peer-speaks-tcp")
def fallen_back():
    for host in FAMILIES:
        with pair(host, server=socket.IPPROTO_TCP) as (client, server):
            tap.equal(rules(client), (1, 0, 1), f"{host}: the client")
            tap.equal(rules(server), (0, 0, 0), f"{host}: the server")
            agrees(client, 0)
            agrees(server, 0)


@tap.test("/socket/rules/a-tcp-client-of-an-mptcp-listener")
def plain_client():
    for host in FAMILIES:
        with pair(host, client=socket.IPPROTO_TCP) as ends:
            for sock in ends:
                tap.equal(rules(sock), (0, 0, 0), host)


@tap.test("/socket/rules/tcp-on-both-sides")
def plain():
    for host in FAMILIES:
        with pair(host, socket.IPPROTO_TCP, socket.IPPROTO_TCP) as ends:
            for sock in ends:
                tap.equal(rules(sock), (0, 0, 0), host)


@tap.test("/socket/rules/a-connection-that-ends")
def ending():
    for host in FAMILIES:
        for server, open_, closed in ((IPPROTO_MPTCP, (1, 1, 0), UNCONNECTED),
                                      (socket.IPPROTO_TCP, (1, 0, 1), UNCONNECTED)):
            with pair(host, server=server) as (ours, theirs):
                theirs.shutdown(socket.SHUT_WR)
                tap.equal(ours.recv(1), b"", "end of file")
                tap.equal(rules(ours), open_, f"{host}: the peer has finished")
                ours.shutdown(socket.SHUT_RDWR)
                wait_until(lambda s=ours, c=closed: rules(s) == c, 10, f"{host}: closed",
                           lambda s=ours: rules(s))
            with pair(host, server=server) as (ours, theirs):
                reset(theirs)
                wait_until(lambda s=ours, c=closed: rules(s) == c, 10, f"{host}: reset",
                           lambda s=ours: rules(s))


@tap.test("/socket/rules/what-is-no-tcp")
def others():
    kinds = [(socket.AF_INET, socket.SOCK_DGRAM, 0), (socket.AF_INET6, socket.SOCK_DGRAM, 0),
             (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP), (socket.AF_UNIX, socket.SOCK_STREAM, 0),
             (socket.AF_NETLINK, socket.SOCK_RAW, 16)]
    for kind in kinds:
        with socket.socket(*kind) as sock:
            tap.equal(rules(sock), (0, 0, 0), str(kind))
            try:
                with libmptcp.info(sock):
                    raise AssertionError(f"{kind} has information")
            except libmptcp.Failed as failure:
                tap.equal(failure.name, "EOPNOTSUPP", f"information of {kind}")
    reading, writing = os.pipe()
    tap.equal(rules(reading), ("ENOTSOCK",) * 3, "a pipe")
    os.close(reading)
    os.close(writing)
    for number in (reading, -1, 1 << 30):
        tap.equal(rules(number), ("EBADF",) * 3, f"descriptor {number}")


@tap.test("/socket/rules/linux-before-5.16-cannot-tell")
def before_info():
    code = """
def state(sock):
    found = [rules(sock)]
    try:
        with info(sock):
            found.append(None)
    except Failed as failure:
        found.append(failure.name)
    return found
with listen("127.0.0.1") as server, listen("127.0.0.1", flags=LISTEN_PLAIN) as plain:
    with dial("127.0.0.1", server.getsockname()[1]) as one, dial("127.0.0.1", plain.getsockname()[1]) as two:
        three = own(lib.mptcp_socket(socket.AF_INET, 0))
        print(json.dumps([state(one), state(two), state(three)]))
"""
    found, _ = child(code, LD_PRELOAD=str(OLD_KERNEL), OPTIONS="0")
    tap.equal(found, [[[1, "EOPNOTSUPP", "EOPNOTSUPP"], "EOPNOTSUPP"]] * 2 + [[list(UNCONNECTED), "ENOTCONN"]],
              "MPTCP, fallen back, and not connected")


# --- information ---


def tuples(subflows):
    return [(libmptcp.address_of(s.local), libmptcp.address_of(s.remote)) for s in subflows]


@tap.test("/socket/info/of-one-subflow")
def one_subflow():
    for host in FAMILIES:
        with pair(host) as (ours, theirs):
            for sock in (ours, theirs):
                with libmptcp.info(sock) as (found, subflows):
                    tap.equal((found.used, found.fallen_back, found.n_subflows, len(subflows)),
                              (True, False, 1, 1), "what it is")
                    tap.true(found.known & libmptcp.KNOWN_FIGURES and found.token, "figures")
                    subflow, = subflows
                    ends = [name[:2] for name in (sock.getsockname(), sock.getpeername())]
                    got = [(a.removeprefix("::ffff:"), p) for a, p in tuples(subflows)[0]]
                    tap.equal(got, [(a.removeprefix("::ffff:"), p) for a, p in ends], "addresses")
                    tap.equal((subflow.flags, subflow.tcp_state), (INITIAL, 1), "initial, established")
                    tap.true(subflow.rtt_us and subflow.snd_mss and subflow.tcp_info_size >= 192, "TCP")
                    tap.true(subflow.bytes_acked >= 4 and subflow.bytes_received >= 4, "bytes")
                    if found.known & libmptcp.KNOWN_BYTES:
                        tap.equal((found.bytes_sent, found.bytes_received), (4, 4), "of the connection")
            with libmptcp.info(ours) as (found, _):
                listed = subprocess.run(["ss", "-MinH"], text=True, check=True, capture_output=True).stdout
                tap.true(f"token:{found.token:x}" in listed, f"{found.token:x} in {listed}")


@tap.test("/socket/info/of-tcp-and-of-what-has-fallen-back")
def tcp_info():
    for host in FAMILIES:
        for client, server in ((IPPROTO_MPTCP, socket.IPPROTO_TCP), (socket.IPPROTO_TCP, IPPROTO_MPTCP)):
            with pair(host, client, server) as (ours, theirs):
                for sock, fallen in ((ours, client == IPPROTO_MPTCP), (theirs, False)):
                    with libmptcp.info(sock) as (found, subflows):
                        tap.equal((found.used, found.fallen_back, found.n_subflows, found.known),
                                  (False, fallen, 1, 0), "what it is")
                        tap.equal(tuples(subflows)[0][1][1], sock.getpeername()[1], "port of the peer")
                        tap.true(subflows[0].known == libmptcp.KNOWN_TCP and subflows[0].rtt_us, "TCP")


@tap.test("/socket/info/without-a-connection")
def no_info():
    socks = [new_socket("127.0.0.1"), listener("::1"), new_socket("::1", socket.IPPROTO_TCP)]
    with pair("127.0.0.1") as (ours, theirs):
        reset(theirs)
        wait_until(lambda: rules(ours) == UNCONNECTED, 10, "reset")
        for sock in [*socks, ours]:
            try:
                with libmptcp.info(sock):
                    raise AssertionError("information")
            except libmptcp.Failed as failure:
                tap.equal(failure.name, "ENOTCONN", "of what is not connected")
    for sock in socks:
        sock.close()


class Many:
    """A connection on lo whose client makes subflows from 127.0.1.1 … 127.0.1.N."""

    def __init__(self, n):
        self.addresses = [f"127.0.1.{i}" for i in range(1, n + 1)]

    def __enter__(self):
        subprocess.run(["ip", "mptcp", "limits", "set", "subflow", "8", "add_addr_accepted", "8"], check=True)
        self.lines(*(f"address replace {address}/8 dev lo" for address in self.addresses))
        for address in self.addresses:
            self.lines(f"mptcp endpoint add {address} dev lo subflow")
        self.stack = contextlib.ExitStack()
        self.stack.callback(self.lines, "mptcp endpoint flush")
        self.client, self.server = self.stack.enter_context(pair("127.0.0.1"))
        wait_until(lambda: all(len(self.established(sock)) == 1 + len(self.addresses)
                               for sock in (self.client, self.server)), 10, "subflows",
                   lambda: self.established(self.client))
        return self

    def __exit__(self, *reason):
        self.stack.__exit__(*reason)

    @staticmethod
    def lines(*lines):
        for line in lines:
            subprocess.run(["ip", *line.split()], check=True)

    @staticmethod
    def established(sock):
        with libmptcp.info(sock) as (_, subflows):
            return [pair for pair, s in zip(tuples(subflows), subflows) if s.tcp_state == 1]


def judge_many(many):
    """Each subflow with the figures that are its own, and numbers that differ."""
    for sock in (many.client, many.server):
        with libmptcp.info(sock) as (found, subflows):
            local = {pair[0 if sock is many.client else 1][0] for pair in tuples(subflows)}
            tap.equal(local, {"127.0.0.1", *many.addresses}, "addresses of the client")
            tap.equal([s.flags for s in subflows].count(INITIAL), 1, "initial subflows")
            if found.known & libmptcp.KNOWN_TOTAL:
                tap.equal(found.subflows_total, len(subflows), "the kernel's count")
            for known, value in ((s.known & libmptcp.KNOWN_ID, s.id) for s in subflows):
                tap.true(not known or value, "an id")
            if subflows[0].known & libmptcp.KNOWN_ID:
                tap.equal(len({s.id for s in subflows}), len(subflows), "ids")


@tap.test("/socket/info/of-as-many-subflows-as-the-kernel-makes")
def many_subflows():
    with Many(8) as many:
        judge_many(many)


@tap.test("/socket/info/as-older-kernels-tell-it")
def older():
    """The same connection, read by an older kernel's options: by a child that has its descriptor."""
    with Many(8) as many:
        os.set_inheritable(many.client.fileno(), True)
        code = f"""
import socket
with info(socket.socket(fileno={many.client.fileno()})) as (found, subflows):
    print(json.dumps([found.token, [[address_of(s.local), address_of(s.remote), s.known, s.flags, s.segs_out,
                                     s.tcp_state] for s in subflows]]))
"""
        (token, listed), _ = child(code, inherit=True, LD_PRELOAD=str(OLD_KERNEL), OPTIONS="3")
        with libmptcp.info(many.client) as (found, subflows):
            tap.equal(token, found.token, "token")
            wanted = [[list(a), list(b), libmptcp.KNOWN_TCP, s.flags, s.segs_out, s.tcp_state]
                      for (a, b), s in zip(tuples(subflows), subflows)]
            tap.equal(listed, wanted, "subflows")


@tap.test("/socket/info/while-subflows-come-and-go")
def churn():
    """Each look is of one moment: never a subflow twice, never figures of another one."""
    with Many(7) as many:
        ending, sizes = threading.Event(), set()

        def come_and_go():
            while not ending.is_set():
                many.lines("mptcp endpoint flush")
                for address in many.addresses:
                    many.lines(f"mptcp endpoint add {address} dev lo subflow")

        thread = threading.Thread(target=come_and_go)
        thread.start()
        try:
            limit = tap.Limit(20)
            while len(sizes) < 4 and limit.left() > 0:
                with libmptcp.info(many.client) as (_, subflows):
                    sizes.add(len(subflows))
                    tap.equal(len(set(tuples(subflows))), len(subflows), "subflows that differ")
                    for subflow in subflows:
                        tap.true(subflow.known & libmptcp.KNOWN_TCP, "figures")
        finally:
            ending.set()
            thread.join()
        tap.true(len(sizes) >= 4, f"saw only {sizes} subflows at a time")


@tap.test("/socket/info/leaks-nothing")
def leaks():
    with pair("127.0.0.1") as (ours, _):
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(2000):
            with libmptcp.info(ours):
                pass
        tap.equal(len(os.listdir("/proc/self/fd")), before, "descriptors")


def main():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    sysctl("net.ipv6.conf.all.disable_ipv6", 0)
    tap.main()


if __name__ == "__main__":
    sandbox.run(main)
