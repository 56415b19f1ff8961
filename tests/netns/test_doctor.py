# SPDX-License-Identifier: LGPL-2.1-or-later
"""mptcpctl doctor: each planted fault is found and told with what mends it, which then mends it."""

import functools
import json
import os
import pathlib
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from daemon import BUILD, FULLMESH, MPTCPCTL, stage_plugins
from hosts import NEEDS_ROUTES_BY_SOURCE, wait_until
from middlebox import meddling
from scene import KERNEL, PORT, Scene

CLOSED = 5009
SEVERITIES = ("ok", "note", "warning", "fault")
NOBODY = ("setpriv", "--reuid", "65534", "--clear-groups")
MPTCPIZE = BUILD / "mptcpize/mptcpize"
# Where what is typed finds our programs.
TYPED = {**os.environ, "PATH": f"{BUILD}/ctl:{BUILD}/mptcpize:{os.environ['PATH']}"}
# Listens, says so, and goes on until its input ends.
LISTENER = ("import socket, sys; s = socket.socket(); "
            "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('0.0.0.0', 6000)); "
            "s.listen(); print('ready', flush=True); sys.stdin.read()")


class Clinic(Scene):
    """A host with three uplinks that is looked at; a server that listens."""

    def __init__(self, config=FULLMESH, links=3, **options):
        super().__init__(config, links, **options)

    def __enter__(self):
        super().__enter__()
        self.listen()
        return self

    def run(self, *argv, json_too=True, prefix=(), env=None):
        named = ("--socket", self.daemon.runtime / "control") if self.daemon else ()
        return subprocess.run(
            self.client.argv(*prefix, MPTCPCTL, *(["--json"] if json_too else []), *named,
                             "doctor", *argv),
            text=True, capture_output=True, check=False, env={**os.environ, **(env or {})})

    def doctor(self, *argv, **options):
        """Its findings, which are what man mptcpctl(1) says that they are."""
        done = self.run(*argv, **options)
        tap.true(done.returncode in (0, 1), f"exit {done.returncode}: {done.stderr}")
        findings = json.loads(done.stdout)["findings"]
        for finding in findings:
            tap.equal(set(finding), {"severity", "reason", "text", "remedy"}, f"keys: {finding}")
            tap.true(finding["severity"] in SEVERITIES and finding["text"], f"{finding}")
        faults = any(finding["severity"] == "fault" for finding in findings)
        tap.equal(done.returncode, int(faults), f"exit with {findings}")
        return findings

    def faults(self, *argv, **options):
        return [f for f in self.doctor(*argv, **options) if f["severity"] == "fault"]

    def found(self, reason, words, severity="fault", argv=(), others=(), **options):
        """Wait for the finding; nothing else is at fault, but for the `others`."""
        def look():
            self.last = self.doctor(*argv, **options)
            return [f for f in self.last
                    if (f["severity"], f["reason"]) == (severity, reason) and words in f["text"]]

        finding = wait_until(look, 8, f"{severity} {reason}: {words}", lambda: self.last)[0]
        more = {f["reason"] for f in self.last if f["severity"] == "fault"} - {reason} - set(others)
        tap.equal(more, set(), f"other faults: {self.last}")
        return finding

    def mended(self, finding, argv=(), **env):
        """Do what it says, as it is printed; then it is not said any more."""
        done = subprocess.run(self.client.argv("sh", "-c", finding["remedy"]), text=True,
                              capture_output=True, check=False,
                              env={**TYPED, **env})
        tap.equal(done.returncode, 0, f"{finding['remedy']}: {done.stderr}")
        self.gone(finding, argv)

    def gone(self, finding, argv=()):
        def look():
            self.last = self.doctor(*argv)
            return not [f for f in self.last if f["severity"] == finding["severity"]
                        and f["reason"] == finding["reason"] and f["text"] == finding["text"]]

        wait_until(look, 8, f"gone: {finding}", lambda: self.last)


@functools.cache
def own_etc():
    """What is written to /etc from now on goes with this sandbox."""
    for name in ("upper", "work"):
        pathlib.Path("/run/etc", name).mkdir(parents=True)
    return subprocess.run(["mount", "-t", "overlay", "overlay", "-o", "lowerdir=/etc,"
                           "upperdir=/run/etc/upper,workdir=/run/etc/work", "/etc"],
                          check=False).returncode == 0


