# SPDX-License-Identifier: LGPL-2.1-or-later
"""mptcpctl where no mptcpd runs: it works on the kernel directly. `ip mptcp` and `ss` judge."""

import json
import os
import pathlib
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from daemon import MPTCPCTL, Daemon, matches
from hosts import Network, Traffic, wait_until

NOBODY = ("setpriv", "--reuid", "65534", "--clear-groups")
SILENT = ("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin")


def ctl(host, *argv, code=0, prefix=()):
    """Its data, or what it says if it is to fail."""
    done = host.run(*prefix, MPTCPCTL, *argv, check=False)
    tap.equal(done.returncode, code, f"exit of mptcpctl {' '.join(argv)} ({done.stderr.strip()})")
    return done.stdout if code == 0 else done.stderr


def ctl_json(host, *argv, **options):
    return json.loads(ctl(host, "--json", *argv, **options))


def endpoints(host):
    """{id: (address, port, device, flags)}, as `ip mptcp` sees them."""
    return {
        e["id"]: (e["address"], e.get("port", 0), e.get("dev"),
                  sorted(f for f in ("signal", "subflow", "backup", "fullmesh") if e.get(f)))
        for e in json.loads(host.run("ip", "-json", "mptcp", "endpoint").stdout or "[]")
    }


class Scene:
    """Two hosts without mptcpd, a server that listens on every address, one connection."""

    def __init__(self, path_manager="userspace", timestamps=1):
        self.net = Network(note=tap.note)
        self.path_manager, self.timestamps = path_manager, timestamps

    def __enter__(self):
        net = self.net.__enter__()
        try:
            self.client = net.client
            net.client.sysctl("net.mptcp.path_manager", self.path_manager)
            net.client.sysctl("net.ipv4.tcp_timestamps", self.timestamps)
            Traffic(net.server, "server", "::", 5000)
            self.traffic = Traffic(net.client, "client", "10.0.1.2", 5000)
            self.token = net.client.connections()[0]["token"]
        except BaseException:
            self.net.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *exception):
        return self.net.__exit__(*exception)

    def talk(self):
        """Data goes both ways, and so does whatever waits for a packet to go with."""
        for verb in ("upload", "download"):
            tap.true(self.traffic.transfer(verb, 10_000)["intact"], verb)

    def joined(self):
        """The established subflows but the initial one, by local address, as `ss` sees them."""
        return {s["local"][0]: s for s in self.client.subflows(self.token)
                if s["local"][0] != "10.0.1.1"}


@tap.test("/direct/endpoint/what-ip-mptcp-says-and-the-other-way-round")
def endpoint():
    with Network(note=tap.note) as net:
        host = net.client
        ctl(host, "endpoint", "add", "10.0.1.1", "dev", "link1", "id", "5", "subflow", "backup")
        ctl(host, "endpoint", "add", "10.0.2.1", "signal", "port", "99")
        tap.equal(endpoints(host), {5: ("10.0.1.1", 0, "link1", ["backup", "subflow"]),
                                    6: ("10.0.2.1", 99, None, ["signal"])}, "after add")
        host.ip("mptcp endpoint add 2001:db8:3::1 id 9 subflow fullmesh")
        shown = {e["id"]: e for e in ctl_json(host, "endpoint")["endpoints"]}
        tap.equal(sorted(shown), [5, 6, 9], "ids")
        tap.equal(shown[9], {"id": 9, "address": "2001:db8:3::1", "port": 0, "interface": None,
                             "flags": ["subflow", "fullmesh"], "owner": "other"}, "the other one")
        tap.equal(len(ctl_json(host, "endpoint", "id", "9")["endpoints"]), 1, "one alone")
        ctl(host, "endpoint", "change", "id", "5", "nobackup", "fullmesh")
        ctl(host, "endpoint", "change", "2001:db8:3::1", "backup")
        tap.equal(endpoints(host)[5][3], ["fullmesh", "subflow"], "flags of 5")
        tap.equal(endpoints(host)[9][3], ["backup", "fullmesh", "subflow"], "flags of 9")
        tap.true("no such endpoint" in ctl(host, "endpoint", "delete", "id", "5", "10.0.2.1",
                                           code=1), "wrong address")
        ctl(host, "endpoint", "delete", "id", "5", "10.0.1.1")
        tap.equal(sorted(endpoints(host)), [6, 9], "after delete")
        ctl(host, "endpoint", "flush")
        tap.equal(endpoints(host), {}, "after flush")


