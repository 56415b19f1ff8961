# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a person does by hand is done as the kernel's own tool does it, with mptcpd and without."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import unicodedata

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from daemon import FULLMESH, MPTCPCTL, Daemon, matches
from hosts import Network, Traffic, wait_until

# An mptcpd that does nothing by itself.
KERNEL = "[core]\npath-manager = kernel\n"
IDLE = "[core]\npath-manager = unmanaged\n[interface:*]\nuse = no\n"


class Scene:
    """Two hosts and a connection between them, mptcpctl with or without mptcpd on the client."""

    def __init__(self, mode, path_manager, config=IDLE):
        self.net = Network(note=tap.note)
        self.mode, self.path_manager, self.config = mode, path_manager, config

    def __enter__(self):
        net = self.net.__enter__()
        try:
            self.client, self.server = net.client, net.server
            net.client.sysctl("net.mptcp.path_manager", self.path_manager)
            self.socket = ()
            if self.mode == "daemon":
                daemon = self.daemon = Daemon(net.client, self.config)
                net.on_failure[:] = [lambda: "mptcpd's log:\n" + daemon.text()[-4000:]]
                self.socket = ("--socket", str(daemon.runtime / "control"))
        except BaseException:
            self.net.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *exception):
        return self.net.__exit__(*exception)

    def connect(self, address="10.0.1.2"):
        Traffic(self.server, "server", "::", 5000)
        Traffic(self.client, "client", address, 5000)
        return self.client.connections()[0]["token"]

    def ctl(self, *argv, code=0):
        done = self.client.run(MPTCPCTL, *self.socket, *argv, check=False)
        tap.equal(done.returncode, code, f"exit of mptcpctl {' '.join(argv)} ({done.stderr})")
        return done.stdout if code == 0 else done.stderr

    def json(self, *argv):
        return json.loads(self.ctl("--json", *argv))

    def joined(self, token):
        return [s["local"][0] for s in self.client.subflows(token)]


def with_and_without(name):
    """Decorator: a test for each of the two."""

    def register(function):
        for mode in ("direct", "daemon"):
            tap.test(f"/hand/{name}/{mode}")(lambda mode=mode: function(mode))
        return function

    return register


@with_and_without("flush/is-one-act")
def flush(mode):
    with Scene(mode, "kernel") as scene:
        scene.client.ip("mptcp limits set subflow 2 add_addr_accepted 0",
                        *(f"address add 10.0.{2 + i % 2}.{10 + i}/24 dev link{2 + i % 2}"
                          for i in range(8)),
                        *(f"mptcp endpoint add 10.0.{2 + i % 2}.{10 + i} subflow"
                          for i in range(8)))
        token = scene.connect()
        wait_until(lambda: len(scene.joined(token)) == 3, 3, "two joins")
        before = scene.client.nstat()
        tap.equal(scene.json("endpoint", "flush"),
                  {"flush": {"endpoints": 8, "connections-without-subflows": 0}}, "the answer")
        wait_until(lambda: len(scene.joined(token)) == 1, 3, "the initial subflow alone is left")
        tap.equal(scene.json("endpoint"), {"endpoints": []}, "all gone")
        after = scene.client.nstat()
        # Some kernels do not count them.
        tap.equal({k: after.get(k, 0) - before.get(k, 0) for k in ("MPJoinSynTx", "RmAddrTx")},
                  {"MPJoinSynTx": 0, "RmAddrTx": 0}, "joins and withdrawals")
        tap.equal(scene.server.nstat()["MPJoinSynRx"], 2, "joins that the server saw")
        scene.ctl("endpoint", "add", "10.0.1.1", "subflow")
        tap.equal([e["id"] for e in scene.json("endpoint")["endpoints"]], [1], "ids begin anew")
        said = scene.ctl("endpoint", "flush")
        tap.equal(said, "deleted 1 endpoints, connections with no subflow left: 1\n", "in words")
        wait_until(lambda: not scene.joined(token), 3, "the initial subflow is closed too")


