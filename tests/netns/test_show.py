# SPDX-License-Identifier: LGPL-2.1-or-later
"""What mptcpctl shows of real connections, and how it follows mptcpd through a restart."""

import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
import terminal
from capture import in_namespace
from daemon import FULLMESH, MPTCPCTL, Daemon, Monitor
from hosts import Network, Traffic, wait_until

MPTCP, SOL_MPTCP, MPTCP_INFO = 262, 284, 1
COUNTS = tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 5)  # bytes of connections
NONE = FULLMESH.replace("fullmesh", "none")

class Scene:
    """Three links and a connection with a subflow by each of them."""

    def __init__(self, config=FULLMESH, rate=None):
        self.config, self.rate = config, rate

    def __enter__(self):
        options = {"rate": self.rate} if self.rate else {}
        net = self.net = Network(note=tap.note, **options).__enter__()
        try:
            self.daemon = Daemon(net.client, self.config)
            net.on_failure.append(lambda: "mptcpd's log:\n" + self.daemon.text()[-4000:])
            Traffic(net.server, "server", "::", 5000)
            self.traffic = Traffic(net.client, "client", "10.0.1.2", 5000, 1)
            wait_until(lambda: len(net.client.subflows()) == 3, 5, "three subflows",
                       net.client.subflows)
            self.token = net.client.connections()[0]["token"]
        except BaseException:
            net.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *exception):
        return self.net.__exit__(*exception)

    def socket(self, host, protocol):
        return in_namespace(host.name, lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM,
                                                             protocol))

    def restart(self):
        tap.equal(self.daemon.end(signal.SIGKILL), -signal.SIGKILL, "exit code")
        self.daemon = Daemon(self.net.client, self.config, runtime=self.daemon.runtime)

    def seen(self, *words, columns=80):
        """What a person sees in a terminal of so many columns."""
        argv = self.net.client.argv(MPTCPCTL, "--socket", self.daemon.runtime / "control", *words)
        code, text, error = terminal.run(*argv, columns=columns)
        tap.equal((code, error), (0, ""), f"{words}")
        return re.sub("\033\\[[0-9;]*m", "", text)


@tap.test("/show/connection/ages-shares-and-rates-are-those-of-the-transfer")
def rates():
    with Scene(rate="50mbit") as scene:
        scene.daemon.connections()  # measures
        scene.traffic.order("upload", 20_000_000)
        connection, = wait_until(
            lambda: [c for c in scene.daemon.connections()
                     if sum(s.get("send-rate", 0) for s in c["subflows"]) > 1_000_000], 10,
            "a rate", scene.daemon.connections)
        shares = [s["share"] for s in connection["subflows"]]
        tap.true(abs(sum(shares) - 1) < 1e-4 and max(shares) < 1, f"shares: {shares}")
        for subflow in connection["subflows"]:
            tap.true(0 <= subflow["age-ms"] <= connection["age-ms"] < 60_000 * tap.SLOW,
                     f"ages: {connection}")
            tap.true(subflow["send-rate"] < 3 * 50_000_000 / 8, f"no more than the link: {subflow}")
        if "bytes-sent" in connection:
            tap.true(connection["bytes-sent"] > 100_000, f"{connection}")
        lines = scene.seen("connection").splitlines()
        tap.equal((lines[0].split()[0], lines[1].split()[0]), ("TOKEN", "LINK"), "headers")
        tap.true(lines[2].startswith(scene.token), lines[2])
        tap.true(all(re.search(r" \d+% .* (k|M)?B/s .* ms ", line) for line in lines[3:6]),
                 f"share, rate and round-trip time: {lines}")
        tap.true(all(len(line) <= 80 for line in lines), f"{lines}")


@tap.test("/show/connection/who-looks-once-sees-rates-all-the-same")
def once():
    with Scene() as scene:
        lines = scene.seen("connection").splitlines()
        tap.true(all("B/s" in line for line in lines[3:6]), f"{lines}")


@tap.test("/show/connection/nobody-knows-how-old-is-what-was-there-before")
def ages():
    with Scene() as scene:
        def shown():
            connection, = scene.daemon.connections()
            return {s["interface"]: s.get("age-ms") for s in connection["subflows"]}

        tap.true(None not in shown().values(), "known before")
        scene.restart()
        tap.equal(shown(), {"link1": None, "link2": None, "link3": None}, "after a restart")
        scene.net.down(2)
        scene.net.up(2, scene.net.client)
        wait_until(lambda: shown().get("link2"), 5, "a new one", shown)
        tap.equal({k: v for k, v in shown().items() if k != "link2"},
                  {"link1": None, "link3": None}, "the others")
        # Without mptcpd, also on the side where the peer made them.
        for host in (scene.net.client, scene.net.server):
            connection, = json.loads(host.run(MPTCPCTL, "--json", "connection").stdout)["connections"]
            tap.equal({s.get("age-ms") for s in connection["subflows"]}, {None}, host.name)


