# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each configuration of mptcpd-policies(7) does what the page says, on the real kernel.

They are read from the page's source, and the links have the names that they have there.
"""

import contextlib
import pathlib
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from capture import Capture
from daemon import MPTCPD, Daemon, stage_plugins
from hosts import NEEDS_ROUTES_BY_SOURCE, Network, Traffic, wait_until
from lab import Lab, Program, client_address
from uplinks import FIRST, PORT, SECOND, Site

PAGE = pathlib.Path(__file__).resolve().parents[2] / "man/mptcpd-policies.7.rst"
MEGABYTE = 1 << 20
SERVER = {4: "10.0.1.2", 6: "2001:db8:1::2"}


def recipes():
    """{section: its configuration}, of the sections that have one."""
    text = PAGE.read_text(encoding="utf-8")
    found = {}
    for title, body in re.findall(r"^([A-Z ]+)\n=+\n(.*?)(?=^[A-Z ]+\n=+\n|\Z)", text,
                                  re.MULTILINE | re.DOTALL):
        blocks = re.findall(r"::\n\n((?:    .*\n|\n)+)", body)
        tap.true(len(blocks) <= 1, f"one configuration in {title}")
        for block in blocks:
            found[title] = re.sub(r"^    ", "", block, flags=re.MULTILINE)
    return found


RECIPES = recipes()
TESTED = set()


def recipe(section, *names, families=(4, 6), **options):
    """Decorator: a test of that section, for each family, with these names for the links."""
    TESTED.add(section)
    name = section.lower().replace(" ", "-")

    def register(function):
        for family in families:
            tap.test(f"/cookbook/{name}-ipv{family}", **options)(
                lambda family=family: function(RECIPES[section], names, family))
        return function

    return register


def name_links(host, names):
    """Whatever `ip` is told of link1, link2, … is about those names; the `ip` without that."""
    plain = host.ip
    host.ip = lambda *lines: plain(
        *(re.sub(r"\blink(\d)\b", lambda match: names[int(match[1]) - 1], line) for line in lines))
    return plain


class Uplinks(Network):
    """Two hosts; the client's links have names."""

    def __init__(self, names):
        super().__init__(links=len(names), note=tap.note, routes_by_source=NEEDS_ROUTES_BY_SOURCE)
        self.names = names

    def join(self):
        self.plain = name_links(self.client, self.names)
        super().join()

    def wire(self, i, name):
        self.plain(f"link add {self.names[i - 1]} type veth peer name link{i} netns server")


class Scene:
    """mptcpd with that configuration on the client, a server, and one connection to it."""

    def __init__(self, text, names, family, rate=None):
        self.net, self.text, self.family, self.rate = Uplinks(names), text, family, rate

    def __enter__(self):
        with contextlib.ExitStack() as undo:
            net = undo.enter_context(self.net)
            self.daemon = Daemon(net.client, self.text)
            net.on_failure.append(lambda: "mptcpd's log:\n" + self.daemon.text()[-4000:])
            for name in net.names if self.rate else ():
                net.client.run("tc", "qdisc", "replace", "dev", name, "root", "tbf", "rate",
                               self.rate, "burst", "64kb", "latency", "50ms")
            Traffic(net.server, "server", "::", PORT)
            self.capture = Capture(net.client)
            self.undo = undo.pop_all()
        return self

    def __exit__(self, *exception):
        return self.undo.__exit__(*exception)

    def connect(self):
        client = Traffic(self.net.client, "client", SERVER[self.family], PORT, 1)
        tap.equal(client.hello, {"connected": 1, "mptcp": 1}, "connections")
        return client

    def links(self):
        return tuple(self.net.by_link(self.net.client.subflows()).values())

    def await_links(self, *wanted, seconds=5):
        wait_until(lambda: self.links() == wanted, seconds, f"subflows by link {wanted}",
                   self.net.client.subflows)

    def backup(self):
        """The links whose subflows mptcpctl shows as backup."""
        return {s["interface"] for c in self.daemon.connections() for s in c["subflows"]
                if s["backup"]}

    def sent(self, client, size=MEGABYTE):
        """{link: the bytes that left by it during an upload, which is well}"""
        before = self.net.client.counters()
        intact(client.transfer("upload", size), size)
        after = self.net.client.counters()
        return {name: after[name][1] - before[name][1] for name in self.net.names}

    def restart(self):
        tap.equal(self.daemon.end(signal.SIGKILL), -signal.SIGKILL, "exit code")
        self.daemon = Daemon(self.net.client, self.text, runtime=self.daemon.runtime)
        wait_until(self.daemon.connections, 5, "the next mptcpd knows the connection")

    def up(self, i):
        self.net.up(i, self.net.client)


