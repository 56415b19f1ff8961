# SPDX-License-Identifier: LGPL-2.1-or-later
"""mptcpd with the fullmesh policy on the real kernel: paths come, fail, and come back."""

import json
import pathlib
import re
import signal
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from capture import Capture, in_namespace
from daemon import FULLMESH, Daemon, Monitor
from hosts import NEEDS_ROUTES_BY_SOURCE, Network, Traffic, wait_until

MEGABYTE = 1 << 20
GIGABYTE = 1 << 30
EACH_ONCE = {1: 1, 2: 1, 3: 1}


class Scene:
    """Two hosts, mptcpd on the client, a server that listens on every address."""

    def __init__(self, rate=None, config=FULLMESH, server="::"):
        self.net = Network(rate=rate, note=tap.note, routes_by_source=NEEDS_ROUTES_BY_SOURCE)
        self.config = config
        self.address = server

    def __enter__(self):
        net = self.net.__enter__()
        try:
            self.daemon = Daemon(net.client, self.config)
            net.on_failure.append(lambda: "mptcpd's log:\n" + self.daemon.text()[-4000:])
            Traffic(net.server, "server", self.address, 5000)
        except BaseException:
            self.net.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *exception):
        return self.net.__exit__(*exception)

    def connect(self, address, count=1):
        """Connections that are known to be MPTCP."""
        client = Traffic(self.net.client, "client", address, 5000, count)
        tap.equal(client.hello, {"connected": count, "mptcp": count}, "connections")
        return client

    def token(self):
        tokens = [c["token"] for c in self.net.client.connections()]
        tap.equal(len(tokens), 1, "connections at the client")
        return tokens[0]

    def paths(self, token=None):
        return self.net.by_link(self.net.client.subflows(token))

    def await_paths(self, wanted, seconds, token=None):
        wait_until(lambda: self.paths(token) == wanted, seconds,
                   f"established subflows by link {wanted}", lambda: self.paths(token))


def intact(result, size, what="transfer"):
    good = result["intact"] and result["bytes"] == size and result["failed"] == 0
    tap.true(good, f"{what}: {result}")


def three_paths(address, sources):
    with Scene() as scene:
        capture = Capture(scene.net.client)
        scene.connect(address)
        scene.await_paths(EACH_ONCE, 1)
        joins = sorted((syn["link"], syn["source"]) for syn in capture.joins())
        tap.equal(joins, [("link2", sources.format(2)), ("link3", sources.format(3))], "MP_JOINs")
        first = [syn["link"] for syn in capture.syns() if syn["out"] and not syn["join"]]
        tap.equal(first, ["link1"], "the initial SYN")


@tap.test("/main/fullmesh/three-subflows-within-a-second-ipv4")
def three_paths_ipv4():
    three_paths("10.0.1.2", "10.0.{}.1")


@tap.test("/main/fullmesh/three-subflows-within-a-second-ipv6")
def three_paths_ipv6():
    three_paths("2001:db8:1::2", "2001:db8:{}::1")


@tap.test("/main/fullmesh/three-subflows-within-a-second-dual-stack-sockets")
def three_paths_mapped():
    three_paths("::ffff:10.0.1.2", "10.0.{}.1")


@tap.test("/main/fullmesh/no-subflow-more-than-planned")
def no_more():
    with Scene() as scene:
        client = scene.connect("10.0.1.2")
        scene.await_paths(EACH_ONCE, 1)
        for _ in range(20):
            client.transfer("download", 1000)
        tap.equal(len(scene.net.client.subflows(state=None)), 3, "subflows in any state")
        counters = scene.net.client.nstat()  # before Linux 6.12 it did not count what it sends
        tap.equal(counters.get("MPJoinSynTx", counters["MPJoinSynAckRx"]), 2, "joins")


@tap.test("/main/fullmesh/bytes-leave-by-all-three-links")
def all_links_carry():
    # a rate that the machine can reach, or the first links carry it all
    with Scene(rate=f"{200 / tap.SLOW:.0f}mbit") as scene:
        client = scene.connect("10.0.1.2")
        scene.await_paths(EACH_ONCE, 1)
        before = scene.net.client.counters()
        intact(client.transfer("upload", 64 * MEGABYTE), 64 * MEGABYTE)
        after = scene.net.client.counters()
        sent = {f"link{i}": after[f"link{i}"][1] - before[f"link{i}"][1] for i in (1, 2, 3)}
        tap.note(f"bytes sent: {sent}")
        for link, count in sent.items():
            tap.true(count > 8 * MEGABYTE, f"{link} carried only {count} bytes: {sent}")


