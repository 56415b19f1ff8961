# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a plugin is shown, and what comes of its plan, on the real kernel."""

import json
import pathlib
import shutil
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from daemon import Daemon, stage_plugins
from hosts import BUILD, Network, Traffic, wait_until
from installed import command, install, program, run

POLICY = """\
[core]
path-manager = userspace
[policy:p]
plugin = {stack}
file = {file}
"""
PAGE = pathlib.Path(__file__).resolve().parents[2] / "man/mptcpd-plugin.7.rst"
NAT = pathlib.Path(__file__).resolve().parent / "nat.py"
COUNTS = not tap.kernel_before(6, 5)  # the kernel, the bytes of a connection
PUBLIC, HOME = "203.0.113.9", "10.0.2.2"  # one stands for the other


class Pair:
    """Two hosts, a connection between them, and mptcpd on one of them."""

    def __enter__(self):
        self.net = Network(links=2, note=tap.note).__enter__()
        try:
            host, config, listen = self.prepare(self.net)
            self.daemon = Daemon(host, config)
            self.net.on_failure.append(lambda: "mptcpd's log:\n" + self.daemon.text()[-4000:])
            Traffic(self.net.server, "server", listen, 5000)
            self.traffic = Traffic(self.net.client, "client", "10.0.1.2", 5000, 1)
        except BaseException:
            self.net.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *exception):
        return self.net.__exit__(*exception)

    def restart(self, config):
        """mptcpd dies, and another one comes after it."""
        tap.equal(self.daemon.end(signal.SIGKILL), -signal.SIGKILL, "exit code")
        self.daemon = Daemon(self.daemon.host, config, runtime=self.daemon.runtime)


class Scene(Pair):
    """The client's policy is a witness."""

    def prepare(self, net):
        self.file = net.client.directory / "seen"
        net.on_failure.append(lambda: "seen:\n" + self.text()[-2000:])
        return net.client, self.config("witness"), "::"

    def config(self, stack):
        return POLICY.format(stack=stack, file=self.file)

    def text(self):
        return self.file.read_text(encoding="utf-8") if self.file.exists() else ""

    def seen(self):
        """All that it was shown so far."""
        return [json.loads(line) for line in self.text().splitlines() if line.endswith("}")]

    def next(self, predicate, what):
        """What it is shown from now on, until that is true."""
        before = len(self.seen())

        def found():
            return next((seen for seen in self.seen()[before:] if predicate(seen)), None)

        return wait_until(found, 5, what, lambda: self.seen()[-2:])


@tap.test("/plugin/measures/of-a-real-connection")
def measures():
    with Scene() as scene:
        size = 1 << 20
        done = scene.traffic.transfer("upload", size)
        tap.equal((done["bytes"], done["intact"]), (size, True), "the data")
        seen = scene.next(lambda seen: seen["measures"] and seen["measures"][0]["sent"] >= size,
                          "measured after the transfer")
        measure = seen["measures"][0]
        tap.note(f"{seen}")
        tap.true(0 < measure["rtt"] < 1000000, "rtt")
        tap.true(0 < measure["min-rtt"] <= measure["rtt"] * 4, "least rtt")
        tap.true(measure["rto"] >= 100000, "rto")
        tap.true(measure["cwnd"] > 1 and 500 < measure["mss"] < 65536, "cwnd and mss")
        tap.true(measure["rate"] > 0, "rate")
        # the age of the last data grows, and each look is fresh
        later = scene.next(lambda seen: seen["measures"] and
                           seen["measures"][0]["sent-age"] > measure["sent-age"] + 500,
                           "a second without data")
        tap.at_most(later["now"] - later["measures"][0]["taken"], 1000 * tap.SLOW, "ms old")


@tap.test("/plugin/connection/age-bytes-and-owner-over-restarts")
def over_restarts():
    with Scene() as scene:
        size = 1 << 18
        scene.traffic.transfer("upload", size)

        def counted(seen):
            return seen["known"] == COUNTS and (not COUNTS or seen["sent"] >= size)

        before = scene.next(counted, "bytes")
        tap.note(f"{before}")
        tap.true(0 < before["begin"] <= before["now"], "its age")
        tap.equal((before["uid"], before["mark"]), (0, 0), "owner")
        for _ in range(2):
            scene.restart(scene.config("witness"))
            after = scene.next(counted, "bytes")
            tap.equal(after["begin"], before["begin"], "when it began")
            tap.true(after["sent"] >= before["sent"], f"bytes: {before} {after}")
            tap.true(after["asked"] > before["asked"], f"memory: {before} {after}")
            before = after


