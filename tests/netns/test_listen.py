# SPDX-License-Identifier: LGPL-2.1-or-later
"""libmptcp: listen; and what becomes of a dial where something on the way does not like MPTCP."""

import functools
import os
import pathlib
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import libmptcp
import sandbox
import tap
from capture import in_namespace
from child import OLD_KERNEL, child
from hosts import Network, wait_until
from libmptcp import Dialer, Failed, dial, listen, rules
from middlebox import meddling

USED, FALLEN_BACK, PLAIN = (1, 1, 0), (1, 0, 1), (0, 0, 0)


def port_of(sock):
    return sock.getsockname()[1]


def failure(*arguments, **options):
    try:
        sock = listen(*arguments, **options)
    except Failed as failed:
        return failed.name
    raise AssertionError(f"{arguments} {options} worked: {sock}")


def met(host, server, **options):
    """(what the client has, what the server has, the client's address as the server sees it)"""
    with dial(host, port_of(server), **options) as ours:
        theirs, address = server.accept()
        with theirs:
            ours.sendall(b"word")
            tap.equal(theirs.recv(4), b"word", "received")
            theirs.sendall(b"word")
            tap.equal(ours.recv(4), b"word", "sent back")
            return rules(ours), rules(theirs), address[0]


def sysctl(name, value):
    pathlib.Path("/proc/sys/" + name.replace(".", "/")).write_text(str(value), encoding="ascii")


# --- listen ---


@tap.test("/listen/families/one-socket-for-both")
def both():
    with listen() as server:
        tap.equal(libmptcp.answer("is_requested", server), 1, "an MPTCP socket")
        tap.equal((os.get_blocking(server.fileno()), os.get_inheritable(server.fileno())), (True, False),
                  "blocking, closed on exec")
        tap.equal(met("127.0.0.1", server), (USED, USED, "::ffff:127.0.0.1"), "IPv4")
        tap.equal(met("::1", server), (USED, USED, "::1"), "IPv6")
        tap.equal(met("::1", server, flags=libmptcp.DIAL_PLAIN)[:2], (PLAIN, PLAIN), "a client without MPTCP")


@tap.test("/listen/families/one-alone-where-it-was-named")
def alone():
    for options, address in (({"family": socket.AF_INET}, "0.0.0.0"), ({"family": socket.AF_INET6}, "::")):
        with listen(**options) as server:
            tap.equal(server.getsockname()[0], address, f"with {options}")
            other = "::1" if address == "0.0.0.0" else "127.0.0.1"
            try:
                dial(other, port_of(server))
                raise AssertionError("the other family was let in")
            except Failed as failed:
                tap.equal(failed.name, "ECONNREFUSED", f"{other} with {options}")
    for host in ("127.0.0.1", "::1"):
        with listen(host) as server:
            tap.equal(met(host, server)[:2], (USED, USED), host)
    with listen("::", flags=libmptcp.LISTEN_NUMERIC) as six, listen("0.0.0.0", port_of(six)) as four:
        tap.equal(port_of(six), port_of(four), "each its own, on the same port")
    with listen(flags=libmptcp.LISTEN_PLAIN) as server:
        tap.equal(met("::1", server)[:2], (FALLEN_BACK, PLAIN), "with LISTEN_PLAIN")
    with listen(flags=libmptcp.LISTEN_NONBLOCK) as server:
        tap.equal(os.get_blocking(server.fileno()), False, "with LISTEN_NONBLOCK")


@tap.test("/listen/families/without-ipv6-it-is-ipv4")
def without_ipv6():
    code = """
with listen() as server, dial(None, server.getsockname()[1]) as sock:
    print(json.dumps([server.family, answer("is_requested", server), rules(sock)]))
"""
    tap.equal(child(code, LD_PRELOAD=str(OLD_KERNEL), NO_IPV6="1")[0], [socket.AF_INET, 1, list(USED)],
              "no IPv6 in the kernel")
    sysctl("net.ipv6.conf.all.disable_ipv6", 1)
    try:
        with listen() as server:
            tap.equal(met("127.0.0.1", server)[:2], (USED, USED), "no IPv6 on any link")
    finally:
        sysctl("net.ipv6.conf.all.disable_ipv6", 0)