def peer(address="10.0.1.2", port=PORT):
    return ("--peer", f"{address}:{port}")


# ---- hosts that are well ----


@tap.test("/doctor/healthy/no-fault-whoever-decides-and-whoever-asks")
def healthy():
    for config in (FULLMESH, KERNEL):
        with Clinic(config) as clinic:
            wait_until(lambda clinic=clinic: not clinic.faults(), 5, "no fault", clinic.doctor)
            for argv in ((), peer(), peer("[2001:db8:1::2]")):
                findings = clinic.doctor(*argv)
                tap.equal([f for f in findings if f["severity"] == "fault"], [], f"{findings}")
                said = {f["reason"] for f in findings if f["severity"] == "ok"}
                tap.true({"kernel", "daemon", "config", "link"} <= said, f"{findings}")
            answers = [f for f in findings if f["reason"] == "peer"]
            tap.equal(len(answers), 3, f"one answer a link: {findings}")
            tap.true(all("with MPTCP" in f["text"] for f in answers), f"{answers}")
            findings = clinic.doctor(*peer(), prefix=NOBODY)
            tap.equal([f for f in findings if f["severity"] == "fault"], [], f"{findings}")
            tap.true("not-permitted" in {f["reason"] for f in findings}, f"{findings}")


@tap.test("/doctor/healthy/a-server-and-a-host-without-mptcpd")
def healthy_server():
    with Clinic(runs=False) as clinic:
        for prefix in ((), NOBODY):
            findings = clinic.doctor(*peer(), prefix=prefix)
            tap.equal([f for f in findings if f["severity"] == "fault"], [], f"{findings}")
            absent, = [f for f in findings if f["reason"] == "no-daemon"]
            tap.equal(absent["severity"], "warning", f"{absent}")
            none, = [f for f in findings if f["reason"] == "no-endpoint"]
            links = {f["text"].split()[0] for f in findings if f["reason"] == "link"}
            tap.equal(links, {"link1", "link2", "link3"}, f"{findings}")
        clinic.mended(none)
        clinic.client, clinic.server, clinic.host = clinic.server, clinic.client, clinic.server
        clinic.start()
        tap.equal(clinic.faults(), [], "of a server")
        findings = clinic.doctor(*peer("127.0.0.1"))
        tap.true("127.0.0.1 answers by any link with MPTCP (IPv4)" in
                 {f["text"] for f in findings}, f"{findings}")


@tap.test("/doctor/text/fits-a-terminal-and-can-be-copied")
def text():
    with Clinic() as clinic:
        clinic.client.ip("link set link3 down")
        done = clinic.run(*peer(), json_too=False, env={"COLUMNS": "80"})
        lines = done.stdout.splitlines()
        tap.equal(done.returncode, 1, done.stdout)
        tap.true(max(map(len, lines)) <= 80, f"{lines}")
        tap.true(any(line.startswith("fault    link3 is down") for line in lines), f"{lines}")
        tap.true("         remedy: ip link set link3 up" in lines, f"{lines}")
        tap.true(lines[-1].startswith("1 fault"), lines[-1])
        tap.true("\033" not in done.stdout, "colour in a pipe")


# ---- the kernel ----


@tap.test("/doctor/kernel/switched-off")
def disabled():
    with Clinic() as clinic:
        clinic.client.sysctl("net.mptcp.enabled", 0)
        finding = clinic.found("mptcp-disabled", "switched off")
        tap.equal(finding["remedy"], "sysctl net.mptcp.enabled=1", "remedy")
        clinic.mended(finding)


@tap.test("/doctor/kernel/a-black-hole")
def blackhole():
    if tap.kernel_before(6, 12):
        raise tap.Skip("this kernel looks for no black holes")
    for runs in (True, False):
        with Clinic(runs=runs) as clinic:
            clinic.client.sysctl("net.mptcp.syn_retrans_before_tcp_fallback", 1)
            with meddling("tcp option mptcp exists drop", clinic.server):
                client = clinic.open(clinic.client)
                client.connect(("10.0.1.2", PORT))
            finding = clinic.found("blackhole", "SYNs with MPTCP")
            findings = clinic.doctor(*peer())
            tap.true(not [f for f in findings if f["reason"] in ("no-mptcp", "stripped")],
                     f"nothing is said of the way: {findings}")
            clinic.mended(finding)