@tap.test("/plugin/memory/survives-a-reload-of-the-same-stack")
def reload_memory():
    with Scene() as scene:
        before = scene.next(lambda seen: seen["asked"] >= 4, "asked a few times")
        scene.daemon.config.write_text(scene.config("witness") + "interval = 200ms\n")
        scene.daemon.ctl("reload")
        after = scene.next(lambda seen: True, "asked after the reload")
        tap.true(after["asked"] > before["asked"], f"the same stack: {before} {after}")
        scene.daemon.config.write_text(scene.config("fullmesh, witness"))
        scene.daemon.ctl("reload")
        after = scene.next(lambda seen: seen["asked"] < before["asked"], "begun anew")
        tap.at_most(after["asked"], 3, "of another stack")


class Behind(Pair):
    """A server behind 1:1 NAT, whose application listens on its first address alone."""

    def __init__(self, listen=""):
        self.config = (POLICY.format(stack="witness", file="/dev/null") +
                       f"announce = {PUBLIC}\n" + (listen and f"listen-at = {listen}\n"))

    def prepare(self, net):
        net.server.run(sys.executable, NAT, PUBLIC, HOME)
        net.client.ip(f"route add {PUBLIC} via {HOME} dev link2",
                      "mptcp limits set subflow 4 add_addr_accepted 4")
        return net.server, self.config, "10.0.1.2"

    def await_joined(self, count):
        """So many subflows end at the server's second address."""
        wait_until(lambda: [s["local"][0] for s in self.net.server.subflows()].count(HOME) == count,
                   5, f"{count} joins through the NAT", self.net.server.subflows)


@tap.test("/plugin/announcement/listens-at-home-for-a-public-address")
def behind_nat():
    with Behind(HOME) as scene:
        scene.await_joined(1)
        tap.true((PUBLIC, 5000) in [s["remote"][:2] for s in scene.net.client.subflows()],
                 f"{scene.net.client.subflows()}")
        announced = scene.daemon.connections()[0]["announced"]
        tap.equal([a["address"] for a in announced], [PUBLIC], "announced")
        scene.restart(scene.config)  # the next one listens there as well
        Traffic(scene.net.client, "client", "10.0.1.2", 5000, 1)
        scene.await_joined(2)
        done = scene.traffic.transfer("upload", 1 << 20)
        tap.true(done["intact"] and done["failed"] == 0, f"transfer: {done}")


@tap.test("/plugin/announcement/is-refused-where-nobody-listens")
def nobody_listens():
    with Behind() as scene:
        wait_until(lambda: scene.net.client.nstat().get("MPJoinSynTx", 0) >= 1, 5, "a join",
                   scene.net.client.nstat)
        scene.await_joined(0)


@tap.test("/plugin/absurd/is-bounded-and-named-once-a-kind")
def absurd():
    config = "[core]\npath-manager = userspace\n[policy:p]\nplugin = absurd\n"
    with Network(links=2, note=tap.note) as net:
        Traffic(net.server, "server", "::", 5000)
        daemon = Daemon(net.client, config)
        net.on_failure.append(lambda: "mptcpd's log:\n" + daemon.text()[-4000:])
        clients = [Traffic(net.client, "client", server, 5000, 1)
                   for server in ("10.0.1.2", "2001:db8:1::2")]
        wait_until(lambda: len(net.client.subflows()) == 4, 5, "what was good of the plan",
                   net.client.subflows)
        sent = daemon.json("status")["status"]["commands"]
        for client in clients:
            for way in ("upload", "download"):
                result = client.transfer(way, 1000000)
                tap.true(result["intact"] and result["failed"] == 0, f"{way}: {result}")
        tap.equal(len(net.client.subflows()), 4, "subflows")
        tap.equal(daemon.json("status")["status"]["commands"], sent, "commands, meanwhile")
        refused = [line.split("is refused: ")[1] for line in daemon.lines()
                   if "plugin absurd" in line and "is refused" in line]
        tap.true(refused and len(refused) == len(set(refused)), f"once a kind: {refused}")
        daemon.end()