@tap.test("/direct/limits/set-one-leaves-the-other")
def limits():
    with Network(note=tap.note) as net:
        host = net.client
        ctl(host, "limits", "set", "subflows", "3", "add_addr_accepted", "4")
        ctl(host, "limits", "set", "subflows", "5")
        tap.equal(host.run("ip", "mptcp", "limits").stdout.split(),
                  "add_addr_accepted 4 subflows 5".split(), "ip mptcp limits")
        tap.equal(ctl_json(host, "limits"), {"limits": {"subflows": 5, "add-addr-accepted": 4}},
                  "limits")
        tap.true("the kernel says" in ctl(host, "limits", "set", "subflows", "60000", code=1),
                 "its own words")


@tap.test("/direct/connection/subflows-measured-and-honest-about-the-unknown")
def connection():
    with Scene() as scene:
        shown = ctl_json(scene.client, "connection")["connections"]
        tap.equal([c["token"] for c in shown], [scene.token], "tokens")
        tap.equal({k: shown[0][k] for k in ("state", "path-manager", "policy", "fallback")},
                  {"state": "established", "path-manager": "userspace", "policy": None,
                   "fallback": False}, "connection")
        subflow, = shown[0]["subflows"]
        tap.true(subflow["initial"] and subflow["interface"] == "link1" and
                 subflow["origin"] == "application" and subflow["rtt-us"] >= 0, f"{subflow}")
        text = ctl(scene.client, "connection", scene.token)
        tap.true(scene.token in text, text)
        tap.true("no connection" in ctl(scene.client, "connection", "deadbeef", code=1), "unknown")


@tap.test("/direct/subflow/add-change-delete")
def subflow():
    with Scene() as scene:
        ctl(scene.client, "subflow", "add", scene.token, "10.0.2.1", "10.0.2.2:5000")
        ctl(scene.client, "subflow", "add", scene.token, "10.0.3.1", "10.0.3.2:5000", "id", "7",
            "dev", "link3", "backup")
        wait_until(lambda: len(scene.joined()) == 2, 2, "two joins", scene.joined)
        joined = scene.joined()
        regards = not tap.kernel_before(6, 12)  # an older SUBFLOW_CREATE ignores link and flags
        devices = ["link2", "link3"] if regards else ["", ""]
        tap.equal(joined["10.0.2.1"]["device"], devices[0], "bound to the link of its address")
        tap.equal(joined["10.0.3.1"]["device"], devices[1], "bound to the link that was named")
        tap.equal(joined["10.0.3.1"]["local-id"], 7, "the id that was named")
        tap.true(joined["10.0.2.1"]["local-id"] not in (0, 7), f"a free id: {joined}")
        shown = {s["local"]["address"]: s for s in ctl_json(scene.client, "subflow")["subflows"]}
        tap.equal([shown[f"10.0.{i}.1"]["backup"] for i in (1, 2, 3)], [False, False, regards], "B")
        tap.equal(shown["10.0.2.1"]["origin"], None, "nobody knows who made it")
        ctl(scene.client, "subflow", "change", scene.token, "10.0.2.1", "10.0.2.2", "backup")
        wait_until(lambda: scene.net.server.nstat().get("MPPrioRx") == 1, 1, "an MP_PRIO")
        local = "10.0.2.1:%d" % joined["10.0.2.1"]["local"][1]
        ctl(scene.client, "subflow", "delete", scene.token, local, "10.0.2.2:5000")
        wait_until(lambda: list(scene.joined()) == ["10.0.3.1"], 2, "one join left", scene.joined)
        said = ctl(scene.client, "subflow", "delete", scene.token, local, "10.0.2.2:5000", code=1)
        tap.true("no such subflow" in said, said)
        said = ctl(scene.client, "subflow", "add", scene.token, "10.0.3.1", "10.0.2.2:5000", "id", "8",
                   code=1)
        tap.true("(did not match address and id)" in said, f"the kernel's own words: {said}")
        said = ctl(scene.client, "subflow", "add", scene.token, "10.0.9.1", "10.0.2.2:5000", code=1)
        tap.true("10.0.9.1 is no address of this host" in said, said)