@tap.test("/doctor/kernel/nobody-is-to-join")
def deny():
    with Clinic() as clinic:
        clinic.client.sysctl("net.mptcp.allow_join_initial_addr_port", 0)
        clinic.mended(clinic.found("deny-join-id0", "C flag"))


# ---- mptcpd ----


@tap.test("/doctor/daemon/none-and-nobody-in-its-place")
def absent():
    with Clinic(runs=False) as clinic:
        clinic.client.sysctl("net.mptcp.path_manager", "userspace")
        finding = clinic.found("no-daemon", "userspace")
        clinic.mended(finding)
        tap.equal(clinic.client.sysctl("net.mptcp.path_manager"), "kernel", "path manager")


@tap.test("/doctor/daemon/gone-from-where-it-was")
def gone():
    with Clinic(KERNEL) as clinic:
        clinic.daemon.child.kill()
        clinic.daemon.wait_exit()
        found = {f["reason"] for f in clinic.doctor()}
        tap.true({"no-daemon", "link", "kernel"} <= found, f"{found}")


@tap.test("/doctor/daemon/one-that-hangs", waits=True)
def hangs():
    with Clinic() as clinic:
        clinic.daemon.child.send_signal(signal.SIGSTOP)
        begin = time.monotonic()
        finding = clinic.found("daemon-hangs", "no answer")
        tap.note(f"told after {time.monotonic() - begin:.1f} s")
        clinic.daemon.child.send_signal(signal.SIGCONT)
        clinic.gone(finding)


@tap.test("/doctor/daemon/a-plugin-that-crashed")
def aside():
    config = "[core]\npath-manager = userspace\n[policy:mine]\nplugin = crash\nin = plan_paths\n"

    def stage(clinic):
        plugins = stage_plugins(clinic.client.directory)
        for plugin in (BUILD / "tests/plugins").glob("crash*.so"):
            shutil.copy(plugin, plugins)

    with Clinic(config, before=stage) as clinic:
        runtime = clinic.daemon.runtime
        client = clinic.open(clinic.client)
        client.connect(("10.0.1.2", PORT))
        clinic.daemon.wait_exit()
        client.close()
        clinic.start(runtime=runtime)
        finding = clinic.found("set-aside", "plugin crash crashed")
        clinic.mended(finding)


@tap.test("/doctor/daemon/somebody-took-its-connections-away")
def taken():
    with Clinic() as clinic:
        clinic.client.sysctl("net.mptcp.path_manager", "kernel")
        clinic.mended(clinic.found("path-manager", "somebody has set"))


@tap.test("/doctor/daemon/a-state-that-cannot-be-kept")
def state():
    def plant(clinic):
        clinic.runtime = clinic.net.directory / "runtime"
        (clinic.runtime / "state").mkdir(parents=True)

    with Clinic(runs=False, before=plant) as clinic:
        clinic.start(runtime=clinic.runtime)
        clinic.found("state", "is not saved")
        tap.equal(clinic.daemon.json("status")["status"]["warnings"][0]["reason"], "state", "status")


@tap.test("/doctor/text/hostile-names-are-quoted")
def hostile_names():
    name, strict = "link3", "/proc/sys/net/ipv4/conf/$0/rp_filter"
    with Clinic() as clinic:
        for other, quoted in (("a;id>b'$c", "'a;id>b'\\''$c'"), ("mptcpctl", "mptcpctl"),
                              ("!.*", "'!.*'"), ("=b", "'=b'")):
            clinic.client.run("ip", "link", "set", "dev", name, "down")
            clinic.client.run("ip", "link", "set", "dev", name, "name", other)
            name = other
            finding = clinic.found("link-down", f"{name} is down")
            tap.equal(finding["remedy"], f"ip link set {quoted} up", "remedy")
            clinic.mended(finding)
            heard = clinic.open(clinic.client, protocol=0)
            heard.connect(("10.0.3.2", PORT))  # so that its neighbour is known
            clinic.mended(clinic.found("no-route", f"10.0.3.1 by {name}"))
            if NEEDS_ROUTES_BY_SOURCE:
                continue  # nothing is filtered
            clinic.client.run("sh", "-c", f'echo 1 >"{strict}"', name)
            finding = clinic.found("rp-filter", f"rp_filter is strict on {name}")
            if "=" not in name:
                clinic.mended(finding)
                continue
            tap.true("rp-filter = loose in [interface:=b]" in finding["remedy"], f"{finding}")
            clinic.client.run("sh", "-c", f'echo 2 >"{strict}"', name)
            clinic.gone(finding)


