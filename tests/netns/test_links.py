# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which links count, and which are left alone: by what they are, and by the files or without any."""

import errno
import pathlib
import re
import select
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from capture import in_namespace
from daemon import Daemon, Monitor
from hosts import NEEDS_ROUTES_BY_SOURCE, Network, Traffic, wait_until
from judge import table
from relay import hold

ROOT = pathlib.Path(__file__).resolve().parents[2]
USERSPACE = "[core]\npath-manager = userspace\n"
ADDRESSES = ("10.0.{}.{}", "2001:db8:{}::{}")  # of a link, and of a host on it

def readme():
    """The configuration that the README tells people to write."""
    return re.search(r"```ini\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"),
                     re.DOTALL)[1]


class Scene:
    """Two hosts, three links, and mptcpd on the client when start() is called."""

    def __init__(self, links=3):
        self.net = Network(links=links, note=tap.note, routes_by_source=NEEDS_ROUTES_BY_SOURCE)

    def __enter__(self):
        self.client = self.net.__enter__().client
        try:
            Traffic(self.net.server, "server", "::", 5000)
        except BaseException:
            self.net.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *exception):
        return self.net.__exit__(*exception)

    def start(self, config):
        self.daemon = Daemon(self.client, config)
        self.net.on_failure[:] = [lambda: "mptcpd's log:\n" + self.daemon.text()[-4000:]]

    def addresses(self):
        """{address: why it does not count, or None}"""
        return {a["address"]: a["reason"] for i in self.daemon.json("interface")["interfaces"]
                for a in i["addresses"]}

    def sources(self, state="ESTAB"):
        return sorted(s["local"][0] for s in self.client.subflows(state=state))

    def connect(self, address):
        client = Traffic(self.client, "client", address, 5000)
        tap.equal(client.hello, {"connected": 1, "mptcp": 1}, "a connection")
        return client

    def await_table(self, wanted, seconds=1):
        """Wait for endpoints {(address, device)}."""
        wait_until(lambda: table(self.client) == wanted, seconds, f"endpoints {wanted}",
                   lambda: table(self.client))

    def await_sources(self, wanted, seconds=1):
        wait_until(lambda: self.sources() == sorted(wanted), seconds, f"subflows from {wanted}",
                   self.sources)


# ---- what holds without any file ----


def vpn(scene):
    """A tunnel that leads everywhere, as a VPN makes it."""
    hold("tun", (scene.client, "tun0"))
    scene.client.ip("address add 10.8.0.1/24 dev tun0",
                    "address add 2001:db8:88::1/64 dev tun0 nodad",
                    "route add default dev tun0 metric 50", "route add ::/0 dev tun0 metric 50")


def protected(config, leaves_by_vpn):
    for pattern in ADDRESSES:
        with Scene() as scene:
            vpn(scene)
            scene.start(config)
            wanted = [pattern.format(i, 1) for i in scene.net.links]
            scene.connect(pattern.format(1, 2))
            scene.await_sources(wanted)
            inside = {"10.8.0.1", "2001:db8:88::1"}.intersection(scene.sources(None))
            tap.equal(bool(inside), leaves_by_vpn, f"subflows by the tunnel: {inside}")
            tap.equal(scene.addresses()["10.8.0.1"], None if leaves_by_vpn else "use = no", "why")


@tap.test("/links/default/no-subflow-leaves-by-a-tunnel-with-the-readmes-configuration")
def readme_protects():
    protected(readme(), leaves_by_vpn=False)


@tap.test("/links/default/no-subflow-leaves-by-a-tunnel-with-hardly-any-configuration")
def little_protects():
    protected(USERSPACE, leaves_by_vpn=False)


@tap.test("/links/default/a-group-that-matches-replaces-what-protects")
def replaced():
    protected(USERSPACE + "[interface:tun*]\nflags = subflow,backup\n", leaves_by_vpn=True)


@tap.test("/links/default/no-endpoint-for-what-is-protected")
def no_endpoint():
    with Scene(links=2) as scene:
        vpn(scene)
        scene.client.ip("link add docker0 type bridge", "link set docker0 up",
                        "link add inside0 type veth peer name inside1",
                        "link set inside0 master docker0 up", "link set inside1 up",
                        "address add 172.17.0.1/16 dev docker0",
                        "route add default via 172.17.0.2 dev docker0 metric 700")
        scene.start("")
        wanted = {(pattern.format(i, 1), f"link{i}") for i in (1, 2) for pattern in ADDRESSES}
        scene.await_table(wanted)
        tap.equal(scene.addresses()["172.17.0.1"], "use = no", "docker0")