@tap.test("/hand/flush/mptcpd-leaves-it-so")
def flush_stays():
    with Scene("daemon", "kernel", KERNEL) as scene:
        def ids():
            return [e["id"] for e in scene.json("endpoint")["endpoints"]]

        wait_until(lambda: len(ids()) == 6, 3, "an endpoint for each address", ids)
        scene.ctl("endpoint", "flush")
        tap.equal({(e["id"], e["state"]) for e in scene.json("endpoint")["endpoints"]},
                  {(None, "held-off")}, "flushed, and held off")
        tap.equal(scene.json("endpoint", "flush"),
                  {"flush": {"endpoints": 0, "connections-without-subflows": 0}}, "none was left")
        scene.client.ip("address add 10.0.3.77/24 dev link3", "route del default dev link3")
        wait_until(lambda: any(a["address"] == "10.0.3.77" for i in scene.json("interface")
                               ["interfaces"] for a in i["addresses"]), 3, "mptcpd looked again")
        tap.equal([e for e in scene.json("endpoint")["endpoints"]
                   if e["id"] and e["address"] != "10.0.3.77"], [], "still flushed")


@with_and_without("endpoint/by-id-and-sorted")
def by_id(mode):
    with Scene(mode, "kernel") as scene:
        for number in (7, 3, 200, 5):
            scene.ctl("endpoint", "add", f"10.9.0.{number}", "id", str(number))
        tap.equal([e["id"] for e in scene.json("endpoint")["endpoints"]], [3, 5, 7, 200], "order")
        for words in (("endpoint", "id", "77"), ("--json", "endpoint", "id", "77")):
            done = scene.client.run(MPTCPCTL, *scene.socket, *words, check=False)
            tap.equal((done.returncode, done.stdout, done.stderr),
                      (1, "", "mptcpctl: no endpoint with id 77\n"), f"{words}")
        tap.true("no such endpoint" in scene.ctl("endpoint", "delete", "id", "77", code=1), "delete")
        tap.true("whose id 0" in scene.ctl("endpoint", "delete", "id", "0", code=2), "id 0")


@with_and_without("endpoint/delete-of-id-0-withdraws-the-initial-address")
def delete_initial(mode):
    with Scene(mode, "kernel") as scene:
        scene.client.ip("mptcp limits set subflow 2", "mptcp endpoint add 10.0.2.1 id 9 subflow")
        token = scene.connect()
        wait_until(lambda: len(scene.joined(token)) == 2, 3, "a join")
        scene.ctl("endpoint", "delete", "id", "0", "10.0.9.9")
        tap.equal(len(scene.joined(token)), 2, "nobody began there")
        scene.ctl("endpoint", "delete", "id", "0", "10.0.1.1")
        wait_until(lambda: scene.joined(token) == ["10.0.2.1"], 3, "the initial one is closed")
        wait_until(lambda: scene.server.nstat()["RmAddr"] == 1, 3, "RM_ADDR at the server")
        tap.equal([e["id"] for e in scene.json("endpoint")["endpoints"]], [9], "endpoints stay")


@with_and_without("withdraw/of-id-0")
def withdraw_initial(mode):
    with Scene(mode, "userspace") as scene:
        token = scene.connect()
        scene.ctl("subflow", "add", token, "10.0.2.1", "10.0.1.2:5000")
        wait_until(lambda: len(scene.joined(token)) == 2, 3, "a join")
        scene.ctl("withdraw", token, "id", "0")
        wait_until(lambda: scene.server.nstat()["RmAddr"] == 1, 3, "RM_ADDR at the server")
        wait_until(lambda: scene.joined(token) == ["10.0.2.1"], 3, "the peer closes it")


class Events:
    """`mptcpctl --json monitor`, read in the background."""

    def __init__(self, scene):
        self.events = []
        self.child = scene.client.start(MPTCPCTL, *scene.socket, "--json", "monitor",
                                        stdout=subprocess.PIPE)
        threading.Thread(target=self.read, daemon=True).start()
        self.wait(event="synchronized")

    def read(self):
        for line in self.child.stdout:
            self.events.append(json.loads(line))

    def wait(self, count=1, **wanted):
        def found():
            events = [e for e in list(self.events) if matches(e, wanted)]
            return events if len(events) >= count else None
        return wait_until(found, 3, f"{count} of {wanted}", lambda: self.events)[0]