@tap.test("/doctor/config/each-fault-by-file-and-line")
def config_faults():
    with Clinic() as clinic:
        clinic.daemon.config.write_text(FULLMESH + "[interface:link1]\nflgs = subflow\n")
        finding = clinic.found("config", f"{clinic.daemon.config}:6: ")
        tap.true("flgs" in finding["text"], f"{finding}")
        editor = clinic.net.directory / "editor"
        editor.write_text('#!/bin/sh\nexec sed -i "${1#+}d" "$2"\n')
        editor.chmod(0o755)
        clinic.mended(finding, EDITOR=str(editor))


# ---- links ----


@tap.test("/doctor/link/down-without-carrier-or-without-a-route")
def links():
    for config in (FULLMESH, KERNEL):
        with Clinic(config) as clinic:
            clinic.client.ip("link set link3 down")
            finding = clinic.found("link-down", "link3 is down")
            clinic.mended(finding)
            clinic.net.up(3, clinic.client)
            clinic.net.down(2, clinic.server)
            finding = clinic.found("no-carrier", "link2 has no carrier")
            clinic.net.up(2, clinic.server)
            clinic.gone(finding)
            clinic.client.ip("route del default dev link3")
            heard = clinic.open(clinic.client, protocol=0)
            heard.connect(("10.0.3.2", PORT))  # so that its neighbour is known
            finding = clinic.found("no-route", "10.0.3.1 by link3")
            tap.true("via 10.0.3.2 dev link3" in finding["remedy"], f"{finding}")
            clinic.mended(finding)


@tap.test("/doctor/link/a-rule-that-leads-astray")
def astray():
    with Clinic() as clinic:
        if NEEDS_ROUTES_BY_SOURCE:
            raise tap.Skip("this kernel needs routes by source, which are rules already")
        findings = clinic.doctor()
        strays = [f for f in findings if f["reason"] == "wrong-link"]
        tap.true(strays and {f["severity"] for f in strays} == {"warning"}, f"{findings}")
        for link, other in ((2, 1), (1, 3), (3, None)):
            heard = clinic.open(clinic.client, protocol=0)
            heard.connect((f"10.0.{link}.2", PORT))  # so that its neighbour is known
            if other:
                clinic.client.ip(f"route add default via 10.0.{other}.2 dev link{other} table 77")
            clinic.client.ip(f"rule add from 10.0.{link}.1 table 77")
            finding = clinic.found("wrong-link", f"packets from 10.0.{link}.1, the address of "
                                   f"link{link}, leave by link{other or 1}, though a rule")
            clinic.mended(finding)
            clinic.client.ip("route flush table 77", f"rule del from 10.0.{link}.1 table 77")


@tap.test("/doctor/link/no-rule-where-one-is-wanted-is-mended-by-a-drop-in")
def source():
    drops = ("bash", "-c", 'exec "$0" "${@:3}"')  # without --config: the layered files
    configuration = pathlib.Path("/etc/mptcpd/mptcpd.conf.d")
    if not own_etc():
        raise tap.Skip("/etc cannot be overlaid here")
    configuration.mkdir(parents=True)
    with Clinic(runs=False) as clinic:
        if NEEDS_ROUTES_BY_SOURCE:
            raise tap.Skip("this kernel needs routes by source, with which nothing strays")
        (configuration.parent / "mptcpd.conf").write_text(FULLMESH)
        clinic.start(prefix=drops)
        finding = clinic.found("wrong-link", "packets from 10.0.2.1 leave by link1, unless", "warning")
        clinic.mended(finding)
        tap.true("wrong-link" not in {f["reason"] for f in clinic.doctor()}, "all of them")
    shutil.rmtree(configuration.parent)


@tap.test("/doctor/link/a-strict-filter")
def strict():
    for config in (FULLMESH, KERNEL):
        with Clinic(config) as clinic:
            if NEEDS_ROUTES_BY_SOURCE:
                raise tap.Skip("this kernel needs routes by source, with which nothing is filtered")
            clinic.client.sysctl("net.ipv4.conf.link2.rp_filter", 1)
            finding = clinic.found("rp-filter", "rp_filter is strict on link2")
            clinic.mended(finding)


