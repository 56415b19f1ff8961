# SPDX-License-Identifier: LGPL-2.1-or-later
"""mptcpd that dies, under a real systemd: the host is left as it is where there is no mptcpd."""

import contextlib
import json
import os
import pathlib
import re
import signal
import sys

sys.path[1:1] = [str(pathlib.Path(__file__).resolve().parents[1]),
                 str(pathlib.Path(__file__).resolve().parents[1] / "netns")]

import container
import tap
from hosts import wait_until
from network import PORT, Network, mptcp_socket
from service import (CONFIG, DROP_IN, KERNEL, RUNTIME, UNIT, USERSPACE, Connection, Links, Service, listing,
                     main_pid, path_manager, properties, run, sysctl)

BAD = "[core]\npath-manger = kernel\n"
UNMANAGED = "[core]\npath-manager = unmanaged\n"
STATE = RUNTIME / "state"
# Between a death and the next start: so long that the test ends it.
GAP = "RestartSec=1h"
SOL_MPTCP, MPTCP_INFO = 284, 1
WARNING = "4"


class Paths:
    """Two links to a server, and an endpoint on the second that is nobody's but the kernel's."""

    def __enter__(self):
        run("systemctl", "stop", UNIT)
        with contextlib.ExitStack() as undo:
            run("ip", "netns", "add", "server")
            undo.callback(run, "ip", "netns", "delete", "server")
            for i in (1, 2):
                Network.wire(i)
                undo.callback(run, "ip", "link", "delete", f"link{i}")
            run("ip", "-n", "server", "mptcp", "limits", "set", "subflow", "8")
            run("ip", "mptcp", "limits", "set", "subflow", "2")
            undo.callback(run, "ip", "mptcp", "endpoint", "flush")
            run("ip", "mptcp", "endpoint", "add", "10.9.2.1", "dev", "link2", "subflow")
            Network.serve(undo)
            tap.equal(self.new(), 2, "paths of a connection without mptcpd")
            self.undo = undo.pop_all()
        return self

    def __exit__(self, *exception):
        self.undo.close()

    @staticmethod
    def connect():
        client = mptcp_socket()
        client.connect(("10.9.1.2", PORT))
        Paths.speak(client)
        return client

    @staticmethod
    def speak(client):
        client.sendall(b"?")
        tap.equal(client.recv(1), b"!", "what the server says")

    @staticmethod
    def count(client):
        return 1 + client.getsockopt(SOL_MPTCP, MPTCP_INFO, 1)[0]

    def new(self):
        """How many paths a new connection gets, of the two that it could have."""
        with self.connect() as client:
            with contextlib.suppress(AssertionError):
                wait_until(lambda: self.count(client) == 2, 2, "two paths")
            return self.count(client)


def as_without(paths, what):
    tap.equal(path_manager(), "kernel", f"path manager after {what}")
    tap.equal(paths.new(), 2, f"paths of a new connection after {what}")


def await_dead(result):
    wait_until(lambda: properties("ActiveState", "Result") == ["failed", result], 60,
               f"it failed for good: {result}", lambda: properties("ActiveState", "Result"))


def await_gap():
    """It is dead, and to be started again later."""
    wait_until(lambda: properties("SubState") == ["auto-restart"], 10, "it is dead",
               lambda: properties("ActiveState", "SubState"))


def works_again():
    run("systemctl", "reset-failed", UNIT)
    run("systemctl", "restart", UNIT)
    tap.equal(path_manager(), "userspace", "path manager after the next start")


def stop():
    run("systemctl", "stop", UNIT)
    tap.equal(path_manager(), "kernel", "path manager after a stop")


def owners():
    return {each["address"]: each["owner"] for each in listing("endpoint")}


# ---- gone for good ----


@tap.test("/service/death/five-crashes-end-it-and-leave-the-host-as-without-it", 120)
def five_crashes():
    # with the limits and pauses of the unit as it is installed
    with Paths() as paths, Service(limits="") as service, paths.connect() as client:
        wait_until(lambda: paths.count(client) == 2, 5, "mptcpd makes the second path")
        for i in range(4):
            pid = main_pid()
            os.kill(pid, signal.SIGSEGV)
            service.wait_replaced(pid)
            tap.equal(path_manager(), "userspace", f"path manager after crash {i + 1}")
        os.kill(main_pid(), signal.SIGSEGV)
        await_dead("signal")
        as_without(paths, "five crashes")
        tap.equal(paths.count(client), 2, "paths of the connection from before")
        paths.speak(client)
        said = [text for _, text in service.journal.entries() if "mptcpd died" in text]
        tap.equal(said, ["mptcpd died: new connections get the kernel's path manager, as before it"] * 5,
                  "what the journal says")
        works_again()
        stop()


