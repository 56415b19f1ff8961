# SPDX-License-Identifier: LGPL-2.1-or-later
"""A laptop: NetworkManager as Debian has it, two uplinks that come and go, and mptcpd beside it. It is
not among the suites, for it takes minutes: `./dev neighbours`. What tests/netns/test_neighbour.py does in
its place was seen here.

    test_networkmanager.py serve PORT    is the server, in a namespace of its own
"""

import contextlib
import ipaddress
import itertools
import json
import pathlib
import re
import selectors
import shutil
import socket
import subprocess
import sys
import threading
import time

sys.path[1:1] = [str(pathlib.Path(__file__).resolve().parents[1]),
                 str(pathlib.Path(__file__).resolve().parents[1] / "netns")]

import container
import tap
from hosts import parse_socket, wait_until
from service import UNIT, Service, listing, run

NM = "NetworkManager.service"
CONF = pathlib.Path("/etc/NetworkManager/conf.d")
ARCHIVES = container.BUILD / "neighbours"
PORTS = itertools.count(7000)  # another one each time: what was before has not gone yet
SERVER = {4: "10.0.9.2", 6: "2001:db8:9::2"}
LINKS = {"lan0": 1, "wwan0": 2}  # and the third part of their addresses
TENTATIVE = 0x40  # of /proc/net/if_inet6
GLOBAL = "00"  # there


# ---- outside ----


def install(root):
    """As Debian has it: no file of ours is there. What this machine lacks for it is in ARCHIVES."""
    container.install_build(root)
    (root / "usr/sbin/policy-rc.d").unlink(missing_ok=True)
    packages = sorted(ARCHIVES.glob("*.deb"))
    for package in packages:
        shutil.copy(package, root / "var/tmp")
    if packages:
        container.run("chroot", root, "env", "DEBIAN_FRONTEND=noninteractive", "dpkg", "--install",
                      *(f"/var/tmp/{package.name}" for package in packages))


# ---- the server ----


def serve(port):
    """Send back what comes, on each connection."""
    selector = selectors.DefaultSelector()
    listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_MPTCP)
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listener.bind(("::", port))
    listener.listen()
    selector.register(listener, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                selector.register(listener.accept()[0], selectors.EVENT_READ)
                continue
            try:
                data = key.fileobj.recv(65536)
                key.fileobj.sendall(data)
            except OSError:
                data = b""
            if not data:
                selector.unregister(key.fileobj)
                key.fileobj.close()


# ---- inside ----


class Talk:
    """A connection on which a number goes to and fro ten times a second."""

    def __init__(self, family, port):
        self.family, self.port = family, port
        self.socket = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6,
                                    socket.SOCK_STREAM, socket.IPPROTO_MPTCP)
        self.socket.connect((SERVER[family], port))
        self.error = None
        self.heard = time.monotonic()
        threading.Thread(target=self.talk, daemon=True).start()

    def talk(self):
        try:
            while True:
                self.socket.sendall(b"12345678")
                rest = 8
                while rest:
                    data = self.socket.recv(rest)
                    if not data:
                        raise ConnectionError("closed")
                    rest -= len(data)
                self.heard = time.monotonic()
                time.sleep(0.1)
        except OSError as error:
            self.error = error

    def talks(self, since):
        return not self.error and self.heard > since

    def subflows(self):
        """Its established subflows: their local addresses."""
        found = []
        for line in run("ss", "-tnHOi", "state", "established", f"dport = :{self.port}").splitlines():
            words = line.split()
            if "tcp-ulp-mptcp" in line and parse_socket(words[3])[0] == SERVER[self.family]:
                found.append(parse_socket(words[2])[0])
        return sorted(found)


def usable(link, family):
    """Its addresses that are more than of the link, and not tentative."""
    if family == 4:
        return re.findall(r"inet ([0-9.]+)", run("ip", "-4", "address", "show", "dev", link))
    rows = [row.split() for row in open("/proc/net/if_inet6", encoding="ascii")]
    return [str(ipaddress.IPv6Address(bytes.fromhex(row[0]))) for row in rows
            if (row[5], row[3]) == (link, GLOBAL) and not int(row[4], 16) & TENTATIVE]