@tap.test("/doctor/link/a-silent-one")
def silent():
    config = (FULLMESH + "[interface:link2]\nprobe = tcp:10.0.2.2:9\nprobe-interval = 1s\n"
              "probe-timeout = 300ms\nprobe-failures = 1\n")
    with Clinic(config) as clinic:
        with meddling("iifname link2 drop", clinic.server):
            finding = clinic.found("silent", "link2 is silent since")
        clinic.gone(finding)


# ---- endpoints and limits ----


@tap.test("/doctor/limits/too-small")
def limits():
    with Clinic(KERNEL) as clinic:
        clinic.client.ip("mptcp limits set subflow 0 add_addr_accepted 0")
        finding = clinic.found("own-limit", "at most 0 more subflows")
        accepted, = [f for f in clinic.last if "add_addr_accepted" in f["text"]]
        clinic.mended(finding)
        clinic.mended(accepted)


@tap.test("/doctor/endpoint/somebody-elses-and-stale-ones")
def endpoints():
    def plant(clinic):
        clinic.client.ip("mptcp endpoint add 10.0.3.1 dev link3 signal",
                         "mptcp endpoint add 192.0.2.9 subflow")

    with Clinic(KERNEL, before=plant) as clinic:
        finding = clinic.found("foreign-endpoint", "somebody else made it")
        clinic.mended(finding)
        clinic.mended(clinic.found("stale-endpoint", "192.0.2.9", "warning"))
        held = next(e["id"] for e in clinic.daemon.json("endpoint")["endpoints"]
                    if e["address"] == "10.0.2.1")
        clinic.daemon.ctl("endpoint", "delete", "id", held)
        clinic.mended(clinic.found("held", "10.0.2.1", "warning"))


@tap.test("/doctor/endpoint/no-place-for-all")
def no_place():
    if not tap.kernel_before(7, 2):
        raise tap.Skip("this kernel's table has more places")

    def fill(clinic):
        clinic.client.ip(*(f"mptcp endpoint add 192.0.2.{i} subflow" for i in range(1, 8)))

    with Clinic(KERNEL, before=fill, links=2) as clinic:
        finding = clinic.found("no-place", "is to be an endpoint", others=("own-limit",))
        clinic.mended(finding)


# ---- services ----


def listens(clinic, *argv, after=None, **options):
    """A process of a command that runs LISTENER, once it listens: `after` another one is gone."""
    child = clinic.client.start(*argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)
    if after:
        after.wait()
    tap.equal(child.stdout.readline(), "ready\n", f"{argv}")
    return child


@tap.test("/doctor/service/one-that-was-asked-and-does-not")
def service():
    with Clinic() as clinic:
        for script, begin in ((LISTENER, "kill "), ("pass\n" + LISTENER, "xargs "),
                              (LISTENER + "# it's long " * 30, "xargs ")):
            clinic.client.sysctl("net.mptcp.enabled", 0)
            child = listens(clinic, MPTCPIZE, "run", "/usr/bin/python3", "-c", script)
            clinic.client.sysctl("net.mptcp.enabled", 1)
            finding = clinic.found("plain-listener", "listens on 0.0.0.0:6000 by TCP alone")
            tap.true(finding["remedy"].startswith(begin), f"{finding}")
            text = clinic.run(json_too=False, env={"COLUMNS": "80"}).stdout.replace("\\\n", "")
            typed, = [line for line in text.splitlines() if f"remedy: {begin}" in line]
            tap.equal(shlex.split(typed.split("remedy: ")[1]), shlex.split(finding["remedy"]), text)
            again = listens(clinic, "sh", "-c", finding["remedy"], after=child, env=TYPED)
            clinic.gone(finding)
            again.stdin.close()
            again.wait()
        listens(clinic, "/usr/bin/python3", "-c", LISTENER)
        clinic.found("tcp-listener", "0.0.0.0:6000", "note")


# ---- what is on the way to a peer ----