@with_and_without("announced/what-the-kernel-knows")
def announced(mode):
    with Scene(mode, "userspace") as scene:
        token = scene.connect()
        scene.ctl("announce", token, "10.0.2.1", "id", "9")
        scene.ctl("announce", token, "10.0.3.1", "id", "7", "port", "99")
        scene.ctl("subflow", "add", token, "10.0.3.1", "10.0.1.2:5000", "id", "8")
        wait_until(lambda: "10.0.3.1" in scene.joined(token), 3, "a join")
        shown, = scene.json("connection", token)["connections"]
        if mode == "direct" and tap.kernel_before(6, 9):
            # Its GET_ADDR knows no token, and no mptcpd remembers.
            tap.equal(shown["announced"], None, "announced")
            return
        tap.equal(sorted((a["id"], a["address"], a["port"]) for a in shown["announced"]),
                  [(7, "10.0.3.1", 99), (9, "10.0.2.1", 0)], "announced")
        scene.ctl("withdraw", token, "id", "9")
        shown, = scene.json("connection", token)["connections"]
        tap.equal([a["id"] for a in shown["announced"]], [7], "after the withdrawal")


@tap.test("/hand/announced/null-where-nobody-knows")
def announced_unknown():
    with Scene("direct", "kernel") as scene:
        shown, = scene.json("connection", scene.connect())["connections"]
        tap.equal((shown["announced"], shown["peer-addresses"]), (None, None), "unknown")


@with_and_without("removed/an-id-that-was-never-announced-is-told")
def removed(mode):
    with Scene(mode, "userspace") as scene:
        scene.server.sysctl("net.mptcp.path_manager", "userspace")
        events = Events(scene)
        token = scene.connect()
        ours = scene.server.connections()[0]["token"]
        scene.ctl("subflow", "add", token, "10.0.2.1", "10.0.2.2:5000")
        # The server's kernel gives an id to the address that was joined.
        wait_until(lambda: len(scene.server.subflows(ours)) == 2, 3, "a join")
        number, = (s["local-id"] for s in scene.server.subflows(ours) if s["local-id"])
        scene.server.run(MPTCPCTL, "withdraw", ours, "id", str(number))
        event = events.wait(event="address-removed", token=token)
        tap.equal((event["remote-id"], event["remote"]), (number, None), "the id alone")


@with_and_without("removed/the-initial-address-as-often-as-it-is-withdrawn")
def removed_initial(mode):
    with Scene(mode, "kernel") as scene:
        tap.needs_kernel(6, 12, "its client does not join from its initial address again")
        # A plain client: it joins from its initial address again, and withdraws it again.
        client = scene.server
        client.ip("mptcp endpoint add 10.0.1.2 id 1 subflow",
                  "mptcp endpoint add 10.0.2.2 id 2 subflow")
        scene.client.ip("mptcp limits set subflow 8")
        Traffic(scene.client, "server", "::", 5000)
        Traffic(client, "client", "10.0.1.1", 5000)
        token = scene.client.connections()[0]["token"]
        events = Events(scene)

        def sources():
            return {s["local"][0] for s in client.subflows()}

        for count in (1, 2, 3):
            wait_until(lambda: sources() == {"10.0.1.2", "10.0.2.2"}, 3, "joined", sources)
            client.ip("mptcp endpoint delete id 1")
            events.wait(event="address-removed", token=token, count=count, **{"remote-id": 0})
            wait_until(lambda: sources() == {"10.0.2.2"}, 3, "closed", sources)
            client.ip("mptcp endpoint add 10.0.1.2 id 1 subflow")


@with_and_without("subflow/with-id-0-from-another-address")
def id_zero(mode):
    with Scene(mode, "userspace") as scene:
        token = scene.connect()
        scene.ctl("subflow", "add", token, "10.0.3.1", "10.0.1.2:5000", "id", "0")
        wait_until(lambda: len(scene.joined(token)) == 2, 3, "a join")
        ids = {s["local"]["address"]: s["local-id"]
               for s in scene.json("connection", token)["connections"][0]["subflows"]}
        tap.equal(ids, {"10.0.1.1": 0, "10.0.3.1": 0}, "ids")