@tap.test("/direct/announce/adds-and-removes-at-the-peer")
def announce():
    with Scene() as scene:
        ctl(scene.client, "announce", scene.token, "10.0.2.1", "id", "9", "dev", "link2")
        counters = scene.net.server.nstat
        wait_until(lambda: counters().get("AddAddr") == 1, 2, "ADD_ADDR at the server", counters)
        ctl(scene.client, "withdraw", scene.token, "id", "9")
        wait_until(lambda: counters().get("RmAddr") == 1, 2, "RM_ADDR at the server", counters)
        said = ctl(scene.client, "withdraw", scene.token, "id", "9", code=1)
        tap.true("not found" in said, said)


@tap.test("/direct/subflow/the-kernels-connections-are-not-ours")
def not_ours():
    with Scene("kernel") as scene:
        said = ctl(scene.client, "subflow", "add", scene.token, "10.0.2.1", "10.0.2.2:5000", code=1)
        tap.true(f"connection {scene.token} is under the kernel's path manager" in said, said)
        said = ctl(scene.client, "announce", scene.token, "10.0.2.1", "id", "9", code=1)
        tap.true("under the kernel's path manager" in said, said)
        said = ctl(scene.client, "withdraw", "deadbeef", "id", "9", code=1)
        tap.true("no connection with token deadbeef" in said, said)
        tap.equal(ctl_json(scene.client, "connection")["connections"][0]["path-manager"], "kernel",
                  "path manager")


@tap.test("/direct/monitor/state-then-changes")
def monitor():
    with Scene() as scene:
        scene.client.ip("mptcp endpoint add 10.0.2.1 id 3 subflow")
        events = []
        child = scene.client.start(MPTCPCTL, "--json", "monitor", stdout=subprocess.PIPE)
        threading.Thread(target=read, args=(child, events), daemon=True).start()

        def wait(name, seconds=3, **wanted):
            def found():
                return [e for e in list(events) if matches(e, {"event": name, **wanted})]
            return wait_until(found, seconds, f"{name} {wanted}", lambda: events)[0]

        wait("synchronized")
        names = [e["event"] for e in events]
        tap.equal(names[-4:], ["endpoint-added", "connection-created", "connection-established",
                               "synchronized"], "the present state")
        tap.equal(names.count("interface-added"), 4, "interfaces")
        state = next(e for e in events if e["event"] == "interface-added"
                     and e["interface"]["name"] == "link1")
        tap.equal(state["interface"]["default-route"], {"ipv4": True, "ipv6": True}, "routes")
        ctl(scene.client, "subflow", "add", scene.token, "10.0.3.1", "10.0.3.2:5000")
        came = wait("subflow-established", token=scene.token)
        tap.equal((came["local"]["address"], came["interface"]), ("10.0.3.1", "link3"), "join")
        scene.client.ip("mptcp endpoint delete id 3", "address add 10.9.9.9/32 dev link1")
        gone = wait("endpoint-removed")
        tap.equal((gone["endpoint"]["id"], gone["endpoint"]["owner"]), (3, None), "endpoint")
        wait("interface-address-added", local={"address": "10.9.9.9", "port": 0})
        tap.true(not [e for e in events if e["event"] in ("lost", "resynced")], f"{events}")


