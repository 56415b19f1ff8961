# SPDX-License-Identifier: LGPL-2.1-or-later
"""libmptcp: dial. Addresses that answer, refuse and are silent, names, deadlines, and limits."""

import contextlib
import errno
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import libmptcp
import sandbox
import tap
from child import FILTER, child
from hosts import wait_until
from middlebox import meddling
from libmptcp import Dialer, Failed, dial, lib, listen, rules

SILENT4, SILENT6 = "192.0.2.1", "2001:db8:1::1"  # nobody answers
DARK4, DARK6 = "198.51.100.1", "2001:db8:2::1"  # no route leads there
USED = (1, 1, 0)


def port_of(sock):
    return sock.getsockname()[1]


def free_port():
    """One that nobody listens on."""
    with listen() as sock:
        return port_of(sock)


def failure(function, *arguments, **options):
    """The name of the error, and the seconds that it took."""
    before, descriptors = time.monotonic(), len(os.listdir("/proc/self/fd"))
    try:
        sock = function(*arguments, **options)
    except Failed as failed:
        if function is dial and arguments[0] in (SILENT4, DARK4, "127.0.0.1", "::1"):
            tap.at_most(len(os.listdir("/proc/self/fd")), descriptors, "descriptors")
        return failed.name, time.monotonic() - before
    raise AssertionError(f"{arguments} {options} worked: {sock}")


def dial_all(addresses, **options):
    with Dialer(addresses, **options) as dialer:
        return dialer.finish()


@contextlib.contextmanager
def timed():
    """[seconds] after it."""
    took, before = [], time.monotonic()
    yield took
    took.append(time.monotonic() - before)


# --- addresses ---


@tap.test("/dial/address/each-family-and-this-host-itself")
def simple():
    with listen() as server:
        for host in ("127.0.0.1", "::1", "::ffff:127.0.0.1", "localhost", None):
            with dial(host, port_of(server)) as sock, server.accept()[0] as theirs:
                tap.equal((rules(sock), rules(theirs)), (USED, USED), f"MPTCP to {host}")
                tap.equal((os.get_blocking(sock.fileno()), os.get_inheritable(sock.fileno())),
                          (True, False), "blocking, closed on exec")
                sock.sendall(b"word")
                tap.equal(theirs.recv(4), b"word", "received")
        with dial("::1", port_of(server), flags=libmptcp.DIAL_NONBLOCK) as sock:
            tap.equal(os.get_blocking(sock.fileno()), False, "with DIAL_NONBLOCK")
        with dial("::1", port_of(server), flags=libmptcp.DIAL_PLAIN) as sock:
            tap.equal(rules(sock), (0, 0, 0), "with DIAL_PLAIN")
        with dial("localhost", port_of(server), family=socket.AF_INET) as sock:
            tap.equal(sock.getpeername()[0], "127.0.0.1", "with AF_INET")
        with dial("localhost", port_of(server), family=socket.AF_INET6) as sock:
            tap.equal(sock.getpeername()[0], "::1", "with AF_INET6")


@tap.test("/dial/address/link-local-with-its-scope")
def scope():
    subprocess.run("ip link add left type veth peer name right && ip link set left up && "
                   "ip link set right up && ip address add fe80::77/64 dev left nodad", shell=True, check=True)
    wait_until(lambda: "fe80::77 dev left" in subprocess.run(
        "ip -6 route show table local", shell=True, text=True, check=True, capture_output=True).stdout, 10, "its route")
    with listen("fe80::77%left") as server:
        with dial("fe80::77%left", port_of(server)) as sock:
            tap.equal((rules(sock), sock.getpeername()[0].partition("%")[0]), (USED, "fe80::77"), "scope")
        tap.equal(failure(dial, "fe80::77%nosuch", port_of(server))[0], "ENOENT", "an unknown scope")
        tap.equal(failure(dial, "fe80::77", port_of(server))[0], "EINVAL", "no scope")