@with_and_without("refused/a-join-of-the-kernels-path-manager-is-told")
def refused_by_kernel(mode):
    with Scene(mode, "kernel") as scene:
        scene.client.ip("mptcp limits set subflow 4 add_addr_accepted 4")
        scene.server.sysctl("net.mptcp.path_manager", "userspace")
        events = Events(scene)
        token = scene.connect()
        ours = scene.server.connections()[0]["token"]
        # A port nobody listens on: the client's kernel joins there.
        scene.server.run(MPTCPCTL, "announce", ours, "10.0.2.2", "id", "5", "port", "7")
        event = events.wait(event="subflow-closed", token=token)
        tap.equal((event["error"], event["remote"]),
                  ("refused by the peer (ECONNREFUSED)", {"address": "10.0.2.2", "port": 7}),
                  "the event")
        if mode == "daemon":
            paths = [p for p in scene.json("explain", token)["paths"] if p["error"]]
            tap.equal([(p["remote"]["port"], p["state"], p["wanted-by"], p["error"], p["attempts"],
                        p["next-try-ms"]) for p in paths],
                      [(7, "refused", "endpoint", "refused by the peer (ECONNREFUSED)", 1, None)],
                      "explain")


@with_and_without("refused/a-join-by-another-tool-is-told")
def refused_by_hand(mode):
    with Scene(mode, "userspace") as scene:
        events = Events(scene)
        token = scene.connect()
        for _ in range(2):
            # mptcpctl without mptcpd is another tool to an mptcpd that runs.
            scene.client.run(MPTCPCTL, "subflow", "add", token, "10.0.2.1", "10.0.2.2:7")
            event = events.wait(event="subflow-closed", token=token)
            events.events.clear()
            tap.equal((event["error"], event["remote"]),
                      ("refused by the peer (ECONNREFUSED)", {"address": "10.0.2.2", "port": 7}),
                      "the event")
        if mode == "daemon":
            paths = [p for p in scene.json("explain", token)["paths"] if p["error"]]
            tap.equal([(p["remote"]["port"], p["state"], p["wanted-by"], p["attempts"])
                       for p in paths], [(7, "refused", "admin", 2)], "explain")


@tap.test("/hand/subflow/deleted-where-its-address-was-announced-stays-deleted")
def stays_deleted():
    with Scene("daemon", "userspace") as scene:
        token = scene.connect()

        def join(address, number, port):
            scene.ctl("announce", token, address, "id", number, "port", port)
            return wait_until(lambda: [s for s in scene.client.subflows(token)
                                       if s["local"] == (address, int(port))], 3, "a join")[0]

        made = join("10.0.2.1", "9", "99")
        scene.ctl("subflow", "delete", token, "%s:%d" % made["local"], "%s:%d" % made["remote"])
        shown, = scene.json("connection", token)["connections"]
        tap.equal(shown["announced"], [], "announced")
        join("10.0.3.1", "8", "98")
        tap.equal(scene.server.nstat()["AddAddr"], 2, "announcements")
        tap.equal(sorted(scene.joined(token)), ["10.0.1.1", "10.0.3.1"], "subflows")


@tap.test("/hand/subflow/changed-to-backup-is-one-again-after-a-link-flap")
def stays_backup():
    with Scene("daemon", "userspace", FULLMESH) as scene:
        token = scene.connect()

        def backups():
            subflows = scene.json("connection", token)["connections"][0]["subflows"]
            return {s["local"]["address"]: s["backup"] for s in subflows
                    if s["state"] == "established"}

        wait_until(lambda: len(backups()) == 3, 3, "a subflow of each address", backups)
        for by_hand, link in (("backup", 3), ("nobackup", 3), ("backup", 1)):
            address = f"10.0.{link}.1"
            scene.ctl("subflow", "change", token, address, "10.0.1.2:5000", by_hand)
            wait_until(lambda: backups()[address] == (by_hand == "backup"), 3, "changed", backups)
            scene.net.down(link)
            wait_until(lambda: address not in backups(), 3, "closed with its link", backups)
            before = scene.server.nstat()
            scene.net.up(link, scene.client)
            wait_until(lambda: address in backups(), 3, "joined again", backups)
            wait_until(lambda: backups()[address] == (by_hand == "backup"), 1,
                       f"{by_hand} of link{link}", backups)
            if by_hand == "backup" and tap.kernel_before(6, 12):
                # Such a kernel tells it after the join.
                wait_until(lambda: scene.server.nstat()["MPPrioRx"] > before["MPPrioRx"], 3, "MP_PRIO")