def told_by_kernel(sock):
    """(written and not acknowledged, times that MPTCP sent again, bytes of that, bytes sent)"""
    info = sock.getsockopt(SOL_MPTCP, MPTCP_INFO, 256).ljust(256, b"\0")
    written, acknowledged = struct.unpack_from("=QQ", info, 16)
    return (written - acknowledged, *struct.unpack_from("=IQQ", info, 44))


def receive(sock, n):
    sock.settimeout(20)
    while n > 0:
        n -= len(sock.recv(n)) or n + 1
    tap.equal(n, 0, "bytes that are missing")


@tap.test("/show/connection/of-one-what-the-kernel-knows-of-it")
def detail():
    with Scene() as scene:
        client, server = scene.net.client, scene.net.server
        listener, sender = scene.socket(server, MPTCP), scene.socket(client, MPTCP)
        listener.bind(("10.0.1.2", 5001))
        listener.listen()
        sender.connect(("10.0.1.2", 5001))
        receiver, _ = listener.accept()
        receiver.send(b"!")  # the client's side is fully established then
        listed = wait_until(lambda: [c for c in scene.daemon.connections() if c["remote"]["port"] == 5001
                                     and len(c["subflows"]) == 3], 5, "subflows", scene.daemon.connections)

        def one():
            found, = scene.daemon.json("connection", listed[0]["token"])["connections"]
            return found

        def compare(what):
            told, (waiting, times, again, sent) = one(), told_by_kernel(sender)
            tap.equal(told["unacknowledged-bytes"], waiting, f"{what}: unacknowledged")
            if COUNTS:
                tap.equal([told[key] for key in ("reinjections", "reinjected-bytes", "bytes-sent")],
                          [times, again, sent], f"{what}: counters")
            return told

        new = {"unacknowledged-bytes", "scheduler", "reinjections", "reinjected-bytes"}
        tap.true(not new & set(listed[0]), f"of all it is not asked: {listed[0]}")
        sender.sendall(bytes(100_000))
        receive(receiver, 100_000)
        wait_until(lambda: one()["unacknowledged-bytes"] == 0, 5, "all is acknowledged", one)
        told = compare("at rest")
        tap.true(not COUNTS or told["bytes-sent"] == 100_000, f"{told}")
        scheduler = client.run("cat", "/proc/sys/net/mptcp/scheduler", check=False).stdout.strip()
        tap.equal(told.get("scheduler", ""), scheduler, "the scheduler, if this kernel has any")
        congestion = client.sysctl("net.ipv4.tcp_congestion_control")
        tap.equal([(s["congestion-control"], s["unsent-bytes"]) for s in told["subflows"]],
                  [(congestion, 0)] * 3, "subflows")
        # Nothing arrives, and nothing comes back.
        server.ip(*[f"route add blackhole 10.0.{i}.1/32" for i in scene.net.links])
        sender.sendall(bytes(50_000))
        tap.equal(one()["unacknowledged-bytes"], 50_000, "what waits")
        server.ip(*[f"route delete blackhole 10.0.{i}.1/32" for i in scene.net.links])
        receive(receiver, 50_000)
        wait_until(lambda: one()["unacknowledged-bytes"] == 0, 5, "all is acknowledged after all", one)
        compare("after the cut")


@tap.test("/show/status/counts-connections-by-their-paths")
def counts():
    with Scene() as scene:
        listener = scene.socket(scene.net.server, socket.IPPROTO_TCP)
        listener.bind(("10.0.1.2", 5001))
        listener.listen()
        client = scene.socket(scene.net.client, MPTCP)
        client.connect(("10.0.1.2", 5001))
        client.send(b"hello")
        status = wait_until(
            lambda: (s := scene.daemon.json("status")["status"])["fallen-back"] == 1 and s, 35,
            "one that fell back", lambda: scene.daemon.json("status"))
        tap.equal((status["multi-path"], status["single-path"]), (1, 0), "the others")
        text = scene.seen("status")
        tap.true("2: 1 multi-path, 1 fallen back to TCP" in text, text)
        for i in scene.net.links:
            tap.true(f"link link{i}" in text, text)
        tap.true("\n  events " not in text and "\n  events " in scene.seen("status", "--verbose"),
                 "counters for who asks")
        tap.equal([c["fallback"] for c in scene.daemon.json("connection", "state", "fallen-back")
                   ["connections"]], [True], "listed by that")