def read(child, events):
    for line in child.stdout:
        events.append(json.loads(line))


@tap.test("/direct/rights/everybody-may-look-and-nobody-may-change")
def rights():
    with Scene() as scene:
        host = scene.client
        host.ip("mptcp endpoint add 10.0.2.1 id 3 subflow")
        for prefix in (NOBODY, SILENT) if os.getuid() == 0 else (SILENT,):
            tap.equal(len(ctl_json(host, "endpoint", prefix=prefix)["endpoints"]), 1, "endpoint")
            shown = ctl_json(host, "connection", prefix=prefix)["connections"][0]
            tap.equal((shown["token"], shown["path-manager"]), (scene.token, "unknown"), "token")
            for words in ("limits set subflows 1", "endpoint flush", "monitor",
                          f"withdraw {scene.token} id 3", "endpoint add 10.0.3.1"):
                said = ctl(host, *words.split(), code=4, prefix=prefix)
                tap.true("CAP_NET_ADMIN" in said, said)
        tap.equal(list(endpoints(host)), [3], "nothing changed")


@tap.test("/direct/daemon/what-needs-one-says-so")
def needs_daemon():
    with Network(note=tap.note) as net:
        for words in ("", "status", "interface", "policy", "explain 1", "reload", "config show"):
            said = ctl(net.client, *words.split(), code=3)
            tap.true("no mptcpd is running" in said, said)
        named = ("--socket", str(net.directory / "nowhere"))
        for words in ("endpoint", "limits set subflows 1", "monitor", "connection"):
            tap.true("nowhere" in ctl(net.client, *named, *words.split(), code=3), words)


@tap.test("/direct/daemon/what-others-change-shows-at-once")
def refresh():
    with Network(note=tap.note) as net:
        daemon = Daemon(net.client)
        tap.equal(daemon.json("endpoint")["endpoints"], [], "none at first")

        def ids():
            return [e["id"] for e in daemon.json("endpoint")["endpoints"]]

        net.client.ip("mptcp endpoint add 10.0.2.1 id 3 subflow",
                      "mptcp limits set subflow 6 add_addr_accepted 1")
        wait_until(lambda: ids() == [3], 0.5, "the endpoint is listed", ids)
        tap.equal(daemon.json("limits")["limits"], {"subflows": 6, "add-addr-accepted": 1}, "limits")
        net.client.ip("mptcp endpoint flush")
        wait_until(lambda: ids() == [], 0.5, "the endpoint is listed no more", ids)


@tap.test("/direct/daemon/config-check-and-reload-tell-all-faults")
def config():
    with Network(note=tap.note) as net:
        daemon = Daemon(net.client)
        daemon.ctl("config", "check")
        shown = daemon.json("config", "show")["config"]
        lines = {(c["group"], c["key"]): (c["value"], c["file"], c["line"]) for c in shown}
        ours = {key: line for key, line in lines.items() if line[1] != "default"}
        tap.equal(ours, {("core", "path-manager"): ("userspace", str(daemon.config), 2),
                         ("policy:default", "plugin"): ("fullmesh", str(daemon.config), 4)},
                  "what the file says")
        tap.equal(lines["interface:type:tunnel", "use"], ("no", "default", None), "a default")
        text = daemon.ctl("config", "show")
        for line in (f"path-manager = userspace  # {daemon.config}:2", "use = no  # default"):
            tap.true(line in text.splitlines(), f"{line!r} in {text!r}")
        daemon.config.write_text("[core]\npath-manager = userspcae\n[cor]\n")
        for words in (("config", "check"), ("reload",)):
            said = daemon.ctl(*words, code=1)
            for fault in (f"{daemon.config}:2: ", f"{daemon.config}:3: "):
                tap.true(fault in said, f"{words}: {said!r}")
            tap.true(said.startswith(str(daemon.config)), f"{words}: {said!r}")
            tap.equal(len(said.splitlines()), 2 + (words == ("reload",)), f"lines of {said!r}")
        tap.equal(daemon.json("config", "show")["config"], shown, "the old one stays")