class Desk:
    """The laptop, and the server behind both its uplinks; with `automatic` its addresses come by DHCP and
    from router advertisements. `addresses` has them, {(link, family): address}."""

    def __init__(self, automatic):
        self.automatic = automatic

    def __enter__(self):
        with contextlib.ExitStack() as undo:
            # mptcpd leaves those that open connections use when it ends.
            undo.callback(run, "ip", "mptcp", "endpoint", "flush")
            run("ip", "netns", "add", "far")
            undo.callback(run, "ip", "netns", "delete", "far")
            run("ip", "-n", "far", "link", "set", "lo", "up")
            run("ip", "-n", "far", "mptcp", "limits", "set", "subflow", "8", "add_addr_accepted", "8")
            run("ip", "netns", "exec", "far", "sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0")
            for family, size in ((4, 32), (6, 128)):
                run("ip", "-n", "far", "address", "add", f"{SERVER[family]}/{size}", "dev", "lo")
            self.port = next(PORTS)
            server = subprocess.Popen(["ip", "netns", "exec", "far", "/usr/bin/python3", __file__,
                                       "serve", str(self.port)], stdout=subprocess.PIPE, text=True)
            undo.callback(server.wait)
            undo.callback(server.kill)
            tap.equal(server.stdout.readline(), "ready\n", "what the server says")
            if self.automatic:
                offering = self.offer_addresses()
                undo.callback(offering.wait)
                undo.callback(offering.kill)
            run("systemctl", "start", NM)
            undo.callback(run, "systemctl", "stop", NM)
            for link in LINKS:
                self.add_profile(link)
                undo.callback(run, "nmcli", "connection", "delete", link)
            # Those first: NetworkManager makes up a profile for a link that has none.
            for link in LINKS:
                self.wire(link)
                undo.callback(run, "ip", "link", "delete", link)
            for link in LINKS:
                self.await_usable(link)
            self.addresses = {(link, family): usable(link, family)[0] for link in LINKS for family in (4, 6)}
            self.undo = undo.pop_all()
        return self

    def __exit__(self, kind, _value, _trace):
        if kind:
            for command in ("ip address", "ip route", "ip -6 route", "ip mptcp endpoint", "ss -tnO",
                            "nmcli device", "journalctl -n 30 --no-pager"):
                tap.note(f"{command}\n{run(*command.split())}")
        self.undo.close()

    @staticmethod
    def wire(link):
        i = LINKS[link]
        run("ip", "link", "add", link, "type", "veth", "peer", "name", link, "netns", "far")
        run("ip", "-n", "far", "link", "set", link, "up")
        run("ip", "-n", "far", "address", "add", f"10.0.{i}.2/24", "dev", link)
        run("ip", "-n", "far", "address", "add", f"2001:db8:{i}::2/64", "dev", link, "nodad")

    @staticmethod
    def offer_addresses():
        ranges = [f"--dhcp-range=10.0.{i}.10,10.0.{i}.99" for i in LINKS.values()]
        ranges += [f"--dhcp-range=::,constructor:{link},ra-only" for link in LINKS]
        return subprocess.Popen(["ip", "netns", "exec", "far", "dnsmasq", "--keep-in-foreground",
                                 "--conf-file=/dev/null", "--port=0", "--bind-dynamic", "--leasefile-ro",
                                 "--pid-file=", "--enable-ra", "--user=root",
                                 *(f"--interface={link}" for link in LINKS), *ranges],
                                stderr=subprocess.DEVNULL)

    def add_profile(self, link):
        i = LINKS[link]
        add = ("nmcli", "connection", "add", "type", "ethernet", "con-name", link, "ifname", link)
        if self.automatic:
            run(*add)
            return
        run(*add, "ipv4.method", "manual", "ipv4.addresses", f"10.0.{i}.1/24", "ipv4.gateway",
            f"10.0.{i}.2", "ipv4.route-metric", 100 * i,
            "ipv6.method", "manual", "ipv6.addresses", f"2001:db8:{i}::1/64", "ipv6.gateway",
            f"2001:db8:{i}::2", "ipv6.route-metric", 100 * i)

    def await_usable(self, link):
        for family in (4, 6):
            wait_until(lambda family=family: usable(link, family), 30,
                       f"{link} has its address of IPv{family}")

    def cut(self, link):
        """The cable is out until NetworkManager has noticed."""
        run("ip", "-n", "far", "link", "set", link, "down")
        wait_until(lambda: not usable(link, 4), 30, f"{link} has lost its address")

    def mend(self, link):
        i = LINKS[link]
        run("ip", "-n", "far", "link", "set", link, "up")
        run("ip", "-n", "far", "address", "replace", f"2001:db8:{i}::2/64", "dev", link, "nodad")
        # The server asks for this address while it is tentative, because of what it could not send before. Its
        # SYN+ACK would wait until it has given up, and be dropped then: a second that is not the laptop's.
        run("ip", "-n", "far", "neighbour", "replace", self.addresses[link, 6], "dev", link, "nud", "permanent",
            "lladdr", pathlib.Path(f"/sys/class/net/{link}/address").read_text(encoding="ascii").strip())

    def has_both(self, talk):
        """Has that connection a subflow by each link, and no other?"""
        return talk.subflows() == sorted(self.addresses[link, talk.family] for link in LINKS)