@tap.test("/listen/port/taken-free-and-taken-again")
def ports():
    with listen() as server:
        for host in (None, "127.0.0.1", "::1"):
            tap.equal(failure(host, port_of(server)), "EADDRINUSE", f"{host} beside another")
        with dial("::1", port_of(server)) as ours, server.accept()[0] as theirs:
            theirs.shutdown(socket.SHUT_RDWR)  # so that the server's end is the one that lingers
            tap.equal(ours.recv(1), b"", "end")
        port = port_of(server)
    with listen(None, port) as server:
        tap.equal(met("::1", server)[:2], (USED, USED), "the next life of a server")
    shared = {"flags": libmptcp.LISTEN_REUSE_PORT}
    with listen(**shared) as one, listen(None, port_of(one), **shared) as two:
        tap.equal(port_of(one), port_of(two), "a shared port")
    with listen(None, "0") as one, listen(None, 0) as two:
        tap.true(port_of(one) and port_of(one) != port_of(two), "free ports")


@tap.test("/listen/backlog/as-asked-for-else-as-much-as-there-may-be")
def backlog():
    most = int(pathlib.Path("/proc/sys/net/core/somaxconn").read_text(encoding="ascii"))
    for asked, got in ((0, most), (3, 3), (1 << 30, most)):
        with listen("127.0.0.1", backlog=asked) as server:
            listed = subprocess.run(["ss", "-tlnH", "sport", "=", f":{port_of(server)}"], text=True, check=True,
                                    capture_output=True).stdout
            tap.equal(int(listed.split()[2]), got, f"of {asked} in {listed}")
    tap.equal(failure(backlog=-1), "EINVAL", "less than none")


@tap.test("/listen/errors/can-be-told-apart")
def errors():
    for arguments, options, name in (
            (("198.51.100.1",), {}, "EADDRNOTAVAIL"), (("2001:db8::5",), {}, "EADDRNOTAVAIL"),
            (("::1", "99999"), {}, "EINVAL"), (("::1", "no-such-service"), {}, "ESRCH"),
            (("localhost",), {"flags": libmptcp.LISTEN_NUMERIC}, "ENOENT"), (("",), {}, "EINVAL"),
            (("x" * 100000,), {}, "ENAMETOOLONG"), ((), {"interface": "nosuch0"}, "ENODEV"),
            ((), {"flags": 1 << 20}, "EINVAL"), ((), {"family": 99}, "EAFNOSUPPORT")):
        tap.equal(failure(*arguments, **options), name, f"{arguments} {options}"[:60])
    with listen(interface="lo") as server:
        tap.equal(met("::1", server)[:2], (USED, USED), "by a link")


# --- where MPTCP is off, or something meddles ---


@tap.test("/listen/off/each-side-alone-and-both")
def switched_off():
    with listen() as server:
        sysctl("net.mptcp.enabled", 0)
        try:
            # A server that listens already goes on to; new sockets are TCP.
            tap.equal(met("127.0.0.1", server)[0], PLAIN, "the client")
            with listen() as plain:
                tap.equal(met("::1", plain)[:2], (PLAIN, PLAIN), "both")
                sysctl("net.mptcp.enabled", 1)
                for host in ("127.0.0.1", "::1"):
                    tap.equal(met(host, plain)[:2], (FALLEN_BACK, PLAIN), f"the server, {host}")
        finally:
            sysctl("net.mptcp.enabled", 1)
        tap.equal(met("::1", server)[:2], (USED, USED), "neither")