@tap.test("/dial/race/a-silent-address-holds-up-for-one-delay")
def silent_first():
    with listen() as server:
        good = {4: ("127.0.0.1", port_of(server)), 6: ("::1", port_of(server))}
        for silent, answers in (((SILENT6, 80), good[4]), ((SILENT4, 80), good[6])):
            with timed() as took:
                sock = dial_all([silent, answers], attempt_delay_ms=400)
            with sock:
                tap.equal(sock.getpeername()[:2], answers, "the other family")
            tap.true(0.399 <= took[0], f"after {took[0]} s; the library's clock has milliseconds")
        with timed() as took:
            dial_all([(SILENT6, 80), good[4]]).close()
        tap.true(took[0] >= 0.249, f"with the usual delay after {took[0]} s")
        with timed() as took:  # four attempts side by side, the families taking turns
            sock = dial_all([(SILENT6, 80), (SILENT6, 81), (SILENT4, 80), good[4]], attempt_delay_ms=100)
        with sock:
            tap.true(0.297 <= took[0], f"the last of four after {took[0]} s")


@tap.test("/dial/race/the-first-that-answers-wins-and-the-others-are-closed")
def winner():
    with listen() as server:
        before = len(os.listdir("/proc/self/fd"))
        with dial_all([(SILENT6, 80), (SILENT4, 80), ("127.0.0.1", port_of(server))], attempt_delay_ms=10) as sock:
            tap.equal(rules(sock), USED, "MPTCP")
            tap.equal(len(os.listdir("/proc/self/fd")), before + 1, "descriptors")
        tap.equal(syn_sent(), [], "attempts that go on")


@tap.test("/dial/race/after-a-refusal-the-next-is-tried-at-once")
def refused_first():
    with listen() as server:
        refused = free_port()
        bad = [("127.0.0.1", refused), (DARK6, 80), (DARK4, 80), ("::1", refused)]
        with timed() as took, dial_all([*bad, ("127.0.0.1", port_of(server))], attempt_delay_ms=2000) as sock:
            tap.equal(rules(sock), USED, "MPTCP")
        tap.true(took[0] < 2, f"after {took[0]} s, less than one delay")


@tap.test("/dial/race/of-two-that-have-connected-the-one-that-began-first", waits=True)
def both_connected():
    with listen("127.0.0.1") as server:
        where = [("127.0.0.2", port_of(server)), ("127.0.0.1", port_of(server))]
        with listen("127.0.0.2", port_of(server)), Dialer(where, attempt_delay_ms=10) as dialer:
            with meddling("tcp flags syn drop"):
                limit = tap.Limit(30)
                while len(syn_sent()) < 2 and limit.left() > 0:
                    select.select([dialer], [], [], 1)
                    tap.equal(dialer.go_on(), None, "a socket")
            wait_until(lambda: not syn_sent(), 30, "the kernel's next SYNs", syn_sent)  # and nobody steps
            with dialer.finish() as sock:
                tap.equal(sock.getpeername()[0], "127.0.0.2", "the first")


def syn_sent():
    listed = subprocess.run(["ss", "-tnH", "state", "syn-sent"], text=True, check=True, capture_output=True)
    return listed.stdout.splitlines()


@tap.test("/dial/race/nobody-is-connected-to-himself")
def itself():
    """Where the port is free, and the kernel would choose it for the client."""
    ports = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range")
    before = ports.read_text(encoding="ascii")
    ports.write_text("45000 45001", encoding="ascii")
    try:
        for flags in (libmptcp.DIAL_PLAIN, 0):
            for host in ("127.0.0.1", "::1"):
                for port in (45000, 45001):
                    tap.equal(failure(dial, host, port, flags=flags)[0], "ECONNREFUSED", f"{host} {port} {flags}")
    finally:
        ports.write_text(before, encoding="ascii")


@tap.test("/dial/race/the-error-is-of-the-address-that-could-be-reached")
def errors():
    refused = free_port()
    for addresses, name in (([("127.0.0.1", refused)], "ECONNREFUSED"),
                            ([(DARK6, 80), ("127.0.0.1", refused), (DARK4, 80)], "ECONNREFUSED"),
                            ([(DARK4, 80), (DARK6, 80)], "ENETUNREACH"), ([], "ENOENT")):
        tap.equal(failure(dial_all, addresses)[0], name, str(addresses))
    tap.equal(failure(dial, DARK4, 80)[0], "ENETUNREACH", "of the blocking form")


