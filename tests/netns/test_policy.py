# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each policy that mptcpd comes with does its paragraph, on the real kernel."""

import contextlib
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from capture import Capture
from daemon import Daemon
from hosts import NEEDS_ROUTES_BY_SOURCE, Network, Traffic, wait_until
from lab import Lab, client_address, measure
from town import open_socket

SERVER = {4: "10.0.1.2", 6: "2001:db8:1::2"}
PORTS = (5000, 5001)
MEGABYTE = 1 << 20


def config(*policies, interfaces=""):
    """Of (port, plugins and settings): the first for connections to that port, and so on."""
    groups = "".join(f"[policy:p{port}]\nmatch-remote-port = {port}\nplugin = {text}\n"
                     for port, text in policies)
    return f"[core]\npath-manager = userspace\n{interfaces}{groups}"


class Scene:
    """Two hosts with three links, mptcpd on the client, a server on each of PORTS."""

    def __init__(self, text):
        self.net = Network(note=tap.note, routes_by_source=NEEDS_ROUTES_BY_SOURCE)
        self.text = text

    def __enter__(self):
        with contextlib.ExitStack() as undo:
            net = undo.enter_context(self.net)
            self.daemon = Daemon(net.client, self.text)
            net.on_failure.append(lambda: "mptcpd's log:\n" + self.daemon.text()[-4000:])
            for port in PORTS:
                Traffic(net.server, "server", "::", port)
            self.undo = undo.pop_all()
        return self

    def __exit__(self, *exception):
        return self.undo.__exit__(*exception)

    def connect(self, family=4, port=PORTS[0]):
        client = Traffic(self.net.client, "client", SERVER[family], port, 1)
        tap.equal(client.hello, {"connected": 1, "mptcp": 1}, "connections")
        return client

    def greet(self, family):
        """Neighbours know each other by each link: soon after setup IPv6 loses a SYN for it."""
        for i in (1, 2, 3):
            with open_socket(self.net.client, client_address(i, family)) as sock, \
                    contextlib.suppress(ConnectionRefusedError):
                sock.connect((f"10.0.{i}.2" if family == 4 else f"2001:db8:{i}::2", 9))

    def reload(self, text):
        self.daemon.config.write_text(text)
        self.daemon.ctl("reload")

    def restart(self):
        """mptcpd is killed, and another one comes after it."""
        tap.equal(self.daemon.end(signal.SIGKILL), -signal.SIGKILL, "exit code")
        self.daemon = Daemon(self.net.client, self.daemon.config.read_text(),
                             runtime=self.daemon.runtime)

    def links(self, port=PORTS[0]):
        """The number of established subflows by link, of connections to that port."""
        count = self.net.by_link(s for s in self.net.client.subflows() if s["remote"][1] == port)
        return tuple(count.values())

    def await_links(self, *wanted, port=PORTS[0], seconds=5):
        wait_until(lambda: self.links(port) == wanted, seconds, f"subflows by link {wanted}",
                   self.net.client.subflows)

    def ports(self):
        """The local ports of the connections to the first port."""
        return {s["local"][1] for s in self.net.client.subflows() if s["remote"][1] == PORTS[0]}

    def settle(self):
        """Whatever was to happen has: a later connection of fullmesh has all it is to have."""
        ends = {s["local"] for s in self.net.client.subflows()}
        client = self.connect(port=PORTS[1])
        wait_until(lambda: len([s for s in self.net.client.subflows()
                                if s["remote"][1] == PORTS[1] and s["local"] not in ends]) == 3,
                   5, "a later connection has its subflows", self.net.client.subflows)
        client.close()


def intact(result, size=MEGABYTE):
    good = result["intact"] and result["bytes"] == size and result["failed"] == 0
    tap.true(good, f"transfer: {result}")


def each_family(name, function, **options):
    for family in SERVER:
        tap.test(f"{name}-ipv{family}", **options)(lambda family=family: function(family))


# ---- none and ndiffports ----


def none_is_single(family):
    text = config((5000, "none"), (5001, "fullmesh"))
    with Scene(text) as scene:
        capture = Capture(scene.net.client)
        client = scene.connect(family)
        scene.settle()
        tap.equal(scene.links(), (1, 0, 0), "subflows")
        tap.equal([syn for syn in capture.joins() if syn["port"] == 5000], [], "MP_JOINs")
        intact(client.transfer("upload", MEGABYTE))
        # another policy from now on, and back; the initial subflow is what stays
        scene.reload(config((5000, "fullmesh"), (5001, "fullmesh")))
        scene.await_links(1, 1, 1)
        scene.reload(text)
        scene.await_links(1, 0, 0)
        scene.restart()
        scene.settle()
        tap.equal(scene.links(), (1, 0, 0), "subflows after a restart")
        intact(client.transfer("download", MEGABYTE))