def endpoints():
    """{address: (flags, device)} as the kernel has them."""
    found = {}
    for line in run("ip", "mptcp", "endpoint").splitlines():
        words = line.split()
        found[words[0]] = (sorted(set(words) & {"subflow", "backup", "signal", "fullmesh"}),
                           words[words.index("dev") + 1])
    return found


def flap(desk, talks, link):
    """Cut the link and mend it. {family: how long after its address was usable a connection had both
    links again}; a family is missing where that was not within a few seconds."""
    desk.cut(link)
    begin = time.monotonic()
    wait_until(lambda: link not in {device for _, device in endpoints().values()}, 5,
               f"NetworkManager finds its endpoints of {link}, and deletes them", endpoints)
    for talk in talks:
        wait_until(lambda talk=talk: talk.talks(begin), 5, f"IPv{talk.family} goes on")
    desk.mend(link)
    ready, back = {}, {}

    def is_over():
        for talk in talks:
            family = talk.family
            if family not in back and desk.has_both(talk):
                back[family] = time.monotonic()
            if family not in ready and usable(link, family):
                ready[family] = time.monotonic()
        return len(ready) == 2 and (len(back) == 2 or time.monotonic() > max(ready.values()) + 4)

    wait_until(is_over, 40, f"{link} is usable again")
    took = {family: max(0, back[family] - ready[family]) for family in back}
    tap.note(f"{link}: usable after {({f: round(t - begin, 2) for f, t in ready.items()})} s, "
             f"both links {({f: round(t, 2) for f, t in took.items()})} s later")
    return took


class Play:
    """The laptop with a connection of each family, and mptcpd unless `config` is None."""

    def __init__(self, config, drop_ins=(), automatic=False):
        self.config = config
        self.drop_ins = drop_ins
        self.automatic = automatic

    def __enter__(self):
        with contextlib.ExitStack() as undo:
            run("systemctl", "stop", UNIT)
            for name in self.drop_ins:
                found = next(pathlib.Path("/usr").glob(f"**/neighbours/NetworkManager/{name}"))
                CONF.mkdir(parents=True, exist_ok=True)
                shutil.copy(found, CONF)
                undo.callback((CONF / name).unlink)
            self.desk = undo.enter_context(Desk(self.automatic))
            self.service = None
            if self.config is not None:
                self.service = undo.enter_context(Service(self.config))
            # The kernel forgets those that come while a connection is being established.
            wait_until(lambda: len(endpoints()) == 4, 10, "endpoints of both links", endpoints)
            self.talks = [Talk(family, self.desk.port) for family in (4, 6)]
            for talk in self.talks:
                undo.callback(talk.socket.close)
            for talk in self.talks:
                wait_until(lambda talk=talk: self.desk.has_both(talk), 5,
                           f"both links for IPv{talk.family}", self.state)
            self.undo = undo.pop_all()
        return self

    def __exit__(self, *exception):
        return self.undo.__exit__(*exception)

    def state(self):
        """For who looks for a fault."""
        text = f"{endpoints()}, {[talk.subflows() for talk in self.talks]}"
        return text + (run("mptcpctl", "explain") if self.service else "")

    def flap_in_turn(self, rounds):
        for _ in range(rounds):
            for link in LINKS:
                took = flap(self.desk, self.talks, link)
                tap.equal(sorted(took), [4, 6], f"families with both links after {link} was out")
                tap.at_most(max(took.values()), tap.SLOW, "seconds from a usable address to that")
        tap.equal([talk.error for talk in self.talks], [None, None], "what ended the connections")


def mobile_warnings():
    return [each for each in json.loads(run("mptcpctl", "--json", "status"))["status"]["warnings"]
            if each["reason"] == "foreign-endpoint"]