@tap.test("/dial/race/sixty-four-addresses-at-most-and-each-once")
def many_addresses():
    refused = free_port()
    with timed() as took:
        failed = failure(dial_all, [(f"127.0.{i // 250}.{i % 250 + 1}", refused) for i in range(1000)])
    tap.equal(failed[0], "ECONNREFUSED", f"a thousand addresses, in {took[0]} s")


# --- time ---


@tap.test("/dial/time/the-deadline-holds-for-silent-addresses")
def deadline():
    for timeout in (1, 300):
        for function, where in ((dial, (SILENT4, 80)), (dial_all, ([(SILENT4, 80), (SILENT6, 80)],))):
            name, took = failure(function, *where, timeout_ms=timeout)
            tap.equal(name, "ETIMEDOUT", f"{where} with {timeout} ms")
            tap.true(took >= timeout / 1000, f"not before its time: {took} s")
    with listen() as server:
        tap.equal(failure(dial, "::1", port_of(server), timeout_ms=-1)[0], "ETIMEDOUT", "a time that is over")
        tap.equal(select.select([server], [], [], 0)[0], [], "clients")


@tap.test("/dial/time/signals-neither-end-nor-prolong-it")
def signals():
    seen = []
    signal.signal(signal.SIGUSR1, lambda *_: seen.append(1))
    stop = threading.Event()

    def send():
        while not stop.wait(0.01):
            os.kill(os.getpid(), signal.SIGUSR1)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        name, took = failure(dial, SILENT4, 80, timeout_ms=500)
        with listen() as server, dial("::1", port_of(server)) as sock:
            tap.equal(rules(sock), USED, "MPTCP under signals")
    finally:
        stop.set()
        thread.join()
    tap.equal(name, "ETIMEDOUT", "the error")
    tap.true(took >= 0.5 and seen, f"{took} s")


# --- names ---