@tap.test("/hand/subflow/changed-to-backup-is-one-again-though-its-join-is-answered-late")
def stays_backup_late():
    with Scene("daemon", "userspace", FULLMESH) as scene:
        token, address = scene.connect(), "10.0.1.1"

        def subflow():
            subflows = scene.json("connection", token)["connections"][0]["subflows"]
            return next((s for s in subflows if s["local"]["address"] == address
                         and s["state"] == "established"), None)

        wait_until(subflow, 3, "a subflow of that address")
        scene.ctl("subflow", "change", token, address, "10.0.1.2:5000", "backup")
        wait_until(lambda: subflow()["backup"], 3, "changed", subflow)
        scene.net.down(1)
        wait_until(lambda: not subflow(), 3, "closed with its link", subflow)
        # Neither the good-bye of the first one nor the join is answered for a while.
        scene.server.ip(f"route add blackhole {address}/32")
        scene.net.up(1, scene.client)
        wait_until(lambda: re.search(r"retrans:\d+/2", scene.client.run(
            "ss", "-tinHO", "state", "syn-sent", "src", address).stdout), 9, "its SYN is sent again, twice")
        scene.server.ip(f"route delete blackhole {address}/32")
        wait_until(subflow, 9, "joined again", lambda: scene.json("connection", token))
        tap.true(subflow()["backup"], "it is backup")