@tap.test("/networkmanager/control/ipv6-does-not-come-back", 150)
def control():
    with Play(None) as play:
        tap.equal(sorted(flap(play.desk, play.talks, "wwan0")), [4], "families with both links again")


@tap.test("/networkmanager/defaults/both-links-flap-in-turn", 200)
def defaults():
    with Play("") as play:
        before = endpoints()
        play.flap_in_turn(2)
        tap.equal(endpoints(), before, "endpoints")
        shown = {each["address"]: each for each in listing("endpoint")}
        # Of IPv4 whose is made first is a matter of luck; NetworkManager takes what it finds for its own.
        tap.equal({shown[play.desk.addresses[link, 6]]["owner"] for link in LINKS}, {"other"}, "whose they are")
        tap.true("subflow,backup of the configuration" in shown[play.desk.addresses["wwan0", 4]]["text"],
                 f"its listing: {shown}")
        found = {each["address"]: each["foreign-flags"] for interface in listing("interface")
                 for each in interface["addresses"]}
        tap.equal((found[play.desk.addresses["wwan0", 4]], found[play.desk.addresses["lan0", 4]]), (["subflow"], []),
                  "flags in the listing of interfaces")
        tap.equal(len(mobile_warnings()), 1, "warnings")
        said = [text for _, text in play.service.journal.entries() if "who chose its flags" in text]
        tap.equal(len(said), 1, f"how often it is said: {said}")


@tap.test("/networkmanager/defaults/both-links-flap-in-turn-with-addresses-by-dhcp-and-advertisements", 200)
def by_itself():
    with Play("", automatic=True) as play:
        before = endpoints()
        tap.note(f"endpoints: {before}")
        play.flap_in_turn(2)
        tap.equal(endpoints(), before, "endpoints")


@tap.test("/networkmanager/drop-ins/mptcpd-has-all-endpoints", 200)
def all_ours():
    with Play("", ["50-mptcpd-endpoints.conf"]) as play:
        shown = {each["address"]: each for each in listing("endpoint")}
        tap.equal({each["owner"] for each in shown.values()}, {"mptcpd"}, "whose they are")
        tap.equal(shown[play.desk.addresses["wwan0", 4]]["flags"], ["subflow", "backup"], "flags of the mobile link")
        play.flap_in_turn(1)
        tap.equal(mobile_warnings(), [], "warnings")


@tap.test("/networkmanager/drop-ins/mobile-is-backup", 200)
def mobile():
    with Play("", ["50-mptcpd-mobile.conf"]) as play:
        tap.equal(endpoints()[play.desk.addresses["wwan0", 4]], (["backup", "subflow"], "wwan0"), "the mobile link's")
        tap.equal(endpoints()[play.desk.addresses["lan0", 4]], (["subflow"], "lan0"), "the other one's")
        tap.equal(mobile_warnings(), [], "warnings")


@tap.test("/networkmanager/source-routing/connection-up-in-the-middle", 150)
def connection_up():
    def ours():
        return (run("ip", "-N", "rule").count("proto 184"),
                run("ip", "-N", "-6", "rule").count("proto 184"),
                len(routes(4)), len(routes(6)))

    def routes(family):
        done = subprocess.run(["ip", f"-{family}", "route", "show", "table", "all", "proto", "184"],
                              text=True, capture_output=True, check=False)
        return [line for line in done.stdout.splitlines() if line.startswith("default")]

    with Play("[core]\nsource-routing = yes\n") as play:
        wait_until(lambda: ours() == (4, 4, 2, 2), 5, "rules and routes", ours)
        for link in LINKS:
            run("nmcli", "connection", "up", link)
            play.desk.await_usable(link)
            wait_until(lambda: ours() == (4, 4, 2, 2), tap.SLOW, "rules and routes again", ours,
                       by_the_clock=True)
            for talk in play.talks:
                wait_until(lambda talk=talk: play.desk.has_both(talk), 5,
                           f"both links for IPv{talk.family}", talk.subflows)
        tap.equal([talk.error for talk in play.talks], [None, None], "what ended the connections")


if __name__ == "__main__":
    if "serve" in sys.argv:
        serve(int(sys.argv[-1]))
    if "--inside" in sys.argv:
        sys.argv.remove("--inside")
    elif "--list" not in sys.argv:
        if not ARCHIVES.exists():
            container.skip(f"no {ARCHIVES}: ./dev neighbours fetches it")
        container.SECONDS = 900
        container.test(pathlib.Path(__file__).resolve(), sys.argv[1:], install)
    tap.main()