class NameServer:
    """The name server of all here, by an /etc/resolv.conf and /etc/hosts of ours. It answers every
    question with `code` (of the DNS); None: never."""

    HOSTS = "127.0.0.1 localhost both\n::1 localhost both\n127.0.0.1 both\n::1 both\n"
    code = None

    def __init__(self, directory):
        for name, content in (("hosts", self.HOSTS), ("resolv.conf", "nameserver 127.0.0.53\n")):
            path = pathlib.Path(directory) / name
            path.write_text(content, encoding="ascii")
            place = pathlib.Path(f"/etc/{name}").resolve()  # it may be a link into /run, which is empty here
            if not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                place.touch()
            subprocess.run(["mount", "--bind", path, place], check=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.53", 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            query, client = self.socket.recvfrom(512)
            if self.code is not None:
                answer = query[:2] + bytes([0x81, 0x80 | self.code]) + query[4:6] + bytes(6) + query[12:]
                self.socket.sendto(answer, client)


@tap.test("/dial/name/both-families-of-it-are-tried")
def both_families():
    with listen("127.0.0.1") as server:
        with dial("both", port_of(server), timeout_ms=5000) as sock:
            tap.equal((sock.getpeername()[0], rules(sock)), ("127.0.0.1", USED), "whichever listens")
        with Dialer("both", port_of(server)) as dialer, dialer.finish() as sock:
            tap.equal(rules(sock), USED, "the other form")


@tap.test("/dial/name/errors-can-be-told-apart")
def name_errors():
    for code, name in ((3, "ENOENT"), (2, "EAGAIN")):  # NXDOMAIN, SERVFAIL
        names.code = code
        for options in ({}, {"timeout_ms": 20000}):
            tap.equal(failure(dial, "nosuch.example", 80, **options)[0], name, f"answer {code} {options}")
        with Dialer("nosuch.example", 80) as dialer:
            tap.equal(failure(dialer.finish)[0], name, f"answer {code}, the other form")
            tap.true(dialer.code.value < 0, "EAI_*")
    for host, service, name in (("127.0.0.1", "no-such-service", "ESRCH"), ("127.0.0.1", "99999", "EINVAL"),
                                ("127.0.0.1", "0", "EINVAL"), ("", "80", "EINVAL"), ("127.0.0.1", "", "EINVAL"),
                                ("x" * 1000000, "80", "ENAMETOOLONG"), ("[::1]", "80", "ENOENT")):
        tap.equal(failure(dial, host, service, timeout_ms=5000)[0], name, f"{host[:20]} {service}")
    tap.equal(failure(dial, "localhost", 80, flags=libmptcp.DIAL_NUMERIC)[0], "ENOENT", "a name that may be none")
    tap.equal(failure(dial, "::1", 80, family=socket.AF_INET)[0], "ENOENT", "of the other family")
    tap.equal(failure(dial, "::1", 80, family=socket.AF_UNIX)[0], "EAFNOSUPPORT", "of no family")


@tap.test("/dial/name/services-by-name")
def services():
    with listen(None, "http") as server, dial("127.0.0.1", "http") as sock:
        tap.equal((port_of(server), rules(sock)), (80, USED), "http")


@tap.test("/dial/name/a-silent-name-server-holds-up-no-longer-than-the-deadline")
def silent_names():
    names.code = None
    before = len(os.listdir("/proc/self/fd"))
    name, took = failure(dial, "nosuch.example", 80, timeout_ms=300)
    tap.equal(name, "ETIMEDOUT", "the error")
    tap.true(0.3 <= took < 5, f"{took} s; the resolver alone takes 5 s and more")
    with Dialer("nosuch.example", 80, timeout_ms=300) as dialer:
        longest = 0
        while True:
            select.select([dialer], [], [])
            with timed() as step:
                try:
                    tap.equal(dialer.go_on(), None, "a socket")
                except Failed as failed:
                    tap.equal(failed.name, "ETIMEDOUT", "the error")
                    break
            longest = max(longest, step[0])
        tap.true(longest < 5, f"a step that took {longest} s")
    dialer = Dialer("nosuch.example", 80)
    dialer.go_on()
    dialer.free()  # while it looks the name up
    names.code = 3  # their next question is answered, and the threads end
    wait_until(lambda: len(os.listdir("/proc/self/fd")) <= before, 40, "what they have open is closed",
               lambda: len(os.listdir("/proc/self/fd")))
    wait_until(lambda: len(os.listdir("/proc/self/task")) == threading.active_count(), 5,
               "threads that end", lambda: os.listdir("/proc/self/task"))


# --- the non-blocking form ---


@tap.test("/dial/steps/one-descriptor-says-when")
def steps():
    with listen() as server:
        with Dialer("127.0.0.1", port_of(server), timeout_ms=5000) as dialer:
            descriptor = dialer.fileno()
            with dialer.finish() as sock:
                tap.equal((rules(sock), dialer.fileno()), (USED, descriptor), "MPTCP, and the same descriptor")
            for _ in range(2):
                tap.equal(failure(dialer.go_on)[0], "EISCONN", "after the end")
        with Dialer("127.0.0.1", free_port()) as dialer:
            for function in (dialer.finish, dialer.go_on, dialer.go_on):
                tap.equal(failure(function)[0], "ECONNREFUSED", "the error, again")
        with Dialer(SILENT4, 80) as dialer:
            dialer.go_on()
            tap.equal(select.select([dialer], [], [], 0)[0], [], "nothing to do, and not readable")
        lib.mptcp_dial_free(None)


@tap.test("/dial/steps/a-child-that-frees-it-disturbs-nobody")
def forked():
    with listen() as server:
        dialer = Dialer([(SILENT6, 80), ("127.0.0.1", port_of(server))], attempt_delay_ms=300)
        tap.equal(dialer.go_on(), None, "under way")
        pid = os.fork()
        if pid == 0:
            dialer.free()
            os._exit(0)
        tap.equal(os.waitpid(pid, 0)[1], 0, "the child")
        with dialer, dialer.finish() as sock:
            tap.equal(rules(sock), USED, "the parent's connection")
        dialer = Dialer("localhost", port_of(server))  # a thread looks it up, which the child has not
        dialer.go_on()
        pid = os.fork()
        if pid == 0:
            dialer.free()
            with dial("localhost", port_of(server), timeout_ms=20000) as sock:
                os._exit(0 if rules(sock) == USED else 1)
        with dialer, dialer.finish() as sock:
            tap.equal(rules(sock), USED, "the parent's connection")
        tap.equal(os.waitpid(pid, 0)[1], 0, "the child")


@tap.test("/dial/steps/a-child-that-frees-it-keeps-nothing-of-a-lookup")
def forked_lookup():
    names.code = None
    dialer = Dialer("nosuch.example", 80)
    dialer.go_on()
    pid = os.fork()
    if pid == 0:
        dialer.free()
        # The socket of the resolver is its thread's, which is not here to close it.
        kept = [fd for fd in os.listdir("/proc/self/fd") if "event" in os.path.realpath(f"/proc/self/fd/{fd}")]
        os._exit(len(kept))
    tap.equal(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0, "descriptors that the child has of it")
    names.code = 3
    tap.equal(failure(dialer.finish)[0], "ENOENT", "the parent's answer")
    dialer.free()


# --- what is asked of the socket ---


@tap.test("/dial/options/from-an-address-and-by-a-link")
def local():
    with listen() as server:
        port = port_of(server)
        for host, address in (("127.0.0.1", "127.0.0.7"), ("::1", "::1"), ("localhost", "127.0.0.7")):
            with dial(host, port, local_address=address) as sock:
                tap.equal((sock.getsockname()[0], rules(sock)), (address, USED), "our address")
        with dial("::1", port, interface="lo") as sock:
            tap.equal((sock.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).rstrip(b"\0"), rules(sock)),
                      (b"lo", USED), "our link")
        for options, name in (({"local_address": "198.51.100.9"}, "EADDRNOTAVAIL"),
                              ({"local_address": "::1"}, "ENOENT"), ({"local_address": "no address"}, "EADDRNOTAVAIL"),
                              ({"local_address": ""}, "EINVAL"), ({"interface": "nosuch0"}, "ENODEV"),
                              ({"interface": ""}, "ENODEV"), ({"interface": "x" * 500}, "ENODEV"),
                              ({"flags": 1 << 20}, "EINVAL"), ({"attempt_delay_ms": 9}, "EINVAL"),
                              ({"attempt_delay_ms": 2001}, "EINVAL"), ({"keepalive_s": -1}, "EINVAL"),
                              ({"keepalive_s": 1 << 20}, "EINVAL")):
            tap.equal(failure(dial, "127.0.0.1", port, **options)[0], name, str(options)[:60])