@tap.test("/show/monitor/goes-on-over-a-restart-and-tells-the-state-anew")
def restart():
    with Scene() as scene:
        monitor = Monitor(scene.daemon)
        scene.restart()
        monitor.wait({"event": "lost", "what": "mptcpd"}, 5)
        monitor.wait({"event": "synchronized"}, 5, count=2)
        monitor.wait({"event": "connection-created", "token": scene.token}, 2, count=2)
        scene.net.down(2)
        monitor.wait({"event": "interface-changed"}, 5)
        tap.equal(monitor.child.poll(), None, "it runs")
        # a reader that goes while there is no mptcpd is noticed
        scene.daemon.end(signal.SIGKILL)
        monitor.wait({"event": "lost", "what": "mptcpd"}, 5, count=2)
        text = subprocess.Popen(
            scene.net.client.argv("timeout", "9", MPTCPCTL, "--socket",
                                  scene.daemon.runtime / "control", "monitor"),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        tap.equal((text.wait(10), "no mptcpd" in text.stderr.read()), (3, True),
                  "one that never had any ends")


KERNEL = "[core]\npath-manager = kernel\n"


class Mirror:
    """The interfaces as one knows them who has read a monitor alone."""

    def __init__(self, net, daemon):
        self.net, self.daemon, self.monitor = net, daemon, Monitor(daemon)

    def told(self):
        found = {}
        for event in list(self.monitor.events):
            if not event["event"].startswith("interface-"):
                continue
            new = event["interface"]
            if "index" not in new:
                found = {i: old for i, old in found.items() if old["name"] != new["name"]}
                continue
            if "-address-" in event["event"]:
                rest = [a for a in found[new["index"]]["addresses"]
                        if a["address"] != event["local"]["address"]]
                gone = event["event"].endswith("removed")
                new = {**new, "addresses": rest + ([] if gone else new["addresses"])}
            found[new["index"]] = new
        return found

    @staticmethod
    def plain(interfaces):
        return {i["name"]: {**{key: i[key] for key in ("up", "carrier", "use", "reason", "flags",
                                                       "default-route")},
                            "addresses": {a["address"]: (a["usable"], a["reason"])
                                          for a in i["addresses"]}} for i in interfaces}

    def await_same(self, what, is_so):
        """All are as they are listed, and `is_so` holds of them."""
        def compare():
            listed = self.plain(self.daemon.json("interface")["interfaces"])
            return listed if listed == self.plain(self.told().values()) and is_so(listed) else None

        wait_until(compare, 5, what, lambda: (self.plain(self.daemon.json("interface")["interfaces"]),
                                              self.plain(self.told().values())))


@tap.test("/show/monitor/an-interface-that-is-used-otherwise")
def used_otherwise():
    with Network(note=tap.note) as net:
        daemon = Daemon(net.client, KERNEL)
        net.on_failure.append(lambda: "mptcpd's log:\n" + daemon.text()[-4000:])
        mirror = Mirror(net, daemon)

        def is_usable(there, i, address):
            return there[f"link{i}"]["addresses"].get(address, (None,))[0]

        mirror.await_same("at first", lambda there: there["link3"]["use"])
        daemon.config.write_text(KERNEL + "[interface:link3]\nuse = no\n"
                                 "[interface:link2]\nflags = subflow,backup\n")
        daemon.ctl("reload")
        mirror.await_same("after a reload", lambda there: not there["link3"]["use"] and
                          there["link2"]["flags"] == ["subflow", "backup"])
        daemon.config.write_text(KERNEL)
        daemon.ctl("reload")
        mirror.await_same("as it was", lambda there: there["link3"]["use"])
        net.client.ip("route delete default dev link3")
        mirror.await_same("without a route", lambda there: not
                          there["link3"]["default-route"]["ipv4"] and
                          is_usable(there, 3, "10.0.3.1") is False)
        net.up(3, net.client)
        mirror.await_same("with one again", lambda there: there["link3"]["default-route"]["ipv4"]
                          and is_usable(there, 3, "10.0.3.1"))
        net.client.ip("link add br0 type bridge", "link set br0 up", "link set link2 master br0")
        mirror.await_same("in a bridge", lambda there: not there["link2"]["use"])
        net.client.ip("link delete br0")
        mirror.await_same("in none", lambda there: there["link2"]["use"] and "br0" not in there)
        net.down(2)
        mirror.await_same("down", lambda there: not there["link2"]["use"])
        net.up(2, net.client)
        mirror.await_same("up", lambda there: is_usable(there, 2, "2001:db8:2::1") and
                          there["link2"]["default-route"] == {"ipv4": True, "ipv6": True})


@tap.test("/show/monitor/says-why-a-subflow-was-closed")
def why():
    with Scene() as scene:
        monitor = Monitor(scene.daemon)

        def closed(reason, words, **wanted):
            event, = monitor.wait({"event": "subflow-closed", "reason": reason, **wanted}, 8)[-1:]
            tap.true(words in event["text"], f"{words!r} in {event}")
            return event

        subflow = next(s for s in scene.net.client.subflows() if s["local"][0] == "10.0.3.1")
        scene.daemon.ctl("subflow", "delete", scene.token, "%s:%d" % subflow["local"],
                         "%s:%d" % subflow["remote"])
        closed("held", "a person deleted it")
        scene.net.down(2)
        closed("link-down", "link2 is down", interface="link2")
        scene.net.up(2, scene.net.client)
        wait_until(lambda: len(scene.net.client.subflows()) == 2, 5, "link2 again")
        scene.daemon.config.write_text(NONE)
        scene.daemon.ctl("reload")
        closed("policy", "[policy:default] wants it no more", interface="link2")
        text = subprocess.Popen(
            scene.net.client.argv(MPTCPCTL, "--socket", scene.daemon.runtime / "control",
                                  "monitor"), stdout=subprocess.PIPE, text=True)
        tap.true(any("synchronized" in line for line in text.stdout), "text")
        text.kill()


if __name__ == "__main__":
    sandbox.run(tap.main)