@tap.test("/doctor/peer/what-is-done-to-mptcp-on-one-link")
def meddled():
    for rule, reason, words in (
            ("reset tcp option mptcp", "stripped", "takes MPTCP out"),
            ("tcp option mptcp exists drop", "blackhole", "drops SYNs with MPTCP"),
            ("tcp option mptcp exists reject with tcp reset", "rejected", "by RST")):
        with Clinic() as clinic:
            with meddling(f"iifname link2 {rule}", clinic.server):
                begin = time.monotonic()
                finding = clinic.found(reason, words, argv=peer())
                tap.note(f"{reason}: {time.monotonic() - begin:.2f} s")
                tap.true("link2" in finding["text"], f"{finding}")
                good = [f for f in clinic.last if (f["severity"], f["reason"]) == ("ok", "peer")]
                tap.equal(len(good), 2, f"{clinic.last}")
            clinic.gone(finding, peer())
            tap.equal(clinic.client.nstat().get("Blackhole", 0), 0, "black holes")
            tap.equal(clinic.client.nstat().get("MPCapableSYNTXDrop", 0), 0, "given up")


@tap.test("/doctor/peer/silent-closed-or-without-mptcp")
def unable():
    with Clinic() as clinic:
        with meddling("iifname link2 drop", clinic.server):
            finding = clinic.found("unanswered", "by link2, neither MPTCP nor TCP", argv=peer())
            tap.true("does by another link" in finding["text"], f"{finding}")
        finding = clinic.found("refused", f"port {CLOSED} by link3", argv=peer(port=CLOSED))
        clinic.listen(6001, protocol=0)
        finding = clinic.found("no-mptcp", "by link1 plain TCP", argv=peer(port=6001))
        clinic.server.sysctl("net.mptcp.enabled", 0)
        clinic.found("no-host", "no address of nowhere.invalid", argv=("--peer", "nowhere.invalid"))


@tap.test("/doctor/peer/this-host-and-neighbours-by-the-address-of-a-link")
def near():
    def link_local(host):
        show = ("ip", "-6", "-o", "addr", "show", "dev", "link1", "scope", "link")
        found = wait_until(lambda: host.run(*show).stdout.split("inet6 ")[1:], 5, "an address")
        return found[0].split("/")[0]

    def answers(address, words, port=PORT):
        findings = clinic.doctor(*peer(address, port))
        said = [f["text"] for f in findings if f["reason"] in ("peer", "refused")]
        tap.equal(len(said), 1, f"{findings}")
        tap.true(said[0].startswith(f"{address.strip('[]')} {words}"), f"{said}")

    with Clinic() as clinic:
        answers(f"[{link_local(clinic.server)}%link1]", "answers by link1 with MPTCP")
        listening = clinic.listen(6003, host=clinic.client)
        for address in ("10.0.1.1", "[2001:db8:1::1]", "127.0.0.2", "[::1]", "0.0.0.0", "[::]"):
            answers(address, "answers by any link with MPTCP", 6003)
        answers(f"[{link_local(clinic.client)}%link1]", "answers by link1 with MPTCP", 6003)
        listening.close()
        answers("10.0.1.1", "refuses connections", 6003)


@tap.test("/doctor/peer/a-name-is-an-address-in-what-mends-it")
def named():
    if not own_etc():
        raise tap.Skip("/etc cannot be overlaid here")
    hosts = pathlib.Path("/etc/hosts")
    hosts.write_text("10.0.1.2 peer.test\n2001:db8:1::2 peer.test\n")
    with Clinic() as clinic, meddling("iifname link2 drop", clinic.server):
        findings = [f for f in clinic.faults(*peer("peer.test")) if "by link2," in f["text"]]
        tap.equal({f["remedy"] for f in findings},
                  {"ping -c 3 -I link2 10.0.1.2", "ping -c 3 -I link2 2001:db8:1::2"}, f"{findings}")


@tap.test("/doctor/peer/one-that-says-nothing-or-very-much")
def hostile():
    with Clinic() as clinic:
        flooding = clinic.listen(6002)

        def flood():
            while True:
                try:
                    end, _ = flooding.accept()
                    clinic.sockets.append(end)
                    end.settimeout(0.2)
                    end.sendall(bytes(1 << 22))
                except (TimeoutError, ConnectionError):
                    continue
                except OSError:
                    return

        threading.Thread(target=flood, daemon=True).start()
        for port in (PORT, 6002):
            begin = time.monotonic()
            tap.equal(clinic.faults(*peer(port=port)), [], f"port {port}")
            tap.note(f"port {port}: {time.monotonic() - begin:.2f} s")
        flooding.shutdown(socket.SHUT_RDWR)