@tap.test("/plugin/example/all-but-the-first-are-backup")
def example():
    with Network(links=3, note=tap.note) as net:
        Traffic(net.server, "server", "10.0.1.2", 5000)
        daemon = Daemon(net.client, "[core]\npath-manager = userspace\n[policy:p]\nplugin = spare\n")
        net.on_failure.append(lambda: "mptcpd's log:\n" + daemon.text()[-4000:])
        traffic = Traffic(net.client, "client", "10.0.1.2", 5000, 1)
        tap.true(traffic.transfer("upload", 1000)["intact"], "the data")
        wait_until(lambda: len(net.client.subflows()) == 3, 5, "spare subflows", net.client.subflows)
        subflows = daemon.connections()[0]["subflows"]
        tap.equal(sorted((s["interface"], s["backup"]) for s in subflows),
                  [("link1", False), ("link2", True), ("link3", True)], "subflows")


# ---- from the page alone ----


def needs_tools():
    for tool in ("cc", "meson", "pkg-config"):
        if not shutil.which(tool):
            raise tap.Skip(f"{tool} is not installed")


def written_from_the_page(net):
    """The page's own policy, made with what is installed and nothing else; its file."""
    root, source, plugin = (net.directory / name for name in ("installed", "spread.c", "spread.so"))
    there = {"PKG_CONFIG_LIBDIR": str(install(BUILD, root))}
    source.write_text(program(PAGE), encoding="utf-8")
    flags = run("pkg-config", "--cflags", "mptcpd-plugin", **there).split()
    tap.true(flags and all(flag.startswith(f"-I{root}") for flag in flags), f"headers: {flags}")
    run("cc", "-shared", "-fPIC", "-O2", *flags, "-o", plugin, source)
    plugin.chmod(0o644)
    simulate = run("pkg-config", "--variable=simulate", "mptcpd-plugin", **there).strip()
    words = [str(plugin) if word == "./spread.so" else word for word in command(PAGE, "mptcpd-simulate")]
    tap.true("20 hosts, 0 at fault" in run(simulate, "--hosts", 20, *words), f"simulate {words}")
    return plugin


@tap.test("/plugin/manual/the-pages-own-policy-does-what-the-page-says")
def from_the_page():
    needs_tools()
    with Network(note=tap.note) as net:
        shutil.copy(written_from_the_page(net), stage_plugins(net.client.directory))
        text = "[core]\npath-manager = userspace\n[policy:p]\nplugin = spread\n"
        daemon = Daemon(net.client, text + "max-paths = 2\n")
        net.on_failure.append(lambda: "mptcpd's log:\n" + daemon.text()[-4000:])
        Traffic(net.server, "server", "::", 5000)
        clients = [Traffic(net.client, "client", address, 5000, 1)
                   for address in ("10.0.1.2", "2001:db8:1::2")]

        def links():
            return tuple(net.by_link(net.client.subflows()).values())

        def reload(settings, wanted):
            daemon.config.write_text(text + settings)
            daemon.ctl("reload")
            wait_until(lambda: links() == wanted, 5, f"subflows by link {wanted}", links)

        wait_until(lambda: links() == (2, 2, 0), 5, "two subflows of each connection", links)
        shown = daemon.ctl("policy")
        tap.true("spread" in shown and "max-paths" in shown, shown)
        reload("", (2, 2, 2))
        reload("except = 10.0.0.0/8\n", (2, 1, 1))
        # a link that returns is joined again, and nobody told the plugin of any event
        net.client.ip("link set link3 down")
        wait_until(lambda: links() == (2, 1, 0), 5, "link3 is gone", links)
        net.up(3, net.client)
        wait_until(lambda: links() == (2, 1, 1), 5, "link3 is back", links)
        for client in clients:
            done = client.transfer("upload", 1 << 20)
            tap.true(done["intact"] and done["bytes"] == 1 << 20, f"transfer: {done}")


if __name__ == "__main__":
    sandbox.run(tap.main)