@tap.test("/listen/middlebox/that-strips-the-option-costs-nothing")
def stripped():
    for host in ("127.0.0.1", "::1"):
        with listen() as server, meddling("reset tcp option mptcp"):
            before = time.monotonic()
            tap.equal(met(host, server)[:2], (FALLEN_BACK, PLAIN), host)
            took = time.monotonic() - before
            tap.true(took < 1, f"{took} s; TCP sends nothing again before 1 s")


@tap.test("/listen/middlebox/that-begins-to-strip-turns-a-connection-into-tcp")
def stripped_later():
    """Between two hosts: on lo the kernel hands on what the option said beside the packet too."""
    with Network(links=1, note=tap.note) as net:
        for host in ("10.0.1.2", "2001:db8:1::2"):
            with in_namespace("server", listen) as server, \
                 in_namespace("client", functools.partial(dial, host, port_of(server))) as ours, \
                 server.accept()[0] as theirs:
                tap.equal((rules(ours), rules(theirs)), (USED, USED), "before")
                with meddling("reset tcp option mptcp", net.server):
                    ours.sendall(b"word")
                    tap.equal(theirs.recv(4), b"word", "received")
                    theirs.sendall(b"word")
                    tap.equal(ours.recv(4), b"word", "sent back")
                    for sock in (ours, theirs):
                        wait_until(lambda s=sock: rules(s) == FALLEN_BACK, 10, f"{host}: TCP",
                                   lambda s=sock: rules(s))
                        with libmptcp.info(sock) as (found, listed):
                            tap.equal((found.used, found.fallen_back, len(listed)), (False, True, 1), "information")


DROP = "tcp option mptcp exists drop"


@tap.test("/listen/middlebox/that-drops-each-syn-with-the-option", waits=True)
def dropped():
    took = []
    with listen() as server, meddling(DROP):
        for host in ("127.0.0.1", "::1"):
            before = time.monotonic()
            wanted = PLAIN if tap.kernel_before(6, 12) else FALLEN_BACK
            tap.equal(met(host, server)[:2], (wanted, PLAIN), host)
            took.append(time.monotonic() - before)
    tap.note(f"connected after {took[0]:.1f} s, and then after {took[1]:.1f} s")
    tap.true(took[0] >= 1, "MPTCP was given time")
    if not tap.kernel_before(6, 12):
        tap.true(took[1] < took[0] / 2, "then the kernel knows")


def never_plain():
    """A kernel that sends the option with each SYN, as Linux does before 6.12."""
    if not tap.kernel_before(6, 12):
        path = pathlib.Path("/proc/sys/net/mptcp/syn_retrans_before_tcp_fallback")
        if not path.exists():
            raise tap.Skip("this kernel always sends the third SYN without the option")
        path.write_text("100", encoding="ascii")


@tap.test("/listen/middlebox/where-the-kernel-insists-tcp-is-tried-beside-mptcp", waits=True)
def insisting():
    never_plain()
    with listen() as server, meddling(DROP):
        before = time.monotonic()
        tap.equal(met("127.0.0.1", server)[:2], (PLAIN, PLAIN), "what came of it")
        tap.true(time.monotonic() - before >= 4, "MPTCP was given its time")
        for host, options in (("127.0.0.1", {"timeout_ms": 3000}), ("::1", {"timeout_ms": 3000})):
            tap.equal(met(host, server, **options)[:2], (PLAIN, PLAIN), f"what came of it with {options}")
        with Dialer("::1", port_of(server), timeout_ms=3000) as dialer, dialer.finish() as sock:
            tap.equal(rules(sock), PLAIN, "in the other form")
    with listen() as server:
        port = port_of(server)
    # Nobody listens: who is refused by TCP waits no longer for MPTCP.
    with meddling(DROP):
        try:
            dial("127.0.0.1", port, timeout_ms=20000)
            raise AssertionError("connected")
        except Failed as failed:
            tap.equal(failed.name, "ECONNREFUSED", "the error")


def main():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    tap.main()


if __name__ == "__main__":
    sandbox.run(main)