@tap.test("/links/default/a-connection-that-begins-inside-a-vpn-stays-inside")
def inside_vpn():
    for pattern, inside in zip(ADDRESSES, ("10.8.0.{}", "2001:db8:88::{}")):
        with Scene() as scene:
            # a "tunnel" with somebody at its end: its name decides here
            scene.client.ip("link add wg0 type veth peer name wg1 netns server",
                            "link set wg0 up", "address add 10.8.0.1/24 dev wg0",
                            "address add 2001:db8:88::1/64 dev wg0 nodad")
            scene.net.server.ip("link set wg1 up", "address add 10.8.0.2/24 dev wg1",
                                "address add 2001:db8:88::2/64 dev wg1 nodad")
            scene.net.await_carrier()
            scene.start(USERSPACE + "[interface:wg*]\nuse = no\n")
            scene.connect(inside.format(2))
            scene.connect(pattern.format(1, 2))  # another one gets its three at the same time
            scene.await_sources([inside.format(1)] + [pattern.format(i, 1) for i in (1, 2, 3)])
            policies = {c["local"]["address"]: c["policy"] for c in scene.daemon.connections()}
            tap.equal(policies, {inside.format(1): None, pattern.format(1, 1): "default"},
                      "policies")


# ---- taps ----

TAP_ROUTES = ("route add default via 10.7.0.2 dev tap0 metric 500",
              "route add ::/0 via 2001:db8:77::2 dev tap0 metric 500")
TAP = {("10.7.0.1", "tap0"), ("2001:db8:77::1", "tap0")}
LINK1 = {("10.0.1.1", "link1"), ("2001:db8:1::1", "link1")}
TAKEN = "tap with a default route beside another link's: taken for a tunnel"


def add_tap(scene, *more):
    """tap0, as it is in a container or made by a VPN."""
    places = [(scene.client, "tap0"), (scene.net.server, "tap0")]
    hold("tap", *places)
    for host, number in zip((scene.client, scene.net.server), (1, 2)):
        host.ip(f"address add 10.7.0.{number}/24 dev tap0",
                f"address add 2001:db8:77::{number}/64 dev tap0 nodad")
    scene.client.ip(*more)


def no_defaults(scene):
    """No link leads out any more, by the main table or by one for its address."""
    for i in scene.net.links if scene.net.routes_by_source else ():
        for family in ("-4", "-6"):
            scene.client.run("ip", family, "route", "flush", "table", 100 + i)
    scene.client.ip(*(f"route del default dev link{i} metric {100 + i}" for i in scene.net.links),
                    *(f"route del ::/0 dev link{i} metric {100 + i}" for i in scene.net.links))


@tap.test("/links/tap/a-containers-own-is-used-like-ethernet")
def own_tap():
    for config in ("", "[interface:type:tunnel]\nuse = no\n"):
        with Scene(links=1) as scene:
            no_defaults(scene)
            add_tap(scene, *TAP_ROUTES)
            scene.start(config)
            scene.await_table(TAP)
            shown = {i["name"]: i for i in scene.daemon.json("interface")["interfaces"]}["tap0"]
            tap.equal((shown["type"], shown["use"], shown["reason"]), ("tap", True, None), "tap0")


@tap.test("/links/tap/carries-subflows")
def tap_carries():
    for pattern, far in zip(ADDRESSES, ("10.7.0.{}", "2001:db8:77::{}")):
        with Scene(links=1) as scene:
            no_defaults(scene)
            add_tap(scene, "route add 10.0.0.0/16 via 10.7.0.2 dev tap0 metric 500",
                    "route add 2001:db8::/48 via 2001:db8:77::2 dev tap0 metric 500")
            # a joiner is reached by the address of the other link
            scene.client.ip("route add 2001:db8:1::2/128 via 2001:db8:77::2 dev tap0 metric 5000")
            scene.start(USERSPACE)
            scene.connect(pattern.format(1, 2))
            scene.await_sources([pattern.format(1, 1), far.format(1)])