@tap.test("/service/death/a-bad-file-after-sigkill-ends-it-and-leaves-the-host-as-without-it", 60)
def bad_file():
    with Paths() as paths, Service() as service:
        CONFIG.write_text(BAD, encoding="utf-8")
        os.kill(main_pid(), signal.SIGKILL)
        await_dead("exit-code")
        tap.equal(properties("ExecMainStatus"), ["78"], "exit status")
        as_without(paths, "a bad file")
        service.journal.find(f"{CONFIG}:2: ")
        CONFIG.write_text(USERSPACE, encoding="utf-8")
        works_again()
        stop()


# ---- between two lives ----


@tap.test("/service/death/between-the-watchdog-and-the-next-start-the-host-is-as-without-it", 60)
def watchdog():
    with Paths() as paths, Service(unit=f"WatchdogSec=400ms\nTimeoutAbortSec=100ms\n{GAP}"):
        os.kill(main_pid(), signal.SIGSTOP)
        await_gap()
        as_without(paths, "a hang")
        works_again()
        stop()


@tap.test("/service/death/what-began-between-two-lives-stays-the-kernels", 60)
def between():
    with Paths() as paths, Service(unit=GAP):
        os.kill(main_pid(), signal.SIGKILL)
        await_gap()
        with paths.connect() as client:
            wait_until(lambda: paths.count(client) == 2, 5, "the kernel makes the second path")
            works_again()
            said = json.loads(run("mptcpctl", "--json", "connection"))["connections"]
            tap.equal([each["path-manager"] for each in said], ["kernel"], "whose it is")
            stop()
            tap.equal(paths.count(client), 2, "paths in the end")
            paths.speak(client)


@tap.test("/service/death/endpoints-stay", 60)
def endpoints():
    with Paths() as paths, contextlib.ExitStack() as undo:
        run("ip", "mptcp", "endpoint", "flush")
        undo.enter_context(Service(KERNEL, unit=GAP))
        wait_until(lambda: "10.9.2.1" in run("ip", "mptcp", "endpoint"), 5, "an endpoint of ours")
        before = run("ip", "mptcp", "endpoint"), run("ip", "mptcp", "limits")
        os.kill(main_pid(), signal.SIGKILL)
        await_gap()
        tap.equal((run("ip", "mptcp", "endpoint"), run("ip", "mptcp", "limits")), before,
                  "endpoints and limits")
        as_without(paths, "SIGKILL on the kernel's path manager")


@tap.test("/service/death/the-c-flag-goes-too", 60)
def deny_join():
    config = USERSPACE.replace("[core]\n", "[core]\ndeny-join-initial = yes\n") + \
        "[interface:link2]\nannounce = 203.0.113.7\nflags = signal\n"
    with Paths(), Service(config, unit=GAP):
        tap.equal(sysctl("net.mptcp.allow_join_initial_addr_port"), "0", "the sysctl")
        os.kill(main_pid(), signal.SIGKILL)
        await_gap()
        tap.equal(sysctl("net.mptcp.allow_join_initial_addr_port"), "1", "after a death")
        works_again()
        tap.equal(sysctl("net.mptcp.allow_join_initial_addr_port"), "0", "in the next life")
        stop()
        tap.equal(sysctl("net.mptcp.allow_join_initial_addr_port"), "1", "after a stop")


@tap.test("/service/death/filters-are-strict-again", 60)
def rp_filter():
    config = USERSPACE + "[interface:right]\nrp-filter = loose\n"

    def is_loose():
        return sysctl("net.ipv4.conf.right.rp_filter") == "2"

    with Links(), Service(config, unit=GAP) as service:
        wait_until(is_loose, 5, "it is loosened")
        with Connection():  # it may have a path there
            os.kill(main_pid(), signal.SIGKILL)
            await_gap()
            tap.true(is_loose(), "it stays so while a connection is open")
            works_again()
        wait_until(lambda: Connection.tokens() == {}, 5, "no connection", Connection.tokens)
        os.kill(main_pid(), signal.SIGKILL)
        await_gap()
        tap.equal(sysctl("net.ipv4.conf.right.rp_filter"), "1", "after a death")
        service.journal.find("mptcpd died: reverse-path filtering of 1 interface is strict, as before it")
        works_again()
        wait_until(is_loose, 5, "it is loosened in the next life")
        # somebody chooses otherwise
        sysctl("net.ipv4.conf.right.rp_filter", 0)
        os.kill(main_pid(), signal.SIGKILL)
        await_gap()
        tap.equal(sysctl("net.ipv4.conf.right.rp_filter"), "0", "what somebody else has set")
        works_again()
        stop()