@tap.test("/dial/options/keepalive-finds-a-dead-idle-path")
def keepalive():
    if not lib.mptcp_features() & libmptcp.FEATURE_KEEPALIVE:
        raise tap.Skip("this kernel has no such times for MPTCP")
    with listen() as server, dial("127.0.0.7", port_of(server), keepalive_s=1) as sock, server.accept()[0]:
        tap.equal(sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), 1, "SO_KEEPALIVE")
        tap.equal(rules(sock), USED, "MPTCP")
        close_timeout = pathlib.Path("/proc/sys/net/mptcp/close_timeout")
        if close_timeout.exists():
            close_timeout.write_text("1", encoding="ascii")
        began = time.monotonic()
        with meddling("drop"):
            wait_until(lambda: subflows(sock) == 0, 30, "its only subflow is gone")
            tap.note(f"found after {time.monotonic() - began:.1f} s")
            if close_timeout.exists():  # else it is a minute
                watcher = select.poll()
                watcher.register(sock, select.POLLIN)
                tap.equal(watcher.poll(30000), [(sock.fileno(), select.POLLHUP)], "poll")
                for function, number in ((lambda: sock.recv(1), errno.ENOTCONN), (lambda: sock.send(b"x"), errno.EPIPE)):
                    try:
                        function()
                        raise AssertionError("a connection that goes on")
                    except OSError as error:
                        tap.equal(error.errno, number, "what the program is told")