def intact(result, size=MEGABYTE):
    good = result["intact"] and result["bytes"] == size and result["failed"] == 0
    tap.true(good, f"transfer: {result}")


# ---- the page ----


@tap.test("/cookbook/every-configuration-is-good-and-tested")
def all_good():
    tap.equal(TESTED, set(RECIPES), "sections with a test")
    with Network(links=1, note=tap.note) as net:
        daemon = Daemon(net.client)
        for section, text in RECIPES.items():
            file = net.directory / "page.conf"
            file.write_text(text)
            done = subprocess.run([MPTCPD, "--check-config", "--config", file, "--plugin-directory",
                                   stage_plugins(net.directory)], capture_output=True, text=True,
                                  check=False)
            tap.equal((done.returncode, done.stdout + done.stderr), (0, ""), section)
            daemon.config.write_text(text)
            daemon.ctl("config", "check")
            daemon.ctl("reload")


# ---- its sections ----


@recipe("LAPTOP", "wlan0", "wwan0", seconds=90)
def laptop(text, names, family):
    with Scene(text, names, family) as scene:
        short = scene.connect()
        intact(short.transfer("upload", MEGABYTE // 4), MEGABYTE // 4)
        tap.equal((scene.links(), scene.capture.joins()), ((1, 0), []), "a short one")
        short.close()
        client = scene.connect()
        intact(client.transfer("download", 2 * MEGABYTE), 2 * MEGABYTE)
        scene.await_links(1, 1)
        tap.equal(scene.backup(), {"wwan0"}, "backup")
        tap.at_most(scene.sent(client)["wwan0"], MEGABYTE // 10, "bytes by LTE in reserve")
        old = scene.connect()  # it moves nothing, and grows older
        scene.await_links(2, 2, seconds=10)
        old.close()
        client.order("upload", 8 * MEGABYTE)
        scene.net.client.ip("link set wlan0 down")
        intact(client.read(), 8 * MEGABYTE)
        tap.true(scene.sent(client)["wwan0"] >= MEGABYTE, "bytes by LTE when it is alone")
        scene.restart()
        scene.up(1)
        scene.await_links(1, 1, seconds=10)
        tap.at_most(scene.sent(client)["wwan0"], MEGABYTE // 10, "bytes by LTE in reserve again")


@recipe("PHONE", "wlan0", "wwan0", seconds=90)
def phone(text, names, family):
    with Scene(text, names, family) as scene:
        client = scene.connect()
        for _ in range(3):
            intact(client.transfer("upload", MEGABYTE))
        tap.equal((scene.links(), scene.capture.joins()), ((1, 0), []), "while the Wi-Fi works")
        client.order("upload", 8 * MEGABYTE)
        scene.net.client.ip("link set wlan0 down")
        wait_until(lambda: scene.links()[1] == 1, 1, "it has joined by LTE", scene.links)
        intact(client.read(), 8 * MEGABYTE)
        scene.restart()
        scene.up(1)
        back = time.monotonic()
        wait_until(lambda: scene.links()[0] == 1, 5, "it has joined by the Wi-Fi", scene.links)
        wait_until(lambda: scene.backup() == {"wwan0"}, 3, "LTE is a backup", scene.backup)
        tap.at_most(scene.sent(client)["wwan0"], MEGABYTE // 10, "bytes by LTE after that")
        # a Wi-Fi that comes and goes: LTE is there all the while
        scene.net.client.ip("link set wlan0 down")
        intact(client.transfer("upload", MEGABYTE))
        scene.up(1)
        back = time.monotonic()
        scene.await_links(1, 0, seconds=15)
        tap.true(time.monotonic() - back >= 5, "it stays for five seconds")
        intact(client.transfer("download", MEGABYTE))


def phone_in_the_dark(text, names, family):
    with NamedLab(names, config=text) as lab:
        flow = lab.flow("up", thin=True, family=family)
        lab.await_flowing(flow)
        cut = lab.cut(1)
        again = wait_until(lambda: flow.next(cut + 0.2), 10, "data again")
        tap.at_most(again - cut, 3.5 * tap.SLOW, "seconds until data flows again")


class NamedLab(Lab):
    def __init__(self, names, **options):
        super().__init__(links=len(names), **options)
        self.names = names

    def build(self):
        name_links(self.client, self.names)
        super().build()


for number in SERVER:
    tap.test(f"/cookbook/phone-where-the-wi-fi-is-silent-ipv{number}", seconds=60, waits=True)(
        lambda family=number: phone_in_the_dark(RECIPES["PHONE"], ("wlan0", "wwan0"), family))


@recipe("ROUTER", "dsl0", "dsl1", "lan0", seconds=90)
def router(text, names, family):
    with Scene(text, names, family, rate="40mbit") as scene:
        client = scene.connect()
        scene.await_links(1, 1, 0)
        size = 12 * MEGABYTE
        sent = scene.sent(client, size)
        tap.note(f"sent: {sent}")
        for name in ("dsl0", "dsl1"):
            tap.true(sent[name] >= size // 4, f"bytes by {name}: {sent}")
        tap.at_most(sent["lan0"], size // 100, "bytes by lan0")
        option = "-4" if family == 4 else "-6"
        for i in (1, 2):
            rules = scene.net.client.run("ip", option, "rule", "show", "from",
                                         client_address(i, family)).stdout.splitlines()
            tap.equal(len([rule for rule in rules if "lookup 8684" in rule or "suppress" in rule]),
                      2, f"rules: {rules}")
        client.order("upload", size)
        scene.net.client.ip("link set dsl1 down")
        intact(client.read(), size)
        scene.restart()
        scene.up(2)
        scene.await_links(1, 1, 0, seconds=10)
        wait_until(lambda: scene.sent(client, size)["dsl1"] >= size // 4, 20, "both carry data")


class NamedSite(Site):
    """The server's links are eth0 and eth1."""

    def wire(self):
        name_links(self.server, ("eth0", "eth1"))
        plain = self.router.ip
        self.router.ip = lambda *lines: plain(*(re.sub(
            r"link(\d) netns server", lambda match: f"eth{int(match[1]) - 1} netns server", line)
            for line in lines))
        super().wire()


@recipe("SERVER", families=(4,), seconds=90)
def server(text, _names, _family):
    for listen, target in (("0.0.0.0", FIRST), ("0.0.0.0", SECOND), (FIRST, FIRST)):
        with NamedSite(text, listen, target=None) as site:
            traffic = site.connect(target)
            site.await_joined(FIRST, SECOND)
            found = [a for a in site.explain()["announcements"] if a["joined"]]
            tap.equal(len(found), 1, "announcements that were joined")
            intact(traffic.transfer("download", MEGABYTE))
            restart_site(site)
            for number in (1, 2):
                site.server.ip("link set eth1 down")
                site.await_joined(FIRST)
                site.await_counter(site.client, "RmAddr", number)
                intact(traffic.transfer("upload", MEGABYTE))
                site.server.ip("link set eth1 up",
                               "route add default via 10.2.2.1 dev eth1 metric 200")
                site.await_joined(FIRST, SECOND)
            intact(traffic.transfer("download", MEGABYTE))


def restart_site(site):
    text, runtime = site.daemon.config.read_text(), site.daemon.runtime
    site.daemon.end(signal.SIGKILL)
    site.start(text, runtime=runtime)
    wait_until(site.daemon.connections, 5, "the next mptcpd knows the connection")


CALL, JOB = 5061, 873


@recipe("CALLS AND JOBS", "eth0", "wlan0", seconds=90, waits=True)
def calls_and_jobs(text, names, family):
    with NamedLab(names, config=text) as lab:
        lab.set(1, delay=10)
        lab.set(2, delay=40)
        for port in (CALL, JOB):
            Program(lab.server, lab.directory, lab.epoch_us, "server", "::", port)

        def of(port):
            """{link: is it backup} of the connection to that port."""
            return {s["interface"]: s["backup"] for c in lab.daemon.connections()
                    for s in c["subflows"] if c["remote"]["port"] == port
                    and s["state"] == "established"}

        def await_call(wanted, seconds):
            wait_until(lambda: of(CALL) == wanted, seconds, f"the call's links are {wanted}",
                       lambda: of(CALL))
            return time.monotonic()

        warm = lab.flow("idle", family=family)  # neighbours know each other after it
        lab.await_subflows(2)
        warm.close()
        call = lab.flow("up", thin=True, family=family, port=CALL)
        lab.await_flowing(call)
        await_call({"eth0": False, "wlan0": True}, 10)
        wait_until(lambda: {c["policy"] for c in lab.daemon.connections()} == {"calls"}, 10,
                   "the call's policy", lab.daemon.connections)
        begin = time.monotonic()
        wait_until(lambda: call.next(begin + 1), 5, "the call goes on")
        by_link = [lab.carried(i, "up").bytes(begin, begin + 1) for i in lab.links]
        tap.true(by_link[0] > 0 == by_link[1], f"bytes of the call by link: {by_link}")
        lab.set(1, delay=120)
        first = await_call({"eth0": True, "wlan0": False}, 20)
        # what carries nothing has the round-trip time that was measured when it did
        lab.set(2, delay=600)
        second = await_call({"eth0": False, "wlan0": True}, 30)
        tap.true(second - first >= 4.5, f"not before its time: {second - first:.1f} s")
        lab.client.ip("link set eth0 down")
        wait_until(lambda: of(CALL).get("wlan0") is False, 3, "it moves at once", lambda: of(CALL))
        begin = time.monotonic()
        wait_until(lambda: call.next(begin), 5, "the call goes on")
        lab.lease(1)
        for i in lab.links:
            lab.set(i, delay=10)
        job = lab.flow("up", family=family, port=JOB)
        wait_until(lambda: of(JOB) == {"eth0": False, "wlan0": False}, 10, "the job has both",
                   lambda: of(JOB))
        lab.await_flowing(job)

        def bytes_by_link():
            return {s["interface"]: s.get("bytes-sent") or 0 for c in lab.daemon.connections()
                    if c["remote"]["port"] == JOB for s in c["subflows"]}

        wait_until(lambda: min(bytes_by_link().values()) > 100_000, 20, "by both links",
                   bytes_by_link)
        tap.equal({c["policy"] for c in lab.daemon.connections()}, {"calls", "jobs"}, "policies")


@recipe("BACKUP LINKS", "eth0", "eth1", "lte0", seconds=90)
def backup_links(text, names, family):
    with Scene(text, names, family) as scene:
        client = scene.connect()
        scene.await_links(1, 1, 1)
        tap.equal(scene.backup(), {"lte0"}, "backup")
        idle = MEGABYTE // 10
        tap.at_most(scene.sent(client)["lte0"], idle, "bytes by lte0 before")
        scene.net.client.ip("link set eth0 down")
        tap.at_most(scene.sent(client)["lte0"], idle, "bytes by lte0 beside eth1")
        scene.net.client.ip("link set eth1 down")
        tap.true(scene.sent(client)["lte0"] >= MEGABYTE, "bytes by lte0 alone")
        scene.restart()
        scene.up(1)
        scene.up(2)
        scene.await_links(1, 1, 1, seconds=10)
        tap.at_most(scene.sent(client)["lte0"], idle, "bytes by lte0 after")
        tap.equal(scene.backup(), {"lte0"}, "backup")


if __name__ == "__main__":
    sandbox.run(tap.main)