@tap.test("/links/tap/one-with-a-default-route-beside-another-is-taken-for-a-tunnel")
def tap_is_vpn():
    with Scene(links=1) as scene:
        add_tap(scene)
        scene.start("")
        scene.await_table(LINK1)
        monitor = Monitor(scene.daemon)
        scene.client.ip(*TAP_ROUTES)
        monitor.wait({"event": "interface-changed"})
        tap.equal(scene.addresses()["10.7.0.1"], TAKEN, "why")
        tap.equal(table(scene.client), LINK1, "endpoints")
        no_defaults(scene)  # all there is now goes by the tap, whatever it is
        scene.await_table(TAP)
        scene.net.up(1, scene.client)
        scene.await_table(LINK1)


@tap.test("/links/tap/one-that-is-configured-is-used-all-the-same")
def tap_configured():
    for group in ("[interface:tap0]\nuse = yes\n", "[interface:type:tap]\nflags = subflow\n",
                  "[interface:10.7.0.0/24]\nuse = yes\n[interface:2001:db8:77::/64]\n"):
        with Scene(links=1) as scene:
            add_tap(scene, *TAP_ROUTES)
            scene.start(group)
            scene.await_table(LINK1 | TAP)


@tap.test("/links/tap/a-connection-inside-a-vpn-of-taps-stays-inside")
def tap_kept_apart():
    for far in ("10.7.0.{}", "2001:db8:77::{}"):
        with Scene(links=2) as scene:
            add_tap(scene, *TAP_ROUTES)
            scene.start(USERSPACE)
            scene.connect(far.format(2))
            scene.connect("10.0.1.2")
            scene.await_sources([far.format(1), "10.0.1.1", "10.0.2.1"])


# ---- a route out, for the endpoints of the kernel's path manager ----


def links(*numbers):
    return {(pattern.format(i, 1), f"link{i}") for i in numbers for pattern in ADDRESSES}


def v4(*numbers):
    return {(f"10.0.{i}.1", f"link{i}") for i in numbers}


def v6(*numbers):
    return {(f"2001:db8:{i}::1", f"link{i}") for i in numbers}


@tap.test("/links/route/direct-links-alone-count-with-use-yes-only")
def direct():
    with Scene() as scene:
        no_defaults(scene)
        scene.start("")
        tap.equal(set(scene.addresses()[f"10.0.{i}.1"] for i in (1, 2, 3)),
                  {"no route leads out from it"}, "why")
        tap.equal(table(scene.client), set(), "endpoints")
        scene.daemon.config.write_text("[interface:link[12]]\nuse = yes\n")
        scene.daemon.ctl("reload")
        scene.await_table(links(1, 2))
        tap.equal([scene.addresses()[f"10.0.{i}.1"] for i in (1, 2)], [None, None], "why")
        shown = {i["name"]: i for i in scene.daemon.json("interface")["interfaces"]}
        tap.equal(shown["link1"]["default-route"], {"ipv4": False, "ipv6": False}, "default route")
        scene.daemon.config.write_text("[interface:2001:db8::/32]\nuse = yes\n")
        scene.daemon.ctl("reload")
        scene.await_table(v6(1, 2, 3))


@tap.test("/links/route/a-site-is-a-way-out")
def site():
    with Scene() as scene:
        no_defaults(scene)
        scene.start("")
        tap.equal(table(scene.client), set(), "endpoints at first")
        scene.client.ip("route add 10.0.0.0/8 via 10.0.1.2 dev link1")
        scene.await_table(v4(1))
        scene.client.ip("route add 2001:db8:4000::/36 via 2001:db8:2::2 dev link2")
        scene.await_table(v4(1) | v6(2))
        scene.client.ip("route add 2000::/3 via 2001:db8:3::2 dev link3",
                        "route add 192.168.0.0/16 via 10.0.3.2 dev link3 src 10.0.3.1")
        scene.await_table(v4(1, 3) | v6(2, 3))
        scene.client.ip("route del 10.0.0.0/8", "route del 2000::/3")
        scene.await_table(v4(3) | v6(2))
        scene.client.ip("route add 172.20.0.0/16 nexthop via 10.0.1.2 dev link1 "
                        "nexthop via 10.0.2.2 dev link2")
        scene.await_table(v4(1, 2, 3) | v6(2))
        tap.equal(scene.addresses()["10.0.2.1"], None, "why")


