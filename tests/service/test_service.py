# SPDX-License-Identifier: LGPL-2.1-or-later
"""mptcpd as a service of a real systemd: the unit as it is installed, in a container."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys

sys.path[1:1] = [str(pathlib.Path(__file__).resolve().parents[1]),
                 str(pathlib.Path(__file__).resolve().parents[1] / "netns")]

import container
import tap
from hosts import wait_until
from service import (CONFIG, KERNEL, RUNTIME, UNIT, USERSPACE, Connection, Links, Service, as_nobody,
                     is_on_the_bus, listing, main_pid, note_journal, path_manager, properties,
                     run, sysctl)

POLKIT_RULE = pathlib.Path("/etc/polkit-1/rules.d/00-mptcpd-test.rules")
# The bits of CAP_NET_ADMIN and CAP_NET_BIND_SERVICE.
CAPABILITIES = 1 << 12 | 1 << 10
# As `systemd-analyze security` counts, from 0 (locked up) to 10; networking is what mptcpd is for.
EXPOSURE_MAX = 1.7
ERROR, WARNING = "3", "4"
NOBODY_MAY = """\
polkit.addRule(function(action, subject) {
    if (action.id == "org.mptcpd1.reload" && subject.user == "nobody")
        return polkit.Result.YES;
});
"""
BAD = "[core]\npath-manager = userspace\n\npath-manger = kernel\n"


# ---- start ----


@tap.test("/service/boot/is-up-before-the-network", 30)
def boots_early():
    tap.equal(run("systemctl", "is-enabled", UNIT).strip(), "enabled", "is-enabled")
    state = properties("ActiveState", "NRestarts")
    if state != ["active", "0"]:
        note_journal()
    tap.equal(state, ["active", "0"], "state after the boot")
    ready, = properties("ActiveEnterTimestampMonotonic")
    network, = properties("InactiveExitTimestampMonotonic", unit="network-fake.service")
    tap.true(0 < int(ready) < int(network), f"ready at {ready} us, network at {network} us")
    cycles = [line for line in run("journalctl", "--boot", "--output=cat").splitlines()
              if "ordering cycle" in line]
    tap.equal(cycles, [], "ordering cycles")
    wait_until(is_on_the_bus, 10, "it is on the system bus, which came up later")


@tap.test("/service/start/is-ready-when-the-state-is-known", 30)
def ready_means_known():
    names = [f"veth{i}" for i in range(40)]
    for name in names:
        run("ip", "link", "add", name, "type", "veth", "peer", "name", f"p{name}")
    try:
        with Connection(), Service():
            seen = {interface["name"] for interface in listing("interface")}
            tap.equal(set(names) - seen, set(), "interfaces not seen when it was ready")
            tap.equal(set(Connection.tokens()), {"client", "server"}, "connections seen then")
            status, = properties("StatusText")
            tap.true("userspace" in status, f"status text {status!r}")
    finally:
        for name in names:
            run("ip", "link", "delete", name)


@tap.test("/service/start/a-bad-configuration-is-named-and-not-tried-again", 30)
def bad_configuration():
    with Service() as service:
        run("systemctl", "stop", UNIT)
        CONFIG.write_text(BAD, encoding="utf-8")
        run("systemctl", "start", UNIT, code=1)
        state, restarts, status = properties("ActiveState", "NRestarts", "ExecMainStatus")
        tap.equal([state, restarts, status], ["failed", "0", "78"], "state, restarts, exit status")
        tap.equal(service.journal.find(f"{CONFIG}:4: "), ERROR, "priority of the fault")
        tap.equal(path_manager(), "kernel", "path manager")


# ---- who may ----


@tap.test("/service/control/everyone-reads-and-root-changes", 30)
def permissions():
    with Service():
        for noun in ("connection", "interface", "endpoint", "limits", "policy"):
            json.loads(as_nobody("mptcpctl", "--json", noun))
        for read in (run, as_nobody):
            status = json.loads(read("mptcpctl", "--json", "status"))["status"]
            tap.equal(status["path-manager"], "userspace", "path manager in status")
        before = run("mptcpctl", "limits")
        as_nobody("mptcpctl", "limits", "set", "subflows", "5", code=4)
        as_nobody("mptcpctl", "reload", code=4)
        tap.equal(run("mptcpctl", "limits"), before, "limits after a refused change")
        run("mptcpctl", "limits", "set", "subflows", "5")
        tap.true("5" in run("mptcpctl", "limits"), "root may change the limits")
        # The kernel makes the socket, for which the caller needs the privilege.
        run("mptcpctl", "endpoint", "add", "127.0.0.2", "signal", "port", "443")
        run("mptcpctl", "endpoint", "flush")


def reload_by_bus(code=0):
    return as_nobody("busctl", "call", "org.mptcpd1", "/org/mptcpd1", "org.mptcpd1.Manager",
                     "Reload", code=code)


@tap.test("/service/bus/polkit-may-let-others-change", 30)
def polkit():
    try:
        with Service():
            told = reload_by_bus(code=1)
            tap.true("only root" in told or "authentication" in told, f"the refusal says {told!r}")
            if not POLKIT_RULE.parent.exists():
                raise tap.Skip("no polkit")
            POLKIT_RULE.write_text(NOBODY_MAY, encoding="utf-8")
            POLKIT_RULE.chmod(0o644)
            run("systemctl", "restart", "polkit.service")
            reload_by_bus()
    finally:
        POLKIT_RULE.unlink(missing_ok=True)


@tap.test("/service/hardening/runs-without-root-and-with-two-capabilities", 30)
def unprivileged():
    with Service():
        lines = pathlib.Path(f"/proc/{main_pid()}/status").read_text(encoding="ascii")
        status = dict(line.split(":\t", 1) for line in lines.splitlines() if ":\t" in line)
        tap.true(status["Uid"].split()[1] != "0", "the user is not root")
        for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
            tap.equal(int(status[name], 16), CAPABILITIES, name)
        tap.equal([status["NoNewPrivs"], status["Seccomp"]], ["1", "2"], "no_new_privs, seccomp")


@tap.test("/service/hardening/mptcps-counters-can-be-read", 30)
def counters():
    # what tells of black holes; as its user, and where its sandbox is
    with Service():
        inside = ("nsenter", "--target", main_pid(), "--mount", "--net", "setpriv",
                  "--reuid=mptcpd", "--clear-groups")
        text = run(*inside, "cat", "/proc/thread-self/net/netstat")
        tap.true("MPTcpExt: " in text, f"counters: {text[:200]!r}")
        status = json.loads(run("mptcpctl", "--json", "status"))["status"]
        tap.equal((status["mptcp"], status["warnings"]),
                  ({"enabled": True, "blackhole-since-ms": None, "blackhole-until-ms": None}, []),
                  "what status says")


@tap.test("/service/hardening/probes-get-out-of-the-sandbox", 30)
def probes():
    far = ("ip", "netns", "exec", "far")

    def answered():
        """(echo requests, resets): those of the far side."""
        rows = [row.split() for row in run(*far, "cat", "/proc/net/snmp").splitlines()]
        found = {names[0]: dict(zip(names, values)) for names, values in zip(rows[::2], rows[1::2])}
        return int(found["Icmp:"]["OutEchoReps"]), int(found["Tcp:"]["OutRsts"])

    run("ip", "netns", "add", "far")
    try:
        run("ip", "link", "add", "near", "type", "veth", "peer", "name", "near", "netns", "far")
        for where, number in (((), 1), (("-n", "far"), 2)):
            run("ip", *where, "link", "set", "near", "up")
            run("ip", *where, "address", "add", f"10.8.0.{number}/24", "dev", "near")
        sysctl("net.ipv4.ping_group_range", "0 2147483647")
        with Service(config=KERNEL + "[interface:near]\nuse = yes\nprobe = icmp:10.8.0.2, "
                                     "tcp:10.8.0.2:9\nprobe-interval = 200ms\n"
                                     "probe-timeout = 200ms\n") as service:
            wait_until(lambda: min(answered()) >= 3, 10, "answers to both kinds", answered)
            tap.equal(service.journal.entries(), [], "what it logs")
    finally:
        run("ip", "netns", "delete", "far")


@tap.test("/service/hardening/is-what-systemd-calls-ok", 30)
def exposure():
    text = run("systemd-analyze", "security", UNIT, "--no-pager")
    level = re.search(r"exposure level for \S+: ([0-9.]+)", text)
    tap.note(f"exposure level: {level and level[1]}")
    tap.at_most(float(level[1]), EXPOSURE_MAX, "exposure level")


@tap.test("/service/unit/has-no-fault", 30)
def verify():
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", UNIT], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    about_us = [line for line in done.stdout.splitlines() if "mptcpd" in line]
    tap.equal(about_us, [], "what systemd-analyze verify says")


# ---- reload ----


@tap.test("/service/reload/a-good-file-is-in-use-when-it-returns", 30)
def reload_good():
    with Service(KERNEL):
        tap.equal(path_manager(), "kernel", "path manager at first")
        pid = main_pid()
        CONFIG.write_text(USERSPACE, encoding="utf-8")
        run("systemctl", "reload", UNIT)
        tap.equal(path_manager(), "userspace", "path manager after the reload")
        tap.true("userspace" in properties("StatusText")[0], "the status text is of the new file")
        tap.equal(main_pid(), pid, "process")
        CONFIG.write_text(KERNEL, encoding="utf-8")
        os.kill(pid, signal.SIGHUP)
        wait_until(lambda: path_manager() == "kernel", 5, "SIGHUP is a reload, too")
        wait_until(lambda: properties("ActiveState", "SubState") == ["active", "running"], 5,
                   "the unit is no longer reloading")


@tap.test("/service/reload/a-bad-file-fails-and-changes-nothing", 30)
def reload_bad():
    with Service() as service:
        pid = main_pid()
        CONFIG.write_text(BAD, encoding="utf-8")
        run("systemctl", "reload", UNIT, code=1)
        tap.equal(properties("ActiveState", "SubState"), ["active", "running"], "state")
        tap.equal(main_pid(), pid, "process")
        tap.equal(path_manager(), "userspace", "path manager")
        tap.true("all" in run("mptcpctl", "policy"), "the old policy is there")
        tap.equal(service.journal.find(f"{CONFIG}:4: "), ERROR, "priority of the fault")
        tap.equal(service.journal.find("the old one stays"), ERROR, "priority of the conclusion")


# ---- stop and restart ----


@tap.test("/service/stop/puts-the-sysctls-back", 30)
def stop_restores():
    with Links(), Service(USERSPACE + "[interface:left]\nrp-filter = loose\n") as service:
        tap.equal(path_manager(), "userspace", "path manager")
        wait_until(lambda: sysctl("net.ipv4.conf.left.rp_filter") == "2", 5, "rp_filter is loose")
        tap.equal(service.journal.find("right: rp_filter is strict"), WARNING,
                  "priority of the warning about the other link")
        run("systemctl", "stop", UNIT)
        tap.equal(properties("ActiveState", "Result"), ["inactive", "success"], "state")
        tap.equal(path_manager(), "kernel", "path manager after the stop")
        tap.equal(sysctl("net.ipv4.conf.left.rp_filter"), "1", "rp_filter after the stop")


@tap.test("/service/restart/keeps-the-runtime-directory", 30)
def restart_keeps_state():
    with Service():
        before = os.stat(RUNTIME / "state").st_ino
        pid = main_pid()
        run("systemctl", "restart", UNIT)
        tap.true(main_pid() not in (0, pid), "another process")
        tap.equal(os.stat(RUNTIME / "state").st_ino, before, "the state file")
        tap.equal(path_manager(), "userspace", "path manager")
        run("systemctl", "stop", UNIT)
        tap.equal(os.stat(RUNTIME / "state").st_ino, before, "the state file after a stop")
        tap.true(not (RUNTIME / "control").exists(), "the control socket is gone")


@tap.test("/service/killed/is-started-anew-and-knows-what-to-put-back", 30)
def killed():
    with Service() as service:
        pid = main_pid()
        os.kill(pid, signal.SIGKILL)
        service.wait_replaced(pid)
        tap.equal(properties("NRestarts"), ["1"], "restarts")
        run("mptcpctl", "status")
        tap.equal(path_manager(), "userspace", "path manager after the restart")
        run("systemctl", "stop", UNIT)
        tap.equal(path_manager(), "kernel", "path manager after the stop")


@tap.test("/service/watchdog/a-daemon-that-hangs-is-replaced", 30)
def watchdog():
    # A process that is stopped does not even die of the watchdog's SIGABRT.
    with Service(unit="WatchdogSec=400ms\nTimeoutAbortSec=100ms") as service:
        pid = main_pid()
        since = properties("WatchdogTimestampMonotonic")
        wait_until(lambda: properties("WatchdogTimestampMonotonic") != since, 5, "a sign of life")
        tap.equal(main_pid(), pid, "process that gives signs of life")
        os.kill(pid, signal.SIGSTOP)
        new = service.wait_replaced(pid)
        tap.true(new != pid, "another process")
        run("mptcpctl", "status")
        told = run("journalctl", f"--unit={UNIT}", service.journal.since)
        tap.true("Watchdog timeout" in told, "systemd names the watchdog as the reason")


def listening(address):
    """Inodes of the sockets that listen there."""
    return re.findall(rf"\s{re.escape(address)}\s.*\bino:(\d+)",
                      run("ss", "--no-header", "-Mlne"))


@tap.test("/service/restart/listening-sockets-stay-open", 30)
def listeners_survive():
    with Service() as service, Connection():
        token = Connection.tokens()["server"]
        run("mptcpctl", "announce", token, "127.0.0.1", "id", "7", "port", "707")
        before = listening("127.0.0.1:707")
        tap.equal(len(before), 1, "listening sockets")
        tap.equal(properties("NFileDescriptorStore"), ["1"], "descriptors in the store")
        run("systemctl", "restart", UNIT)
        tap.equal(listening("127.0.0.1:707"), before, "the listening socket after a restart")
        pid = main_pid()
        os.kill(pid, signal.SIGKILL)
        service.wait_replaced(pid)
        tap.equal(listening("127.0.0.1:707"), before, "the listening socket after SIGKILL")
        run("mptcpctl", "withdraw", token, "id", "7")
        wait_until(lambda: listening("127.0.0.1:707") == [], 5, "the listening socket is closed")
        wait_until(lambda: properties("NFileDescriptorStore") == ["0"], 5, "the store is empty")


if __name__ == "__main__":
    if "--inside" in sys.argv:
        sys.argv.remove("--inside")
    elif "--list" not in sys.argv:
        container.test(pathlib.Path(__file__).resolve(), sys.argv[1:])
    tap.main()