@tap.test("/hand/frozen/words-within-five-seconds")
def frozen():
    with Scene("daemon", "kernel") as scene:
        scene.daemon.child.send_signal(signal.SIGSTOP)
        verbs = ["status", "endpoint flush", "monitor", "reload", "config check"]
        children = [scene.client.start(MPTCPCTL, *scene.socket, *verb.split(),
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                    for verb in verbs]
        begin = time.monotonic()
        for verb, child in zip(verbs, children):
            said = child.communicate(timeout=20)
            tap.equal((child.returncode, said[0]), (1, ""), f"{verb}: {said}")
            tap.true("does not answer" in said[1], f"{verb}: {said}")
        tap.at_most(time.monotonic() - begin, 5 * tap.SLOW, "seconds")
        scene.daemon.child.send_signal(signal.SIGCONT)
        scene.ctl("status")


@tap.test("/hand/withdraw/no-policy-joins-from-there-again")
def withdraw_under_a_policy():
    with Scene("daemon", "userspace", FULLMESH) as scene:
        token = scene.connect()
        wait_until(lambda: len(scene.joined(token)) == 3, 3, "a subflow of each address")
        scene.ctl("withdraw", token, "id", "0")
        wait_until(lambda: "10.0.1.1" not in scene.joined(token), 3, "the peer closes it")
        # What the policy does now is done when it has taken up a new address.
        scene.client.ip("address add 10.0.3.7/32 dev link3", "address del 10.0.3.1/24 dev link3",
                        "address add 10.0.3.7/24 dev link3")
        wait_until(lambda: "10.0.3.7" in scene.joined(token), 3, "a new one",
                   lambda: scene.joined(token))
        tap.true("10.0.1.1" not in scene.joined(token), f"{scene.joined(token)}")
        path, = (p for p in scene.json("explain", token)["paths"]
                 if p["local"]["address"] == "10.0.1.1")
        tap.equal((path["forbidden-by"], path["next-try-ms"]), ("admin", None), f"{path}")


@with_and_without("output/what-cannot-be-written-is-told")
def unwritable(mode):
    with Scene(mode, "kernel") as scene:
        def run(words, where):
            done = scene.client.run("sh", "-c", f'exec "$@" {where}', "sh", MPTCPCTL,
                                    *scene.socket, *words.split(), check=False)
            return done.returncode, done.stderr.removeprefix("mptcpctl: cannot write: ")

        closed, full = "Bad file descriptor\n", "No space left on device\n"
        for where, why in ((">&-", closed), ("<&- >&-", closed), (">/dev/full", full)):
            # Done, and without a word of its own.
            tap.equal(run("endpoint add 10.0.1.1 id 5 signal", where), (0, ""), f"add {where}")
            tap.equal(run("endpoint delete id 5", where), (0, ""), f"delete {where}")
            for words in ("--version", "--help", "limits", "--json connection", "monitor"):
                tap.equal(run(words, where), (1, why), f"{words} {where}")
            scene.ctl("endpoint", "add", "10.0.1.1", "id", "5")
            tap.equal(run("endpoint flush", where), (1, why), f"flush {where}")
            tap.equal(scene.json("endpoint"), {"endpoints": []}, "flushed all the same")
        # Without a place for messages the exit status still says it.
        tap.equal(run("endpoint delete id 77", "2>&-"), (1, ""), "a failure")
        tap.equal(run("endpoint", "<&- 2>&-"), (0, ""), "a listing")


EVIL = os.fsdecode(b"e\xff\x1b[2J\xc2\x9b\x7f")


def harmless(output, what):
    """It is UTF-8 without control characters, and shows the name."""
    text = output.decode()
    bad = [c for c in text if c != "\n" and unicodedata.category(c) == "Cc"]
    tap.equal(bad, [], f"control characters of {what}: {text!r}")
    return text


@with_and_without("names/no-terminal-obeys-an-interface")
def names(mode):
    with Scene(mode, "kernel") as scene:
        def run(*argv):
            done = subprocess.run(scene.client.argv(*argv), capture_output=True, check=False)
            tap.equal((done.returncode, done.stderr), (0, b""), f"{argv}")
            return done.stdout

        run("ip", "link", "set", "link2", "down")
        run("ip", "link", "set", "link2", "name", EVIL)
        scene.client.ip("mptcp limits set subflow 2")
        run("ip", "link", "set", EVIL, "up")
        run("ip", "address", "replace", "10.0.2.1/24", "dev", EVIL)
        run("ip", "mptcp", "endpoint", "add", "10.0.2.1", "subflow", "dev", EVIL)
        token = scene.connect()
        wait_until(lambda: len(scene.joined(token)) == 2, 3, "a join")
        verbs = ["endpoint", "connection", "subflow"]
        for verb in verbs + ["interface"] * (mode == "daemon"):
            text = harmless(run(MPTCPCTL, *scene.socket, verb), verb)
            tap.true("[2J" in text, f"{verb} shows {text!r}")
            json.loads(harmless(run(MPTCPCTL, *scene.socket, "--json", verb), verb))
        if mode == "daemon":
            # Sentences name it, too.
            for words in (f"explain {token}", "policy test 10.0.2.1 10.0.1.2:80"):
                text = harmless(run(MPTCPCTL, *scene.socket, *words.split()), words)
                tap.true("[2J" in text, f"{words} shows {text!r}")
                json.loads(harmless(run(MPTCPCTL, *scene.socket, "--json", *words.split()), words))
        child = subprocess.Popen(
            scene.client.argv(MPTCPCTL, *scene.socket, "--json", "monitor"), stdout=subprocess.PIPE)
        for line in child.stdout:
            if json.loads(harmless(line, "monitor"))["event"] == "synchronized":
                break
        child.kill()
        child.communicate()
        if mode == "daemon":
            harmless(scene.daemon.log.read_bytes(), "the log")
        conf = scene.net.directory / "evil.conf"
        conf.write_bytes(os.fsencode(f"[core]\n{EVIL} = 1\npath-manager = {EVIL}\n"))
        done = subprocess.run(scene.client.argv(MPTCPCTL, "config", "check", conf),
                              capture_output=True, check=False)
        tap.equal(done.returncode, 1, "config check")
        harmless(done.stderr, "config check")


if __name__ == "__main__":
    sandbox.run(tap.main)