@tap.test("/links/route/a-unique-local-site-is-a-way-out")
def unique_local():
    with Scene(links=2) as scene:
        no_defaults(scene)
        scene.client.ip("address add fd12:0:0:1::1/64 dev link1 nodad",
                        "route add fd12::/48 via 2001:db8:1::2 dev link1")
        scene.start("[interface:fd00::/8]\naddresses = unique-local\n")
        scene.await_table(v6(1) | {("fd12:0:0:1::1", "link1")})


@tap.test("/links/route/rules-by-source-count")
def by_source():
    with Scene() as scene:
        no_defaults(scene)
        scene.client.ip("route add 10.64.0.0/10 via 10.0.2.2 dev link2 table 77",
                        "route add 2001:db8:4000::/36 via 2001:db8:2::2 dev link2 table 77",
                        "route add 10.64.0.0/10 via 10.0.3.2 dev link3 table 78")
        scene.start("")
        tap.equal(table(scene.client), set(), "endpoints at first")
        scene.client.run("ip", "rule", "add", "from", "10.0.2.1", "table", 77)
        scene.client.run("ip", "rule", "add", "from", "10.0.1.1", "table", 78)
        scene.await_table(v4(2))
        scene.client.run("ip", "-6", "rule", "add", "from", "2001:db8:2::1", "table", 77)
        scene.await_table(v4(2) | v6(2))
        scene.client.run("ip", "rule", "del", "from", "10.0.2.1", "table", 77)
        scene.await_table(v6(2))


@tap.test("/links/route/what-leads-nowhere-is-no-way-out")
def nowhere():
    with Scene() as scene:
        no_defaults(scene)
        scene.start("")
        scene.client.ip("route add blackhole 10.64.0.0/10", "route add unreachable default",
                        "route add unreachable ::/0 metric 9", "route add prohibit 172.16.0.0/12",
                        "route add blackhole 2001:db8:4000::/36",
                        "link add br-site type bridge", "link set br-site up",
                        "link add inside0 type veth peer name inside1",
                        "link set inside0 master br-site up", "link set inside1 up",
                        "address add 172.18.0.1/16 dev br-site",
                        "address add 2001:db8:18::1/64 dev br-site nodad",
                        "route add 10.0.2.77 dev link2",  # a neighbour
                        "route add 10.64.0.0/10 via 10.0.1.2 dev link1 metric 7")
        wait_until(lambda: "172.18.0.1" in scene.addresses(), 1, "the bridge is known")
        tap.equal(table(scene.client), set(), "endpoints")
        scene.client.ip("route del blackhole 10.64.0.0/10")
        scene.await_table(v4(1))
        scene.client.ip("route replace blackhole 10.64.0.0/10 metric 3")
        scene.await_table(set())
        wait_until(lambda: scene.addresses()["172.18.0.1"] == "no route leads out from it", 2,
                   "why the bridge does not count", scene.addresses)


@tap.test("/links/route/a-single-host-is-a-way-out-where-nothing-else-is")
def single_host():
    with Scene(links=2) as scene:
        no_defaults(scene)
        scene.client.ip("route add 10.64.0.1 via 10.0.1.2 dev link1",
                        "route add 2001:db8:4000::1 via 2001:db8:1::2 dev link1")
        scene.start("")
        scene.await_table(links(1))
        vpn(scene)  # all goes in by the tunnel, which itself goes by link1
        scene.await_table(set())


# ---- marks ----

# An application that sets SO_MARK; it has its connection as long as the host lives.
MARKED = """
import socket, sys, time
mark, address = int(sys.argv[1]), sys.argv[2]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
connection = socket.socket(family, socket.SOCK_STREAM, 262)
connection.setsockopt(socket.SOL_SOCKET, 36, mark)
connection.connect((address, 5000))
connection.recv(1)
print("connected", flush=True)
time.sleep(3600)
"""
SERVICES = ("10.50.0.1", "2001:db8:50::1")  # behind the server's links


def behind(scene):
    """Addresses that are nobody's neighbours, reached by link1 unless a table says otherwise."""
    no_defaults(scene)
    scene.net.server.ip(*(f"address add {address} dev lo" for address in SERVICES))
    scene.client.ip("route add 10.50.0.1 via 10.0.1.2 dev link1",
                    "route add 2001:db8:50::1 via 2001:db8:1::2 dev link1")