each_family("/policy/none/leaves-one-subflow", none_is_single)


def ndiffports_has_ports(family):
    with Scene(config((5000, "ndiffports\nsubflows = 4"), (5001, "fullmesh"))) as scene:
        capture = Capture(scene.net.client)
        client = scene.connect(family)
        scene.await_links(4, 0, 0)
        ports = scene.ports()
        tap.equal(len(ports), 4, f"ports: {ports}")
        tap.equal([syn["link"] for syn in capture.joins()], ["link1"] * 3, "MP_JOINs")
        intact(client.transfer("upload", MEGABYTE))
        scene.restart()
        scene.settle()
        tap.equal(scene.links(), (4, 0, 0), "subflows after a restart")
        tap.equal(scene.ports(), ports, "their ports")
        # one that ends is made again, from another port
        joined = next(s["local"][1] for s in scene.net.client.subflows()
                      if s["remote"][1] == 5000 and s["flags"].startswith("J"))
        scene.net.server.run("ss", "-K", "dport", "=", f":{joined}")
        wait_until(lambda: joined not in scene.ports() and len(scene.ports()) == 4, 5,
                   f"another port than {joined}", scene.net.client.subflows)
        scene.reload(config((5000, "ndiffports\nsubflows = 2"), (5001, "fullmesh")))
        scene.await_links(2, 0, 0)
        intact(client.transfer("download", MEGABYTE))


each_family("/policy/ndiffports/so-many-subflows-of-one-pair", ndiffports_has_ports)


# ---- fullmesh ----


def pairing(family):
    """The server announces nothing, then all it has. An IPv6 socket has both families."""
    one, each = "fullmesh\npairing = one-to-one", "fullmesh\npairing = per-interface"
    announcing = "[core]\npath-manager = userspace\n[interface:link*]\nflags = signal\n"
    with Scene(config((5000, one), (5001, each))) as scene:
        scene.connect(family, 5000)
        scene.connect(family, 5001)
        scene.await_links(1, 1, 1, port=5001)
        tap.equal(scene.links(5000), (1, 0, 0), "one address of the peer, one subflow")
        Daemon(scene.net.server, announcing)
        client = scene.connect(family, 5000)

        def seen():
            rows = [s for s in scene.net.client.subflows() if s["remote"][1] == 5000]
            tokens = {s["token"] for s in rows}
            return sorted(sorted((s["local"][0], s["remote"][0]) for s in rows
                                 if s["token"] == token) for token in tokens)

        def is_one_to_one():
            return [len(set(pairs)) == len({local for local, _ in pairs}) ==
                    len({remote for _, remote in pairs}) for pairs in seen()]

        count = 3 if family == 4 else 6
        wait_until(lambda: any(len(pairs) == count for pairs in seen()), 5, f"{count} pairs", seen)
        tap.equal(is_one_to_one(), [True, True], f"{seen()}")
        scene.connect(family, 5001)
        scene.await_links(2, 2, 2, port=5001)
        intact(client.transfer("upload", MEGABYTE))
        scene.restart()
        wait_until(lambda: len(scene.daemon.connections()) == 4, 5, "it has found them all")
        tap.equal(scene.links(5001), (2, 2, 2), "one of each interface")
        tap.equal(is_one_to_one(), [True, True], f"{seen()}")


each_family("/policy/fullmesh/pairing", pairing)