def subflows(sock):
    """Those that are open."""
    try:
        with libmptcp.info(sock) as (_, listed):
            return len([s for s in listed if s.tcp_state == 1])
    except Failed as failed:
        tap.equal(failed.name, "ENOTCONN", "information")
        return 0


# --- limits ---


@tap.test("/dial/limits/one-descriptor-is-enough-and-none-is-an-error")
def descriptors():
    with listen() as server:
        code = f"""
import resource
found, low = [], os.dup(0)
os.close(low)  # the lowest that is free, and so are all above
for spare in range(3):
    resource.setrlimit(resource.RLIMIT_NOFILE, (low + spare, 4096))
    for host in ("127.0.0.1", "localhost"):
        try:
            sock = dial(host, {port_of(server)}, timeout_ms=20000)
            found.append(rules(sock))
            sock.close()
        except Failed as failed:
            found.append(failed.name)
print(json.dumps(found))
"""
        found, _ = child(code)
        tap.equal(found[:2], ["EMFILE"] * 2, "none, for an address and for a name")
        tap.equal(found[2], list(USED), "one, for an address")
        tap.equal(found[4], list(USED), "two, for an address")


@tap.test("/dial/limits/silent-attempts-that-leave-no-descriptor-are-no-mere-silence")
def no_descriptor_left():
    code = f"""
import resource
low, found = os.dup(0), []
os.close(low)
for spare in (3, 4):  # an epoll, a timer, and one attempt or two
    resource.setrlimit(resource.RLIMIT_NOFILE, (low + spare, 4096))
    try:
        with Dialer([("{SILENT4}", 80), ("{SILENT4}", 81)], timeout_ms=300, attempt_delay_ms=10,
                    flags={libmptcp.DIAL_PLAIN}) as dialer:
            dialer.finish()
    except Failed as failed:
        found.append(failed.name)
print(json.dumps(found))
"""
    tap.equal(child(code)[0], ["EMFILE", "ETIMEDOUT"], "with one and with two")


@tap.test("/dial/limits/a-filter-that-allows-no-threads")
def no_threads():
    """Then the name is looked up by the caller."""
    with listen() as server:
        code = f"""
import resource
if os.getuid() == 0 and open("/proc/self/uid_map").read().split()[2] != "1":
    os.setgroups([]), os.setuid(65534)  # else it is nobody already
resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
with dial("localhost", {port_of(server)}, timeout_ms=20000) as sock:
    found = [rules(sock)]
with Dialer("localhost", {port_of(server)}) as dialer, dialer.finish() as sock:
    print(json.dumps([*found, rules(sock)]))
"""
        tap.equal(child(code)[0], [list(USED)] * 2, "both forms")


@tap.test("/dial/limits/a-filter-that-denies-mptcp")
def denied():
    with listen() as server:
        code = f"""{FILTER}deny({errno.EPERM})
with dial("localhost", {port_of(server)}) as one, dial("::1", {port_of(server)}, timeout_ms=20000) as two:
    print(json.dumps([rules(one), rules(two)]))
"""
        tap.equal(child(code)[0], [[0, 0, 0]] * 2, "TCP")


@tap.test("/dial/limits/many-threads")
def threads():
    found = []
    with listen(backlog=4096) as server:
        def work():
            for i in range(20):
                with dial(("localhost", "::1", "127.0.0.1", None)[i % 4], port_of(server), timeout_ms=60000) as sock:
                    found.append(rules(sock))

        workers = [threading.Thread(target=work) for _ in range(16)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    tap.equal((len(found), set(found)), (320, {USED}), "connections")


def main():
    global names
    subprocess.run("ip link set lo up; ip route add 192.0.2.0/24 dev lo; ip -6 route add 2001:db8:1::/48 dev lo",
                   shell=True, check=True)
    with tempfile.TemporaryDirectory(dir="/run") as directory:
        names = NameServer(directory)
        tap.main()


names = None  # the NameServer


if __name__ == "__main__":
    sandbox.run(main)