def by_all_links(table_):
    """The lines that make all links default routes of this table."""
    return [f"route add {net} via {pattern.format(i, 2)} dev link{i} metric {100 + i} table {table_}"
            for i in (1, 2, 3) for net, pattern in zip(("default", "::/0"), ADDRESSES)]


def rule(scene, verb, *words):
    for family in ("-4", "-6"):
        scene.client.run("ip", family, "rule", verb, *words)


def connect_marked(scene, mark, address):
    """Returns its token."""
    before = {c["token"] for c in scene.client.connections()}
    child = scene.client.start("/usr/bin/python3", "-c", MARKED, mark, address,
                               stdout=subprocess.PIPE)
    tap.equal(child.stdout.readline(), "connected\n", "a connection")
    token, = {c["token"] for c in scene.client.connections()} - before
    return token


def await_links(scene, token, wanted):
    """Wait until this connection has its subflows by these links, and no others."""

    def found():
        return sorted(i for i, n in scene.net.by_link(scene.client.subflows(token)).items() if n)

    wait_until(lambda: found() == wanted, 1, f"subflows by links {wanted}", found)


def errors(scene, token):
    """Of paths by interface. Linux 6.1 binds a subflow to no link, of which other errors come."""
    unbound = {subflow["local"][0] for subflow in scene.client.subflows(token)
               if not subflow["device"]}
    paths = scene.daemon.json("explain", token)["paths"]
    return {path["interface"]: None if path["local"]["address"] in unbound
            and " leave by " in (path["error"] or "") else path["error"] for path in paths}


@tap.test("/links/mark/a-connection-goes-where-its-mark-goes")
def marked():
    for address in SERVICES:
        with Scene() as scene:
            behind(scene)
            scene.client.ip(*by_all_links(42))
            rule(scene, "add", "fwmark", 42, "table", 42)
            scene.start(USERSPACE)
            token = connect_marked(scene, 42, address)
            await_links(scene, token, [1, 2, 3])
            tap.equal(errors(scene, token), {"link1": None, "link2": None, "link3": None}, "why")
            others = {connect_marked(scene, 7, address): " with mark 0x7",
                      connect_marked(scene, 0, address): ""}
            for other, mark in others.items():
                await_links(scene, other, [1])
                tap.equal(errors(scene, other),
                          {"link1": None, "link2": f"no route to the peer from link2{mark}",
                           "link3": f"no route to the peer from link3{mark}"}, "why")
            await_links(scene, token, [1, 2, 3])


@tap.test("/links/mark/a-rule-that-comes-later-is-followed")
def later_rule():
    for address in SERVICES:
        with Scene() as scene:
            behind(scene)
            scene.client.ip(*by_all_links(42))
            scene.start(USERSPACE)
            tokens = [connect_marked(scene, mark, address) for mark in (0x4a, 0x5a)]
            for token in tokens:
                await_links(scene, token, [1])
            rule(scene, "add", "fwmark", "0x40/0xf0", "table", 42)
            await_links(scene, tokens[0], [1, 2, 3])
            await_links(scene, tokens[1], [1])
            rule(scene, "add", "fwmark", "0x50/0xf0", "table", 42)
            await_links(scene, tokens[1], [1, 2, 3])
            rule(scene, "del", "fwmark", "0x40/0xf0", "table", 42)
            scene.net.down(2)
            await_links(scene, tokens[1], [1, 3])


@tap.test("/links/mark/a-restart-knows-the-marks")
def adopted_mark():
    with Scene() as scene:
        behind(scene)
        scene.client.ip(*by_all_links(42))
        rule(scene, "add", "fwmark", 42, "table", 42)
        scene.client.sysctl("net.mptcp.path_manager", "userspace")
        token = connect_marked(scene, 42, SERVICES[0])
        scene.start(USERSPACE)
        await_links(scene, token, [1, 2, 3])