def backup_links(family):
    """Joined as backup, used only when no normal one works, and backup again after it."""
    text = config((5000, "fullmesh"), interfaces="[interface:link3]\nflags = subflow,backup\n")
    with Scene(text) as scene:
        client = scene.connect(family)
        scene.await_links(1, 1, 1)

        def sent():
            return scene.net.client.counters()["link3"][1]

        def assert_idle(when):
            before = sent()
            intact(client.transfer("upload", 4 * MEGABYTE), 4 * MEGABYTE)
            tap.at_most(sent() - before, MEGABYTE // 10, f"bytes by the backup link {when}")

        assert_idle("before")
        before = sent()
        scene.net.down(1)
        scene.net.down(2)
        intact(client.transfer("upload", 4 * MEGABYTE), 4 * MEGABYTE)
        tap.true(sent() - before >= 4 * MEGABYTE, f"{sent() - before} bytes by the backup link")
        for i in (1, 2):
            scene.net.up(i, scene.net.client)
        scene.await_links(1, 1, 1, seconds=10)
        assert_idle("after")


each_family("/policy/fullmesh/backup-links-carry-data-only-without-others", backup_links)


def gone_together(family):
    """The server is told of each address that goes, however many go at once."""
    with Scene(config((5000, "fullmesh"))) as scene:
        client = scene.connect(family)
        for told in (2, 4, 6, 8):
            scene.await_links(1, 1, 1, seconds=10)
            scene.net.client.ip("link set link2 down", "link set link3 down")
            wait_until(lambda told=told: scene.net.server.nstat().get("RmAddr") == told, 5,
                       f"{told} addresses are taken back", scene.net.server.nstat)
            scene.await_links(1, 0, 0)
            for i in (2, 3):
                scene.net.up(i, scene.net.client)
        seen = scene.net.server.nstat()
        tap.equal((seen.get("RmAddrDrop", 0), scene.net.client.nstat().get("RmAddrTxDrop", 0)),
                  (0, 0), "what either end lost")
        intact(client.transfer("upload", MEGABYTE))


each_family("/policy/fullmesh/addresses-that-go-together-are-told-each", gone_together)


# ---- guard ----


def guard(family):
    text = "fullmesh, guard\nforbid = {}\n"
    rule = "link3 -> *, 10.0.2.0/24 -> 10.0.99.0/24"
    with Scene(config((5000, text.format(rule)), (5001, "fullmesh"))) as scene:
        capture = Capture(scene.net.client)
        client = scene.connect(family)
        scene.await_links(1, 1, 0)
        scene.settle()
        scene.restart()
        scene.settle()
        tap.equal(scene.links(), (1, 1, 0), "subflows")
        tap.equal({syn["link"] for syn in capture.joins() if syn["port"] == 5000}, {"link2"},
                  "joins by")
        token = next(c["token"] for c in scene.daemon.connections() if c["remote"]["port"] == 5000)
        paths = scene.daemon.json("explain", token)["paths"]
        tap.equal({p["interface"]: p["forbidden-by"] for p in paths},
                  {"link1": None, "link2": None, "link3": "policy"}, "forbidden")
        # what carries the connection now goes for the other, once that is there
        prefix = "10.0.1.0/24" if family == 4 else "2001:db8:1::/64"
        client.order("upload", 16 * MEGABYTE)
        scene.reload(config((5000, text.format(f"{prefix} -> *")), (5001, "fullmesh")))
        scene.await_links(0, 1, 1)
        intact(client.read(), 16 * MEGABYTE)
        scene.reload(config((5000, "fullmesh, guard\nguard.max-subflows = 2"), (5001, "fullmesh")))
        scene.settle()
        tap.equal(sum(scene.links()), 2, f"subflows at most, {scene.links()}")
        intact(client.transfer("download", MEGABYTE))


each_family("/policy/guard/client-makes-nothing-that-is-forbidden", guard)


def guarded_server(family):
    """It announces nothing of its second link, and shows out who comes from the client's third."""
    server = ("[core]\npath-manager = userspace\n[interface:link*]\nflags = signal\n[policy:p]\n"
              "plugin = fullmesh, guard\n"
              "forbid = link2 -> *, * -> 10.0.3.0/24, * -> 2001:db8:3::/64\n")
    with Scene(config((5000, "fullmesh"))) as scene:
        daemon = Daemon(scene.net.server, server)
        client = scene.connect(family)

        def seen():
            return {(s["local"][0], s["remote"][0]) for s in scene.net.server.subflows()}

        def is_as_told():
            pairs = seen()
            return len(pairs) >= 4 and not any(
                ".3." in remote or ":3:" in remote for _, remote in pairs)

        wait_until(is_as_told, 10, "two links to two addresses", seen)
        second = {"10.0.2.2", "2001:db8:2::2"}
        tap.true(not second & {local for local, _ in seen()}, f"{seen()}")
        announced = {a["address"] for c in daemon.connections() for a in c["announced"]}
        tap.true(announced and not second & announced, f"announced: {announced}")
        intact(client.transfer("download", MEGABYTE))


each_family("/policy/guard/server-invites-nobody-to-what-is-forbidden", guarded_server)


# ---- delayed ----


def delayed_bytes(family):
    text = "fullmesh, delayed\nage = 1h\nbytes = 1M"
    with Scene(config((5000, text), (5001, "fullmesh"))) as scene:
        capture = Capture(scene.net.client)
        client = scene.connect(family)
        intact(client.transfer("upload", MEGABYTE // 4), MEGABYTE // 4)
        scene.settle()
        tap.equal([syn for syn in capture.joins() if syn["port"] == 5000], [], "MP_JOINs")
        intact(client.transfer("download", MEGABYTE))
        scene.await_links(1, 1, 1)
        scene.restart()
        scene.settle()
        tap.equal(scene.links(), (1, 1, 1), "subflows after a restart")


each_family("/policy/delayed/joins-after-so-many-bytes", delayed_bytes)


def delayed_age(family):
    with Scene(config((5000, "fullmesh, delayed\nage = 3s\nbytes = 0"))) as scene:
        begin = time.monotonic()
        scene.connect(family)
        tap.equal(scene.links(), (1, 0, 0), "subflows")
        scene.restart()  # it is no younger for that
        scene.await_links(1, 1, 1)
        tap.true(time.monotonic() - begin >= 3, "not before its time")


each_family("/policy/delayed/joins-after-so-long", delayed_age)


# ---- interactive ----


def normal(lab, daemon, side="local"):
    """The links of the subflows that are not backup, by the client's addresses."""
    found = [s[side]["address"] for c in daemon.connections() for s in c["subflows"]
             if not s["backup"] and s["state"] == "established"]
    return [i for address in found for i in lab.links
            if address in (client_address(i, 4), client_address(i, 6))]


def await_normal(lab, daemon, wanted, side="local", seconds=15):
    """Until one alone is normal, of those wanted; which one."""
    return wait_until(lambda: [i for i in normal(lab, daemon, side) if i in wanted]
                      if len(normal(lab, daemon, side)) == 1 else None, seconds,
                      f"normal is one of {wanted}", lambda: daemon.connections())[0]


def words(daemon):
    """What the policy of the first connection says of what it decided."""
    return daemon.json("explain", daemon.connections()[0]["token"])["text"]


def interactive(family):
    text = "[core]\npath-manager = userspace\n[policy:p]\nplugin = interactive\nhold = 3s\n"
    with Lab(links=3, config=text) as lab:
        for i, ms in ((1, 10), (2, 50), (3, 50)):
            lab.set(i, delay=ms)
        capture = Capture(lab.client)
        flow = lab.flow("up", thin=True, family=family)
        lab.await_subflows(3)
        if not tap.kernel_before(6, 12):
            tap.equal({syn["link"]: syn["backup"] for syn in capture.joins()},
                      {"link2": True, "link3": True}, "B bits")
        lab.await_flowing(flow)
        await_normal(lab, lab.daemon, [1])
        wait_until(lambda: [f"data goes by link{i}, " in words(lab.daemon)
                            for i in normal(lab, lab.daemon)] == [True], 5, "it says so",
                   lambda: words(lab.daemon))
        before = lab.server.nstat().get("MPPrioRx", 0)
        lab.set(1, delay=150)
        second = await_normal(lab, lab.daemon, [2, 3])
        changed = time.monotonic()
        tap.at_most(lab.server.nstat().get("MPPrioRx", 0) - before, 2, "priorities on the wire")
        tap.equal(lab.daemon.end(signal.SIGKILL), -signal.SIGKILL, "exit code")
        lab.daemon = Daemon(lab.client, text, runtime=lab.daemon.runtime)
        wait_until(lab.daemon.connections, 5, "the next mptcpd knows it")
        tap.equal(normal(lab, lab.daemon), [second], "after a restart")
        lab.set(second, delay=300)
        # where nothing is sent its time is that of the join, which may have had to be sent again
        third = await_normal(lab, lab.daemon, [1, 5 - second], seconds=25)
        tap.true(time.monotonic() - changed >= 2.5, "not before its time")
        # what is gone is left at once
        lab.client.ip(f"link set link{third} down")
        await_normal(lab, lab.daemon, [i for i in lab.links if i != third], seconds=5)
        cut = time.monotonic()
        wait_until(lambda: flow.next(cut), 5, "data goes on")


each_family("/policy/interactive/data-goes-by-the-quickest", interactive, seconds=90, waits=True)


@tap.test("/policy/interactive/server-chooses-if-told")
def interactive_server():
    server = ("[core]\npath-manager = userspace\n[policy:p]\nplugin = interactive\n"
              "server-side = yes\nhold = 2s\n")
    with Scene(config((5000, "fullmesh"))) as scene:
        daemon = Daemon(scene.net.server, server)
        client = scene.connect(4)
        scene.await_links(1, 1, 1)

        def chosen():
            """What is sent now measures its path."""
            intact(client.transfer("download", 50_000), 50_000)
            found = [s["remote"]["address"] for c in daemon.connections() for s in c["subflows"]
                     if not s["backup"]]
            return int(found[0].split(".")[2]) if len(found) == 1 else None

        first = wait_until(chosen, 10, "one is normal", daemon.connections)
        scene.net.server.run("tc", "qdisc", "replace", "dev", f"link{first}", "root", "tbf", "rate",
                             "1mbit", "burst", "3kb", "latency", "500ms")
        wait_until(lambda: chosen() not in (None, first), 20, "another one", daemon.connections)


# ---- handover ----

HANDOVER = "[interface:link2]\nflags = subflow,backup\n[interface:link3]\nflags = subflow,backup\n"


def handover(family):
    text = config((5000, "handover\nhold = 3s"), interfaces=HANDOVER)
    with Scene(text) as scene:
        scene.greet(family)
        capture = Capture(scene.net.client)
        client = scene.connect(family)
        intact(client.transfer("upload", MEGABYTE))
        tap.equal(scene.links(), (1, 0, 0), "at home")
        tap.true("are not used" in words(scene.daemon), words(scene.daemon))
        tap.equal(capture.joins(), [], "MP_JOINs")
        for cut in range(2):
            # a cable that is pulled: data goes on by what was asleep, within a second
            client.order("upload", 8 * MEGABYTE)
            begin = time.monotonic()
            scene.net.down(1)
            wait_until(lambda: scene.links()[1:] == (1, 1), 1, "away", scene.net.client.subflows)
            tap.note(f"joined after {time.monotonic() - begin:.3f} s")
            intact(client.read(), 8 * MEGABYTE)
            if cut == 0:
                scene.restart()
            intact(client.transfer("download", MEGABYTE))
            tap.true("no normal link has a subflow" in words(scene.daemon), words(scene.daemon))
            scene.net.up(1, scene.net.client)
            back = time.monotonic()
            wait_until(lambda: scene.links()[0] == 1, 5, "back", scene.net.client.subflows)
            tap.equal(scene.links()[1:], (1, 1), "still joined")
            wait_until(lambda: [s["interface"] for s in scene.daemon.connections()[0]["subflows"]
                                if not s["backup"]] == ["link1"], 2, "the others are backup")
            tap.true("are left in" in words(scene.daemon), words(scene.daemon))
            scene.await_links(1, 0, 0, seconds=6)
            tap.true(time.monotonic() - back >= 3, "not before its time")
            intact(client.transfer("upload", MEGABYTE))


each_family("/policy/handover/away-when-the-normal-link-fails-and-back", handover, seconds=90)


def handover_flaps(family):
    """Away once, whatever the cable does meanwhile: no join and no priority for each time."""
    text = config((5000, "handover\nhold = 4s"), interfaces=HANDOVER)
    with Scene(text) as scene:
        capture = Capture(scene.net.client)
        client = scene.connect(family)
        intact(client.transfer("upload", MEGABYTE // 4), MEGABYTE // 4)
        before = scene.net.client.nstat().get("MPPrioTx", 0)
        for i in range(10):
            scene.net.down(1)
            wait_until(lambda: scene.links() == (0, 1, 1), 3, "away", scene.net.client.subflows)
            intact(client.transfer("download", MEGABYTE // 4), MEGABYTE // 4)
            scene.net.up(1, scene.net.client)
            wait_until(lambda: scene.links() == (1, 1, 1), 3, "back", scene.net.client.subflows)
            if i == 5:
                scene.restart()
        intact(client.transfer("upload", MEGABYTE // 4), MEGABYTE // 4)
        away = sorted(syn["link"] for syn in capture.joins() if syn["link"] != "link1")
        tap.equal(away, ["link2", "link3"], "joins by backup links")
        tap.at_most(scene.net.client.nstat().get("MPPrioTx", 0) - before, 2, "priorities")
        scene.await_links(1, 0, 0, seconds=10)
        intact(client.transfer("upload", MEGABYTE // 4), MEGABYTE // 4)


each_family("/policy/handover/flaps-cost-one-change", handover_flaps, seconds=90)


def handover_silent(family):
    text = ("[core]\npath-manager = userspace\n[interface:link2]\nflags = subflow,backup\n"
            "[policy:p]\nplugin = handover\nhold = 3s\n")
    with Lab(config=text) as lab:
        capture = Capture(lab.client)
        flow = lab.flow("up", thin=True, family=family)
        lab.await_flowing(flow)
        tap.equal(capture.joins(), [], "MP_JOINs")
        cut = lab.cut(1)
        again = wait_until(lambda: flow.next(cut + 0.2), 10, "data again")
        tap.note(f"data again {again - cut:.2f} s after the cut")
        tap.at_most(again - cut, 3.5 * tap.SLOW, "seconds until data flows again")
        tap.equal({syn["link"] for syn in capture.joins() if syn["id"]} - {"link1"}, {"link2"},
                  "joined by")
        lab.restore(1)
        wait_until(lambda: {s["local"][0] for s in lab.client.subflows()}
                   == {client_address(1, family)}, 15, "back", lab.client.subflows)


each_family("/policy/handover/away-when-the-normal-link-is-silent", handover_silent, seconds=90,
            waits=True)


def gap_without_address(family, text, **flow):
    """Seconds without data when the address of the normal link is taken away, its carrier is not."""
    with Lab(config=text) as lab:
        if not text:
            lab.endpoints("subflow backup")
        flow = lab.flow(family=family, **flow)
        lab.await_flowing(flow)
        measure(1)
        size = 24 if family == 4 else 64
        lab.client.ip(f"address delete {client_address(1, family)}/{size} dev link1")
        begin, end = measure(4)
        lab.await_flowing(flow)
        return flow.gap(begin, end)


def handover_address(family):
    text = ("[core]\npath-manager = userspace\n[interface:link2]\nflags = subflow,backup\n"
            "[policy:p]\nplugin = handover\n")
    for kind, thin in (("up", True), ("down", True), ("up", False)):
        alone, ours = (gap_without_address(family, each, kind=kind, thin=thin)
                       for each in (None, text))
        tap.note(f"{kind}{' thin' if thin else ''}: {ours:.2f} s, {alone:.2f} s where the kernel is alone and "
                 "has joined before")
        tap.at_most(ours, tap.SLOW, "seconds without data")


each_family("/policy/handover/away-when-the-address-of-the-normal-link-goes", handover_address,
            seconds=90, waits=True)


# ---- aggregate ----


def aggregate(family):
    """The way of one port leads nowhere: another port has another way."""
    text = ("[core]\npath-manager = userspace\n[policy:p]\nplugin = ndiffports, aggregate\n"
            "subflows = 3\ntime = 4s\n")
    with Lab(config=text) as lab:
        flow = lab.flow("up", family=family)
        lab.await_subflows(3)
        lab.await_flowing(flow)

        def ports():
            return {s["local"][1] for s in lab.client.subflows()}

        before = ports()
        victim = next(s["local"][1] for s in lab.client.subflows() if s["flags"].startswith("J"))
        lab.set(1, port=victim)
        tap.true(words(lab.daemon).startswith("aggregate: "), words(lab.daemon))
        # the next mptcpd knows what it has, and finds out by itself
        tap.equal(lab.daemon.end(signal.SIGKILL), -signal.SIGKILL, "exit code")
        lab.daemon = Daemon(lab.client, text, runtime=lab.daemon.runtime)
        wait_until(lambda: victim not in ports() and len(ports()) == 3, 30, "another port", ports)
        tap.equal(before - ports(), {victim}, "made anew")
        again = time.monotonic()
        wait_until(lambda: flow.next(again), 5, "data goes on")


each_family("/policy/aggregate/subflow-that-lags-gets-another-port", aggregate, seconds=90,
            waits=True)


@tap.test("/policy/selection/two-ports-of-one-server-follow-two-policies")
def two_policies():
    with Scene(config((5000, "ndiffports"), (5001, "fullmesh"))) as scene:
        scene.connect(4, 5000)
        scene.connect(6, 5001)
        scene.await_links(2, 0, 0, port=5000)
        scene.await_links(1, 1, 1, port=5001)
        shown = {c["remote"]["port"]: c["policy"] for c in scene.daemon.connections()}
        tap.equal(shown, {5000: "p5000", 5001: "p5001"}, "policies")


if __name__ == "__main__":
    sandbox.run(tap.main)