@tap.test("/direct/daemon/interface-says-what-leads-nowhere")
def not_routed():
    def reasons(host, path_manager):
        daemon = Daemon(host, f"[core]\npath-manager = {path_manager}\n")

        def found():
            links = {i["name"]: i for i in daemon.json("interface")["interfaces"]}
            return {a["reason"] for a in links["link1"]["addresses"] if a["address"] == "10.0.1.2"
                    or a["address"] == "10.0.1.1"}

        reason = found()
        tap.equal(daemon.end(), 0, "exit")
        return reason

    with Network(note=tap.note) as net:
        tap.equal(reasons(net.client, "kernel"), {None}, "with a default route")
        tap.equal(reasons(net.server, "kernel"), {"no route leads out from it"}, "without one")
        tap.equal(reasons(net.server, "userspace"), {None}, "where it does not matter")


# ---- what the kernel does, which the manuals speak of ----


def beside_timestamps(timestamps):
    """What a peer hears of an IPv6 address with a port, and of one that it is told of after it."""
    with Scene(timestamps=timestamps) as scene:
        for words in ("2001:db8:2::1 id 9 port 9000", "10.0.3.1 id 10"):
            ctl(scene.client, "announce", scene.token, *words.split())
            scene.talk()
        ctl(scene.client, "withdraw", scene.token, "id", "10")
        scene.talk()
        heard, sent = scene.net.server.nstat(), scene.client.nstat()
        tap.note(f"timestamps {timestamps}: {({k: n for k, n in sent.items() if n and 'Addr' in k})}")
        return heard["PortAdd"], heard["AddAddr"] - heard["PortAdd"], heard["RmAddr"]


@tap.test("/direct/kernel/an-ipv6-address-with-a-port-has-no-room-beside-timestamps")
def no_room():
    tap.equal(beside_timestamps(0), (1, 1, 1), "with a port, after it, taken back; without timestamps")
    with_port, *after = beside_timestamps(1)
    tap.equal(with_port, 0, "with a port, beside timestamps")
    if not tap.kernel_before(6, 12):
        tap.equal(after, [1, 1], "what is told after it arrives")


NOT_ACCEPTED = """
import socket, sys
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
listener.bind(("0.0.0.0", 6000))
listener.listen()
print(flush=True)
sys.stdin.readline()
accepted = listener.accept()[0]
print(flush=True)
sys.stdin.readline()
"""


@tap.test("/direct/kernel/the-user-of-a-connection-that-nobody-has-accepted")
def not_accepted():
    """Linux 6.12 tells none, 6.18 that of the listener; both that of whom it was made for, then."""
    with Network(links=1, note=tap.note) as net:
        server = net.server.start("setpriv", "--reuid", "1000", "--clear-groups", sys.executable, "-c",
                                  NOT_ACCEPTED, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        server.stdout.readline()
        client = net.client.start("/usr/bin/python3", "-c", GREET, stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE)
        client.stdout.readline()

        def has_user():
            rows = [row for row in net.server.run("ss", "-MeinHO").stdout.splitlines() if ":6000" in row]
            tap.equal(len(rows), 1, "connections")
            return "uid:1000" in rows[0]

        before = has_user()
        tap.note(f"Linux {os.uname().release}: {'known' if before else 'not known'} before accept()")
        if tap.kernel_before(6, 13):
            tap.true(not before, "nobody's, before it is accepted")
        elif not tap.kernel_before(6, 18):
            tap.true(before, "the listener's, before it is accepted")
        server.stdin.write("\n")
        server.stdin.flush()
        server.stdout.readline()
        tap.true(has_user(), "known once it is accepted")


GREET = """
import socket, sys
client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
client.connect(("10.0.1.2", 6000))
client.send(b"x")
print(flush=True)
sys.stdin.readline()
"""


if __name__ == "__main__":
    sandbox.run(tap.main)