@tap.test("/links/mark/what-is-marked-to-go-past-a-vpn-has-its-paths-there")
def wg_quick():
    for address in SERVICES:
        with Scene() as scene:
            behind(scene)
            scene.client.ip(*by_all_links("main"))
            hold("tun", (scene.client, "wg0"))
            scene.client.ip("address add 10.8.0.1/24 dev wg0",
                            "address add 2001:db8:88::1/64 dev wg0 nodad",
                            "route add default dev wg0 table 51820",
                            "route add ::/0 dev wg0 table 51820")
            rule(scene, "add", "not", "fwmark", 51820, "table", 51820)
            rule(scene, "add", "table", "main", "suppress_prefixlength", 0)
            scene.start(USERSPACE)
            token = connect_marked(scene, 51820, address)
            await_links(scene, token, [1, 2, 3])


# ---- a link that is back ----


def connect_while_it_returns(net):
    """What comes of a program that connects by a link which has its carrier back a moment later.

    The name of the error (None: none) and seconds, from then.
    """
    net.down(2, net.server)
    wait_until(lambda: "NO-CARRIER" in net.client.run("ip", "link", "show", "link2").stdout, 2,
               "no carrier")
    with in_namespace(net.client.name, socket.socket) as program:
        program.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"link2")
        program.setblocking(False)
        tap.equal(program.connect_ex(("10.0.2.2", 6000)), errno.EINPROGRESS, "it connects")
        wait_until(lambda: "10.0.2.2 dev link2 INCOMPLETE" in
                   re.sub(" +", " ", net.client.run("ip", "neigh").stdout), 2, "its SYN waits")
        begin = time.monotonic()
        net.up(2, net.server)
        tap.equal(select.select([], [program], [], 10)[1], [program], "something comes of it")
        error = program.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return errno.errorcode.get(error), time.monotonic() - begin


@tap.test("/links/back/who-connects-meanwhile-is-not-turned-away")
def meanwhile():
    with Scene(links=2) as scene:
        Traffic(scene.net.server, "server", "0.0.0.0", 6000)
        without = connect_while_it_returns(scene.net)
        tap.note(f"without mptcpd: {without}")
        scene.start(USERSPACE)
        scene.connect("10.0.1.2")
        scene.await_sources(["10.0.1.1", "10.0.2.1"])
        for _ in range(3):
            error, seconds = connect_while_it_returns(scene.net)
            tap.note(f"with it: {error}, {seconds:.3f} s")
            tap.equal(error, None, "the error of who connects")
            tap.at_most(seconds, without[1] + 0.1, "seconds until it is connected")
            scene.await_sources(["10.0.1.1", "10.0.2.1"], 3)


# Nobody hears the first two questions, or asks by himself, which would answer them.
DEAF = """\
add table arp late
add chain arp late out { type filter hook output priority 0; policy accept; }
add rule arp late out arp operation request drop
add chain arp late in { type filter hook input priority 0; policy accept; }
add rule arp late in arp operation request arp daddr ip 10.0.2.2 quota until 57 bytes drop
"""


def lose_first_words(others):
    """The other end has its carrier later than ours: it does not hear who asks for it before.

    Nor does anybody answer for so many others that are made use of there.
    """
    with Scene(links=2) as scene:
        scene.start(USERSPACE)
        scene.connect("10.0.1.2")
        scene.await_sources(["10.0.1.1", "10.0.2.1"])
        script = scene.net.directory / "up"
        script.write_text("link set link2 up\n"
                          "route replace default via 10.0.2.2 dev link2 metric 102\n" + "".join(
            f"neighbour add 10.77.{i // 200}.{1 + i % 200} dev link2 use\n" for i in range(others)))
        for _ in range(5):
            scene.net.down(2)
            scene.await_sources(["10.0.1.1"])
            scene.net.server.run("nft", DEAF)
            begin = time.monotonic()
            scene.client.run("ip", "-batch", script)
            scene.await_sources(["10.0.1.1", "10.0.2.1"], 5)
            tap.at_most(time.monotonic() - begin, 0.5 * tap.SLOW,
                        "seconds, where the kernel asks again after one")
            scene.net.server.run("nft", "delete table arp late")


@tap.test("/links/back/the-first-word-to-a-neighbour-may-be-lost")
def first_word():
    lose_first_words(0)


@tap.test("/links/back/the-first-word-to-a-neighbour-may-be-lost/among-many-that-do-not-answer")
def first_word_among_many():
    lose_first_words(600)


if __name__ == "__main__":
    sandbox.run(tap.main)