def found_from_outside():
    done = subprocess.run([MPTCPCTL, "--json", "-N", "client", "doctor"], text=True,
                          capture_output=True, check=False)
    return json.loads(done.stdout)["findings"]


@tap.test("/doctor/namespace/what-mends-it-is-done-there")
def elsewhere():
    def faults():
        return [f for f in found_from_outside() if f["severity"] == "fault"]

    with Clinic(runs=False) as clinic:
        clinic.client.sysctl("net.mptcp.enabled", 0)
        finding, = faults()
        tap.equal(finding["remedy"], "ip netns exec client sysctl net.mptcp.enabled=1", "remedy")
        subprocess.run(["sh", "-c", finding["remedy"]], check=True, capture_output=True)
        tap.equal(faults(), [], "after it")
        absent, = [f for f in found_from_outside() if f["reason"] == "no-daemon"]
        tap.equal(absent["remedy"], "ip netns exec client mptcpd --instance client", "of none")


@tap.test("/doctor/namespace/its-instance-is-mended-by-a-drop-in-of-its-own")
def instance():
    configuration = pathlib.Path("/etc/mptcpd/client")
    if not own_etc():
        raise tap.Skip("/etc cannot be overlaid here")
    configuration.mkdir(parents=True)
    with Clinic(runs=False) as clinic:
        if NEEDS_ROUTES_BY_SOURCE:
            raise tap.Skip("this kernel needs routes by source, with which nothing strays")
        (configuration / "mptcpd.conf").write_text(FULLMESH)
        clinic.start(prefix=("bash", "-c", 'exec "$0" --instance client "${@:3}"'),
                     runtime=pathlib.Path("/run/mptcpd-client"))
        finding, = wait_until(
            lambda: [f for f in found_from_outside() if f["reason"] == "wrong-link"], 8, "found")
        done = subprocess.run(["sh", "-c", finding["remedy"]], env=TYPED, text=True,
                              capture_output=True, check=False)
        tap.equal(done.returncode, 0, f"{finding['remedy']}: {done.stderr}")
        wait_until(lambda: "wrong-link" not in {f["reason"] for f in found_from_outside()}, 8,
                   f"mended by {finding['remedy']}")
    shutil.rmtree(configuration.parent)


@tap.test("/doctor/usage/what-is-wrong-is-named")
def usage():
    with Clinic(runs=False) as clinic:
        for words, said in ((("now",), '"now"'), (("--peer",), "needs a HOST"),
                            (("--peer", ""), "no peer"), (("--peer", "a:0"), "no port"),
                            (("--peer", "a:b"), "no port"), (("--peer", "[::1"), "no peer"),
                            (("--peer", "a:70000"), "no port"), (("--peer", "a:"), "no port"),
                            (("--peer", "[]:80"), "no peer"), (("--peer", "1::2::3"), "of IPv6"),
                            (("--peer", "a:80:90"), "no address of IPv6"),
                            (("--peer", "10.0.1.2%link1"), "no address of IPv6"),
                            (("--peer", "::1%lo"), "expected ::1"),
                            (("--peer", "[fe80::1]:80"), "expected fe80::1%LINK"),
                            (("--peer", "fe80::1%no"), 'no link is called "no"'),
                            (("--peer", "::ffff:10.0.1.2"), "expected 10.0.1.2"),
                            (("--peer", "a;reboot"), "no peer"), (("--peer", "-x"), "no peer")):
            done = clinic.run(*words)
            tap.equal((done.returncode, said in done.stderr, done.stdout), (2, True, ""),
                      f"{words}: {done.stderr}")
        done = clinic.client.run(MPTCPCTL, "status", "--peer", "x", check=False)
        tap.equal((done.returncode, "doctor alone" in done.stderr), (2, True), done.stderr)
        for prefix, name, code in (((), "nowhere", 1), (NOBODY, "client", 4)):
            done = clinic.client.run(*prefix, MPTCPCTL, "-N", name, "doctor", check=False)
            tap.equal((done.returncode, "cannot be entered" in done.stderr, done.stdout),
                      (code, True, ""), f"{name}: {done.stderr}")


if __name__ == "__main__":
    sandbox.enter()
    tap.main()