@tap.test("/service/death/an-endpoint-that-a-stop-left-is-ours-in-the-next-life", 60)
def kept_endpoint():
    with Paths() as paths, contextlib.ExitStack() as undo:
        run("ip", "mptcp", "endpoint", "flush")
        undo.enter_context(Service(KERNEL))
        wait_until(lambda: "10.9.2.1" in run("ip", "mptcp", "endpoint"), 5, "an endpoint of ours")
        with paths.connect() as client:
            wait_until(lambda: paths.count(client) == 2, 5, "the second path")
            run("systemctl", "stop", UNIT)
            tap.true("10.9.2.1" in run("ip", "mptcp", "endpoint"), "it stays while it is used")
            run("systemctl", "start", UNIT)
            tap.equal(owners(), {"10.9.1.1": "mptcpd", "10.9.2.1": "mptcpd"}, "whose endpoints they are")
            paths.speak(client)
            tap.equal(paths.count(client), 2, "paths")
        stop()
        tap.equal(run("ip", "mptcp", "endpoint"), "", "endpoints in the end")


@tap.test("/service/death/an-endpoint-that-somebody-flushed-is-ours-after-a-restart", 60)
def flushed_endpoint():
    with Paths(), Service(KERNEL):
        wait_until(lambda: owners().get("10.9.2.1") == "other", 5, "it is somebody else's", owners)
        run("ip", "mptcp", "endpoint", "flush")
        run("systemctl", "restart", UNIT)
        wait_until(lambda: owners() == {"10.9.1.1": "mptcpd", "10.9.2.1": "mptcpd"}, 5, "both are made", owners)


@tap.test("/service/death/endpoints-are-there-when-a-start-has-returned", 60)
def ready_endpoints():
    with Paths(), Service(KERNEL):
        for _ in range(5):
            run("systemctl", "stop", UNIT)
            run("ip", "mptcp", "endpoint", "flush")
            run("systemctl", "start", UNIT)
            found = re.findall(r"^(10\.9\.\S+)", run("ip", "mptcp", "endpoint"), re.MULTILINE)
            tap.equal(sorted(found), ["10.9.1.1", "10.9.2.1"], "endpoints")


# ---- a state file that is no help ----


def overwrite(begin, end):
    def damage():
        with open(STATE, "r+b") as file:
            file.seek(begin)
            file.write(b"\xa5" * (end - begin))
    return damage


def replace_by_directory():
    STATE.unlink()
    STATE.mkdir()


DAMAGES = {
    "garbage": overwrite(0, 1 << 16),
    "a record of the host that is damaged": overwrite(4096, 4096 + 2 * 8192),
    "empty": lambda: os.truncate(STATE, 0),
    "cut short": lambda: os.truncate(STATE, 5000),
    "away": STATE.unlink,
    "a directory": replace_by_directory,
    "a link to nowhere": lambda: (STATE.unlink(), STATE.symlink_to("/nowhere")),
    "somebody else's": lambda: os.chmod(STATE, 0o666),
}


def die_with(damage):
    """It dies, and its state file with it."""
    pid = main_pid()
    os.kill(pid, signal.SIGSTOP)
    damage()
    os.kill(pid, signal.SIGKILL)
    await_gap()


def mend_state():
    if STATE.is_dir() and not STATE.is_symlink():
        STATE.rmdir()


@tap.test("/service/death/with-a-broken-state-file-the-host-is-the-kernels", 120)
def broken_state():
    for name, damage in DAMAGES.items():
        with Service(unit=GAP):
            die_with(damage)
            tap.equal(path_manager(), "kernel", f"path manager with a state file that is {name}")
            mend_state()
            works_again()
            stop()


@tap.test("/service/death/what-was-not-ours-stays-also-with-a-broken-state-file", 60)
def broken_state_unmanaged():
    for config in (UNMANAGED, UNMANAGED + BAD.replace("[core]\n", "")):
        with Service(UNMANAGED, unit=GAP):
            sysctl("net.mptcp.path_manager", "userspace")
            CONFIG.write_text(config, encoding="utf-8")
            die_with(DAMAGES["garbage"])
            tap.equal(path_manager(), "userspace", "path manager, which somebody else has set")


# ---- a stop ----


@tap.test("/service/death/a-stop-is-left-alone", 30)
def after_stop():
    with Service() as service:
        stop()
        tap.equal(properties("Result", "ExecMainStatus"), ["success", "0"], "result")
        tap.equal(service.journal.entries(), [], "what it says of a stop")
        run("systemctl", "start", UNIT)
        # Somebody chooses otherwise while it runs, and then what it had chosen after it ended.
        sysctl("net.mptcp.path_manager", "kernel")
        stop()
        sysctl("net.mptcp.path_manager", "userspace")
        # an end in which mptcpd had no part
        DROP_IN.write_text("[Service]\nExecStart=\nExecStart=false\nRestart=no\n", encoding="utf-8")
        run("systemctl", "daemon-reload")
        run("systemctl", "start", UNIT, code=1)
        tap.equal(path_manager(), "userspace", "path manager that somebody has set after a stop")