def fail_and_return(address, cut, verb):
    with Scene(rate="1gbit") as scene:
        client = scene.connect(address)
        scene.await_paths(EACH_ONCE, 1)

        def moved():
            counters = scene.net.client.counters()
            return sum(counters[f"link{i}"][verb == "upload"] for i in (1, 2, 3))

        begin = moved()
        client.order(verb, GIGABYTE)
        wait_until(lambda: moved() - begin > GIGABYTE // 4, 20, "a quarter of the transfer")
        scene.net.down(cut)
        scene.await_paths({**EACH_ONCE, cut: 0}, 2)
        at_cut = moved()
        tap.true(at_cut - begin < GIGABYTE, "the link was cut in mid-transfer")
        wait_until(lambda: moved() - at_cut > GIGABYTE // 8, 20, "an eighth more on two links")
        scene.net.up(cut, scene.net.client)
        scene.await_paths(EACH_ONCE, 2)
        result = client.read()
        tap.note(result)
        intact(result, GIGABYTE)
        tap.at_most(result["max-gap-ms"], 2000, "longest stall in ms")
        scene.await_paths(EACH_ONCE, 0.1)


@tap.test("/main/failover/first-link-cut-in-a-gigabyte-upload-ipv4")
def cut_first_ipv4():
    fail_and_return("10.0.1.2", 1, "upload")


@tap.test("/main/failover/other-link-cut-in-a-gigabyte-download-ipv4")
def cut_other_ipv4():
    fail_and_return("10.0.1.2", 2, "download")


@tap.test("/main/failover/first-link-cut-in-a-gigabyte-upload-ipv6")
def cut_first_ipv6():
    fail_and_return("2001:db8:1::2", 1, "upload")


@tap.test("/main/failover/other-link-cut-in-a-gigabyte-download-ipv6")
def cut_other_ipv6():
    fail_and_return("2001:db8:1::2", 3, "download")


@tap.test("/main/failover/link-cut-in-a-gigabyte-upload-dual-stack-sockets")
def cut_mapped():
    fail_and_return("::ffff:10.0.1.2", 2, "upload")


@tap.test("/main/failover/seven-times-the-same-link")
def seven_times():
    with Scene() as scene:
        client = scene.connect("10.0.1.2")
        for _ in range(7):
            scene.await_paths(EACH_ONCE, 2)
            scene.net.down(3)
            scene.await_paths({**EACH_ONCE, 3: 0}, 2)
            scene.net.up(3, scene.net.client)
        scene.await_paths(EACH_ONCE, 2)
        intact(client.transfer("upload", MEGABYTE), MEGABYTE)


@tap.test("/main/failover/address-deleted-and-added")
def address_deleted():
    with Scene() as scene:
        scene.connect("10.0.1.2")
        scene.await_paths(EACH_ONCE, 1)
        scene.net.client.ip("address delete 10.0.2.1/24 dev link2")
        scene.await_paths({**EACH_ONCE, 2: 0}, 2)
        scene.net.up(2, scene.net.client)
        scene.await_paths(EACH_ONCE, 2)


@tap.test("/main/many/hundred-connections-have-three-hundred-subflows")
def hundred():
    with Scene() as scene:
        client = scene.connect("10.0.1.2", 100)
        scene.await_paths({1: 100, 2: 100, 3: 100}, 3)
        per_token = [scene.paths(c["token"]) for c in scene.net.client.connections()]
        tap.equal(per_token, [EACH_ONCE] * 100, "subflows of each connection")
        intact(client.transfer("upload", 100_000), 100 * 100_000)
        client.close()
        wait_until(lambda: not scene.daemon.connections(), 5, "the daemon forgets them all")


@tap.test("/main/backup/interface-flag-sets-the-b-bit")
def backup():
    config = FULLMESH + "[interface:link3]\nflags = subflow,backup\n"
    with Scene(config=config) as scene:
        capture = Capture(scene.net.client)
        scene.connect("10.0.1.2")
        scene.await_paths(EACH_ONCE, 1)
        joins = sorted((syn["link"], syn["backup"]) for syn in capture.joins())
        told_later = tap.kernel_before(6, 12)  # its SUBFLOW_CREATE ignores the flag
        tap.equal(joins, [("link2", False), ("link3", not told_later)], "B bits")
        if told_later:
            counters = scene.net.server.nstat
            wait_until(lambda: counters()["MPPrioRx"] == 1, 1, "an MP_PRIO", counters)
        shown = {s["interface"]: s["backup"] for s in scene.daemon.connections()[0]["subflows"]}
        tap.equal(shown, {"link1": False, "link2": False, "link3": True}, "what mptcpctl says")


def assert_agrees(scene):
    """Every connection, live subflow and id of mptcpctl is one of ss, and the other way round.

    A subflow that was closed while its link was down is none any more, but ss shows its TCP socket
    until the kernel gives up telling the peer.
    """

    def key(local, remote):
        return (local[0], local[1], remote[0], remote[1])

    wanted = {}
    for connection in scene.net.client.connections():
        wanted[connection["token"]] = {
            key(s["local"], s["remote"]): (s["local-id"], s["remote-id"], s["state"])
            for s in scene.net.client.subflows(connection["token"], state=None)
            if s["state"] in ("ESTAB", "SYN-SENT")
        }
    states = {"established": "ESTAB", "pending": "SYN-SENT"}
    shown = {}
    for connection in scene.daemon.connections():
        shown[connection["token"]] = {
            key((s["local"]["address"], s["local"]["port"]),
                (s["remote"]["address"], s["remote"]["port"])):
            (s["local-id"], s["remote-id"], states[s["state"]])
            for s in connection["subflows"] if s["state"] != "closing"
        }
    tap.equal(shown, wanted, "mptcpctl connection --json against ss")


@tap.test("/main/ctl/connection-json-agrees-with-ss")
def agrees():
    with Scene() as scene:
        for address in ("10.0.1.2", "2001:db8:1::2", "::ffff:10.0.1.2"):
            scene.connect(address, 3)
        wait_until(lambda: scene.paths() == {1: 9, 2: 9, 3: 9}, 2, "9 connections of 3 subflows")
        assert_agrees(scene)
        for connection in scene.daemon.connections():
            tap.equal(connection["state"], "established", "state")
            tap.equal(connection["side"], "client", "side")
            tap.equal(connection["path-manager"], "userspace", "path-manager")
            tap.equal(connection["policy"], "default", "policy")
            tap.equal(sorted(s["origin"] for s in connection["subflows"]),
                      ["application", "policy", "policy"], "origins")
            tap.equal([s["origin"] for s in connection["subflows"] if s["initial"]],
                      ["application"], "the initial one")
            tap.equal(sorted(s["interface"] for s in connection["subflows"]),
                      ["link1", "link2", "link3"], "interfaces")
        scene.net.down(2)
        scene.await_paths({1: 9, 2: 0, 3: 9}, 2)
        assert_agrees(scene)


@tap.test("/main/ctl/status-and-text-listings-work")
def listings():
    with Scene() as scene:
        scene.connect("10.0.1.2")
        scene.await_paths(EACH_ONCE, 1)
        status = scene.daemon.json("status")["status"]
        tap.equal((status["connections"], status["subflows"], status["path-manager"]),
                  (1, 3, "userspace"), "status")
        tap.true(scene.token() in scene.daemon.ctl("connection"), "token in the listing")

        def texts():
            return [re.sub(r"\d+", "N", scene.daemon.ctl(*words)) for words in ([], ["status"])]

        # a link may become well between the two
        wait_until(lambda: len(set(texts())) == 1, 2, "mptcpctl alone is status", texts)
        interfaces = scene.daemon.json("interface")["interfaces"]
        tap.true({"link1", "link2", "link3"} <= {i["name"] for i in interfaces if i["use"]},
                 f"interfaces: {interfaces}")


@tap.test("/main/ctl/monitor-shows-each-step")
def monitor():
    with Scene() as scene:
        watch = Monitor(scene.daemon)
        client = scene.connect("10.0.1.2")
        scene.await_paths(EACH_ONCE, 1)
        token = scene.token()
        watch.wait({"event": "connection-created", "token": token})
        watch.wait({"event": "connection-established", "token": token})
        made = watch.wait({"event": "subflow-established", "token": token}, count=2)
        tap.equal(sorted(e["local"]["address"] for e in made), ["10.0.2.1", "10.0.3.1"], "joined")
        scene.net.down(3)
        gone = watch.wait({"event": "subflow-closed", "token": token})
        tap.equal(gone[0]["local"]["address"], "10.0.3.1", "the closed one")
        scene.net.up(3, scene.net.client)
        watch.wait({"event": "subflow-established", "token": token}, count=3)
        client.close()
        watch.wait({"event": "connection-closed", "token": token}, seconds=5)
        order = [e["event"] for e in watch.events if e.get("token") == token]
        tap.equal(order[0], "connection-created", "first event")
        tap.equal(order[-1], "connection-closed", "last event")


@tap.test("/main/ctl/no-daemon-exits-3")
def no_daemon():
    with Scene() as scene:
        scene.daemon.end()
        scene.daemon.ctl("status", code=3)


@tap.test("/main/life/sigterm-restores-the-sysctl-and-leaves-connections")
def sigterm():
    for number in (signal.SIGTERM, signal.SIGINT):
        with Scene() as scene:
            client = scene.connect("10.0.1.2")
            scene.await_paths(EACH_ONCE, 1)
            tap.equal(scene.net.client.sysctl("net.mptcp.path_manager"), "userspace", "running")
            tap.equal(scene.daemon.end(number), 0, "exit")
            tap.equal(scene.net.client.sysctl("net.mptcp.path_manager"), "kernel", "after the end")
            tap.equal(scene.paths(), EACH_ONCE, "subflows after the end")
            intact(client.transfer("upload", MEGABYTE), MEGABYTE)
            tap.true(not (scene.daemon.runtime / "control").exists(), "the socket is gone")


@tap.test("/main/life/a-later-daemon-adopts-what-there-is")
def adopt():
    with Scene() as scene:
        client = scene.connect("10.0.1.2", 5)
        scene.await_paths({1: 5, 2: 5, 3: 5}, 1)
        scene.daemon.end()
        scene.net.down(2)
        scene.net.up(2, scene.net.client)
        scene.daemon = Daemon(scene.net.client)
        wait_until(lambda: len(scene.daemon.connections()) == 5, 2, "five connections adopted")
        scene.await_paths({1: 5, 2: 5, 3: 5}, 2)
        assert_agrees(scene)
        intact(client.transfer("upload", MEGABYTE), 5 * MEGABYTE)
        scene.net.down(3)
        scene.await_paths({1: 5, 2: 5, 3: 0}, 2)
        scene.net.up(3, scene.net.client)
        scene.await_paths({1: 5, 2: 5, 3: 5}, 2)


@tap.test("/main/life/second-daemon-is-refused-with-the-pid-of-the-first")
def second():
    with Scene() as scene:
        other = Daemon(scene.net.client, wait=False, runtime=scene.daemon.runtime)
        tap.equal(other.wait_exit(), 1, "exit of the second")
        tap.true(str(scene.daemon.child.pid) in other.text(), f"pid in: {other.text()!r}")
        tap.equal(scene.daemon.json("status")["status"]["connections"], 0, "the first still answers")


@tap.test("/main/life/stale-socket-is-replaced")
def stale():
    with Scene() as scene:
        scene.daemon.end(signal.SIGKILL)
        tap.true((scene.daemon.runtime / "control").exists(), "a stale socket is left")
        again = Daemon(scene.net.client, runtime=scene.daemon.runtime)
        tap.equal(again.json("status")["status"]["connections"], 0, "status")


def refused(config, code, host):
    """The lines of a daemon that must not start."""
    daemon = Daemon(host, config, wait=False)
    tap.equal(daemon.wait_exit(), code, f"exit for {config!r} ({daemon.text()!r})")
    return daemon, daemon.lines()


@tap.test("/main/config/errors-name-file-line-and-the-nearest-name")
def config_errors():
    cases = [
        ("[core]\npath-manger = kernel\n", 2, "path-manager"),
        ("[core]\npath-manager = usrspace\n", 2, "userspace"),
        ("[cor]\n", 1, "core"),
        ("[policy:default]\nplugin = fulmesh\n", 2, "fullmesh"),
        ("[core]\npath-manager = kernel\npath-manager = kernel\n", 3, "path-manager"),
        ("[core]\n[core]\n", 2, "core"),
        ("path-manager = kernel\n", 1, "before the first group"),
        ("[interface:eth*]\nuse = perhaps\n", 2, "auto"),
        ("[interface:eth*]\nflags = subflow,bakup\n", 2, "backup"),
        ("[policy:default]\nplugin = fullmesh\nno-such-setting = 1\n", 3, "no-such-setting"),
    ]
    wrong = []
    with Network(note=tap.note) as net:
        for config, line, hint in cases:
            daemon, lines = refused(config, 78, net.client)
            text = "\n".join(lines).replace(str(daemon.config), "FILE")
            tap.note(text)
            if f"FILE:{line}:" not in text or hint not in text.partition(f"FILE:{line}:")[2]:
                wrong.append(f"{config!r}: no FILE:{line}: with {hint!r} in {text!r}")
        tap.true(not wrong, "\n".join(wrong))


@tap.test("/main/config/bad-configuration-touches-nothing")
def config_first():
    with Network(note=tap.note) as net:
        daemon, _ = refused(FULLMESH + "unknown-key = 1\n", 78, net.client)
        tap.equal(net.client.sysctl("net.mptcp.path_manager"), "kernel", "sysctl")
        tap.true(not (daemon.runtime / "control").exists(), "no control socket")


@tap.test("/main/config/a-group-for-a-prefix-decides-for-its-addresses")
def prefix_group():
    group = "[interface:10.0.2.0/24]\nuse = {}\n[interface:link2]\nuse = no\n"
    with Scene(config=FULLMESH + group.format("yes")) as scene:
        def link2():
            link, = (i for i in scene.daemon.json("interface")["interfaces"]
                     if i["name"] == "link2")
            return link["use"], {a["address"]: a["reason"] for a in link["addresses"]
                                 if not a["address"].startswith("fe80")}

        scene.connect("10.0.1.2")
        scene.await_paths(EACH_ONCE, 2)
        tap.equal(link2(), (True, {"10.0.2.1": None, "2001:db8:2::1": "use = no"}), "what is told")
        scene.daemon.config.write_text(FULLMESH + group.format("no"))
        scene.daemon.ctl("reload")
        scene.await_paths({1: 1, 2: 0, 3: 1}, 2)
        tap.equal(link2(), (False, {"10.0.2.1": "use = no", "2001:db8:2::1": "use = no"}),
                  "what is told then")
        # and the other way round
        for use, count in (("yes", 1), ("no", 0)):
            config = FULLMESH + f"[interface:10.0.2.0/24]\nuse = {use}\n"
            scene.daemon.config.write_text(config)
            scene.daemon.ctl("reload")
            scene.await_paths({1: 1, 2: count, 3: 1}, 2)
        tap.equal(link2(), (True, {"10.0.2.1": "use = no", "2001:db8:2::1": None}), "at last")


@tap.test("/main/host/mptcp-switched-off-is-said-once-and-waited-for", 90, waits=True)
def switched_off():
    with Network(note=tap.note) as net:
        def said(words):
            return [line for line in daemon.lines() if words in line]

        net.client.sysctl("net.mptcp.enabled", 0)
        daemon = Daemon(net.client)
        tap.equal(len(said("MPTCP is switched off")), 1, f"lines: {daemon.text()}")
        Traffic(net.server, "server", "::", 5000)
        net.client.sysctl("net.mptcp.enabled", 1)
        Traffic(net.client, "client", "10.0.1.2", 5000)
        wait_until(lambda: net.by_link(net.client.subflows()) == EACH_ONCE, 2,
                   "three paths, before anybody looked at the sysctl", net.client.subflows)
        # nobody asks: it looks by itself, now and then
        wait_until(lambda: said("MPTCP is switched on again"), 40, "a line about that", daemon.text)
        tap.equal(len(said("MPTCP is switched off")), 1, "lines about the former")


@tap.test("/main/fullmesh/a-link-local-peer-is-sought-on-its-link-alone")
def link_local():
    with Scene() as scene:
        client, server = scene.net.client, scene.net.server
        shown = json.loads(server.run("ip", "-6", "-json", "address", "show", "dev", "link1").stdout)
        far = next(a["local"] for a in shown[0]["addr_info"] if a["scope"] == "link")

        def connect():
            sock = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_MPTCP)
            sock.connect((far, 5000, 0, socket.if_nametoindex("link1")))
            return sock

        with in_namespace("client", connect) as first:
            tap.true(first.recv(1), "it is established")
            token = scene.token()
            scene.connect("2001:db8:1::2")
            # These are asked for after those of the first one, if any of that are.
            wait_until(lambda: len(client.subflows()) >= 5, 2, "the second one has its three paths",
                       client.subflows)
            tried = client.run("ss", "-tnHO", "state", "syn-sent").stdout
            tap.true(far not in tried, f"asked for on other links: {tried}")
            told = scene.daemon.json("explain", token)["paths"]
            others = [p for p in told if p["interface"] in ("link2", "link3") and ":" in p["local"]["address"]]
            tap.true(others and all("link-local" in str(p) for p in others), f"told: {told}")


@tap.test("/main/host/missing-capability-is-one-clear-line")
def no_capability():
    drop = ("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin")
    with Network(note=tap.note) as net:
        daemon = Daemon(net.client, wait=False, prefix=drop)
        tap.equal(daemon.wait_exit(), 1, "exit")
        tap.equal(len(daemon.lines()), 1, f"lines: {daemon.lines()}")
        tap.true("CAP_NET_ADMIN" in daemon.text(), daemon.text())
        tap.equal(net.client.sysctl("net.mptcp.path_manager"), "kernel", "sysctl")


if __name__ == "__main__":
    sandbox.run(tap.main)