@tap.test("/service/death/put-back-beside-one-that-runs-does-nothing", 30)
def beside():
    with Service():
        said = run("setpriv", "--reuid=mptcpd", "--clear-groups", "mptcpd", "--put-back", code=1)
        tap.true(f"another mptcpd serves it, process {main_pid()}" in said, said)
        tap.equal(path_manager(), "userspace", "path manager")


@tap.test("/service/death/put-back-by-another-user-breaks-nothing", 30)
def other_user():
    with Service(unit=GAP):
        before = STATE.stat().st_ino
        run("mptcpd", "--put-back", code=1)
        tap.equal(STATE.stat().st_ino, before, "the state file")
        os.kill(main_pid(), signal.SIGKILL)
        await_gap()
        tap.equal(path_manager(), "kernel", "path manager")


# ---- faults that pass, and those that hold others up ----


@tap.test("/service/death/a-fault-of-six-seconds-does-not-end-it", 60)
def passing_fault():
    lock = RUNTIME / "lock"
    with Service(limits="") as service:
        # of the kind that ends every start at once
        lock.unlink()
        lock.mkdir()
        os.kill(main_pid(), signal.SIGKILL)
        wait_until(lambda: properties("NRestarts") == ["3"], 30, "three restarts have failed",
                   lambda: properties("NRestarts", "Result"))
        lock.rmdir()
        service.wait_replaced(0, 20)
        tap.equal(path_manager(), "userspace", "path manager")


LATE = """\
[Unit]
DefaultDependencies=no
Wants=network-pre.target mptcpd.service
After=network-pre.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=true
"""


@tap.test("/service/death/a-start-that-hangs-does-not-hold-the-network", 60)
def hanging_start():
    late = pathlib.Path("/run/systemd/system/mptcpd-test-late.service")
    late.write_text(LATE, encoding="utf-8")
    limit, = properties("TimeoutStartUSec")
    tap.true(limit == "20s", f"the time of a start is limited to {limit}")
    with Service():
        run("systemctl", "stop", UNIT, "network-pre.target")
        DROP_IN.write_text(f"[Service]\nExecStart=\nExecStart=sleep infinity\nTimeoutStartSec=1s\n{GAP}\n",
                           encoding="utf-8")
        run("systemctl", "daemon-reload")
        run("systemctl", "start", late.name)
        tap.equal(properties("SubState", "NRestarts"), ["auto-restart", "0"], "mptcpd then")
        run("systemctl", "stop", late.name)
    late.unlink()


# ---- MPTCP is off ----


@contextlib.contextmanager
def switched_off():
    sysctl("net.mptcp.enabled", 0)
    try:
        yield
    finally:
        sysctl("net.mptcp.enabled", 1)


@tap.test("/service/death/mptcp-that-is-off-is-waited-for", 60)
def off_at_start():
    with Paths() as paths, switched_off(), Service() as service:
        pid = main_pid()
        tap.equal(properties("ActiveState", "SubState", "NRestarts"), ["active", "running", "0"], "state")
        tap.true("MPTCP is switched off" in properties("StatusText")[0], properties("StatusText")[0])
        tap.equal(service.journal.find("MPTCP is switched off"), WARNING, "priority of the warning")
        status = json.loads(run("mptcpctl", "--json", "status"))["status"]
        tap.equal(status["mptcp"]["enabled"], False, "enabled")
        tap.true("switched off" in run("mptcpctl", "status"), "status says so")
        try:
            mptcp_socket().close()
            raise AssertionError("a socket of MPTCP while that is off")
        except OSError:
            pass
        sysctl("net.mptcp.enabled", 1)
        with paths.connect() as client:
            wait_until(lambda: paths.count(client) == 2, 5, "its second path, by mptcpd")
            tap.equal(main_pid(), pid, "the same process")
            run("mptcpctl", "status")  # it looks
            tap.true("switched off" not in properties("StatusText")[0], "the status text of now")
            service.journal.find("MPTCP is switched on again")
            sysctl("net.mptcp.enabled", 0)
            tap.true("switched off" in run("mptcpctl", "status"), "off again, status says so")
            tap.true("switched off" in properties("StatusText")[0], "and the status text")
            run("mptcpctl", "status")
            said = [text for _, text in service.journal.entries() if "is switched off" in text]
            tap.equal(len(said), 2, f"once each time: {said}")
            paths.speak(client)
            tap.equal(paths.count(client), 2, "paths that are open stay")


if __name__ == "__main__":
    if "--inside" in sys.argv:
        sys.argv.remove("--inside")
    elif "--list" not in sys.argv:
        container.test(pathlib.Path(__file__).resolve(), sys.argv[1:])
    tap.main()
