# SPDX-License-Identifier: LGPL-2.1-or-later
"""A server under the policy announce: where its clients join, and that nothing is told twice."""

import pathlib
import signal
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from capture import Capture, in_namespace
from daemon import Daemon
from hosts import wait_until
from uplinks import FIRST, FIRST6, MPTCP, PORT, SECOND, SECOND6, Site, lead

FIRSTS = {4: FIRST, 6: FIRST6}
SECONDS = {4: SECOND, 6: SECOND6}
GATEWAYS = {4: "10.2.2.1", 6: "2001:db8:2::1"}
PUBLIC = {4: ("203.0.113.1", "203.0.113.2"), 6: ("2001:db8:f::1", "2001:db8:f::2")}
OWN = 9000


def config(plugin="announce", link1="", link2="flags = signal\n", settings=""):
    groups = "".join(f"[interface:{name}]\n{text}" for name, text in
                     (("link1", link1), ("link2", link2)) if text)
    return (f"[core]\npath-manager = userspace\n{groups}"
            f"[policy:default]\nplugin = {plugin}\n{settings}")


def open_site(text, family=4, **options):
    """A site whose application listens on all addresses, or where `listen` says."""
    options = {"listen": "::" if family == 6 else "0.0.0.0", "target": None, **options}
    return Site(text, **options)


def second(family):
    """The second address, as `ip address add` wants it."""
    return f"{SECONDS[family]}/{24 if family == 4 else '64 nodad'} dev link2"


def route_by_second(family):
    where = "default" if family == 4 else "::/0"
    return f"route replace {where} via {GATEWAYS[family]} dev link2 metric 200"


def connect(site, family=4, target=None):
    """What is announced is of the family alone, and the kernel tells nothing again by itself.

    Beside TCP timestamps there is no room for an IPv6 address with a port.
    """
    site.client.ip("mptcp limits set subflow 8 add_addr_accepted 8")
    site.server.sysctl("net.ipv4.tcp_timestamps", 1 if family == 4 else 0)
    site.server.sysctl("net.mptcp.add_addr_timeout", 0)
    if family == 6:
        site.server.ip(f"address delete {SECOND}/24 dev link2")
    return site.connect(target or FIRSTS[family])


def intact(traffic, verb="upload", size=1 << 19):
    done = traffic.transfer(verb, size)
    tap.true(done["intact"] and done["bytes"] == size and not done["failed"], f"transfer: {done}")


def told(site):
    """What the server has sent so far, and what of it was lost on the way to its own queue."""
    return tuple(site.counter(site.server, name) for name in
                 ("AddAddrTx", "AddAddrTxDrop", "RmAddrTx", "RmAddrTxDrop"))


def reload(site, text):
    site.daemon.config.write_text(text)
    site.daemon.ctl("reload")


def restart(site, between=lambda: None):
    """mptcpd is killed, and another one comes after it."""
    text, runtime = site.daemon.config.read_text(), site.daemon.runtime
    tap.equal(site.daemon.end(signal.SIGKILL), -signal.SIGKILL, "exit code")
    between()
    site.start(text, runtime=runtime)
    wait_until(site.daemon.connections, 5, "the next mptcpd knows it")


def each_family(name, function, **options):
    for family in FIRSTS:
        tap.test(f"{name}-ipv{family}", **options)(lambda family=family: function(family))


# ---- as many as there are ----


def all_arrive(family, client_daemon=None):
    for count in (2, 3, 8):
        with open_site(config(), family) as site:
            more = [f"10.2.2.{i}" if family == 4 else f"2001:db8:2::{i:x}"
                    for i in range(3, 2 + count)]
            width = 24 if family == 4 else "64 nodad"
            site.server.ip(*(f"address add {a}/{width} dev link2" for a in more))
            if client_daemon:
                Daemon(site.client, client_daemon)
            capture = Capture(site.client)
            traffic = connect(site, family)
            wanted = sorted([FIRSTS[family], SECONDS[family], *more])
            site.await_joined(*wanted, seconds=15)
            joins = {(syn["target"], syn["from"]) for syn in capture.joins()}  # some are sent again
            tap.equal(sorted(target for target, _ in joins), wanted[1:], "MP_JOINs, one each")
            tap.equal(told(site), (count, 0, 0, 0), f"announced: {count}")
            intact(traffic)


each_family("/announce/two-and-three-and-eight-addresses-arrive", all_arrive, seconds=120)


def all_go(family):
    """Whatever takes them back, and however many there are, the client is told of each."""
    more = [SECONDS[family][:-1] + str(i) for i in range(3, 7)]
    add = [f"address replace {second(family).replace(SECONDS[family], a)}" for a in more]
    wanted = [FIRSTS[family], SECONDS[family], *more]
    with open_site(config(), family) as site:
        site.server.ip(*add)
        traffic = connect(site, family)
        site.await_joined(*wanted, seconds=10)

        def take_away():
            reload(site, config("none"))

        def cut():
            site.server.ip("link set link2 down")

        for number, (go, back) in enumerate((
                (take_away, lambda: reload(site, config())),
                (cut, lambda: site.server.ip("link set link2 up", *add, route_by_second(family),
                                             f"address replace {second(family)}"))), start=1):
            go()
            site.await_counter(site.client, "RmAddr", 5 * number, seconds=5)
            tap.equal(site.counter(site.client, "RmAddrDrop"), 0, "what the client lost")
            site.await_joined(FIRSTS[family])
            intact(traffic)
            back()
            site.await_joined(*wanted, seconds=10)
            tap.equal(told(site), (5 + 5 * number, 0, 5 * number, 0), "announced, and taken back")
        tap.equal(site.counter(site.client, "AddAddrDrop"), 0, "what the client lost")
        intact(traffic, "download")


each_family("/announce/all-of-them-are-taken-back-and-told-again", all_go, seconds=90)


def all_arrive_at_mptcpd(family):
    all_arrive(family, "[core]\npath-manager = userspace\n[policy:default]\nplugin = fullmesh\n"
                       "max-subflows = 64\n")


each_family("/announce/all-arrive-at-a-client-with-mptcpd", all_arrive_at_mptcpd, seconds=120)


@tap.test("/announce/a-client-under-it-makes-nothing")
def client_makes_nothing():
    with open_site(config()) as site:
        daemon = Daemon(site.client, config(link2="", link1="").replace("[policy", "[interface:*]\n"
                        "flags = subflow,signal\n[policy"))
        capture = Capture(site.client)
        traffic = connect(site)
        wait_until(lambda: site.counter(site.server, "EchoAdd"), 5, "the client was told")
        intact(traffic)
        intact(traffic, "download")
        tap.equal(capture.joins(), [], "MP_JOINs")
        tap.equal(site.counter(site.client, "AddAddrTx"), 0, "announced by the client")
        tap.equal([c["policy"] for c in daemon.connections()], ["default"], "policy")


# ---- a port of its own ----


def own_port(family):
    for listen in (FIRSTS[family], "::" if family == 6 else "0.0.0.0"):
        with open_site(config(settings=f"port = {OWN}\n"), family, listen=listen) as site:
            capture = Capture(site.client)
            traffic = connect(site, family)
            wait_until(lambda: SECONDS[family] in site.joined(), 5, "a join", site.joined)
            tap.equal({(syn["target"], syn["port"]) for syn in capture.joins()},
                      {(SECONDS[family], OWN)}, "MP_JOINs")
            tap.true(site.counter(site.server, "MPJoinPortAckRx") >= 1, "joins on a port")
            intact(traffic)
            stray_clients(site, family)
            intact(traffic, "download")
            tap.true(SECONDS[family] in site.joined(), f"{site.joined()}")
            traffic.close()
            wait_until(lambda: not [where for where in site.listening() if f":{OWN}" in where], 5,
                       "the listener goes with the last connection", site.listening)


def stray_clients(site, family):
    """Whoever connects there without a token to join is sent away at once, and told nothing."""
    for protocol in (0, MPTCP):
        def meet():
            kind = socket.AF_INET if family == 4 else socket.AF_INET6
            sock = socket.socket(kind, socket.SOCK_STREAM, protocol)
            sock.settimeout(5 * tap.SLOW)
            return sock

        stray = in_namespace(site.client.name, meet)
        with stray:
            try:
                stray.connect((SECONDS[family], OWN))
                stray.send(b"hello")
                answer = stray.recv(100)
            except ConnectionResetError:
                answer = b""
            except BrokenPipeError:
                answer = b""
        tap.equal(answer, b"", f"what a stray client gets, protocol {protocol}")
    wait_until(lambda: len(site.server.connections()) == 1, 5, "they are gone",
               site.server.connections)


each_family("/announce/port/joins-there-and-stray-clients-are-sent-away", own_port)


@tap.test("/announce/port/nobody-listens-where-the-operator-says-so")
def own_port_without_listener():
    text = config(link2="flags = signal\nlisten = no\n", settings=f"port = {OWN}\n")
    with open_site(text) as site:
        connect(site)
        site.await_counter(site.client, "MPJoinSynTx")
        site.await_answers()
        tap.equal(site.joined(), [FIRST], "subflows")
        found = next(a for a in site.explain()["announcements"] if a["address"] == SECOND)
        tap.equal((found["port"], found["reason"], found["wanted-by"]),
                  (OWN, "no-listener", "announce"), "explain")


@tap.test("/announce/port/in-a-stack-it-replaces-what-was-announced-without")
def stacked():
    for plugins in ("fullmesh, announce", "announce, fullmesh"):
        with open_site(config(plugins, settings=f"port = {OWN}\n")) as site:
            capture = Capture(site.client)
            traffic = connect(site)
            site.await_joined(FIRST, SECOND)
            intact(traffic)
            tap.equal({(syn["target"], syn["port"]) for syn in capture.joins()}, {(SECOND, OWN)},
                      plugins)
            tap.equal(told(site), (1, 0, 0, 0), "announced once")


# ---- behind 1:1 NAT ----


def translated(family):
    """The two public addresses, by which alone the server's are reached, and the router's rules."""
    public, ip = PUBLIC[family], "ip" if family == 4 else "ip6"
    leads = "".join(f"{ip} daddr {there} dnat {ip} to {home}\n" for there, home in
                    zip(public, (FIRSTS[family], SECONDS[family])))
    homes = "10.1.1.0/24, 10.2.2.0/24" if family == 4 else "2001:db8:1::/64, 2001:db8:2::/64"
    return public, (f"""
table inet one_to_one {{
    chain pre {{
        type nat hook prerouting priority dstnat
        {leads}
    }}
    chain forward {{
        type filter hook forward priority filter
        iifname "link0" {ip} daddr {{ {homes} }} ct status & dnat == 0 counter drop
    }}
}}
""",)


def behind_nat(family):
    public, rules = translated(family)
    for port in (0, OWN):  # which is for its own addresses alone
        for listen in ("::" if family == 6 else "0.0.0.0", FIRSTS[family]):
            text = config(link2=f"flags = signal\nannounce = {public[1]}\n",
                          settings=f"port = {port}\n")
            with open_site(text, family, rules=rules, listen=listen) as site:
                capture = Capture(site.client)
                traffic = connect(site, family, public[0])
                wait_until(lambda: SECONDS[family] in site.joined(), 5, "a join", site.joined)
                tap.equal({(syn["target"], syn["port"]) for syn in capture.joins()},
                          {(public[1], PORT)}, "MP_JOINs")
                intact(traffic)
                restart(site)
                intact(traffic, "download")
                tap.true(SECONDS[family] in site.joined(), f"{site.joined()}")
    # the control: it announces what nobody can reach
    with open_site(config(), family, rules=rules) as site:
        traffic = connect(site, family, public[0])
        site.await_counter(site.client, "MPJoinSynTx")

        def dropped():
            found = site.router.run("nft", "list", "table", "inet", "one_to_one").stdout
            return "counter packets 0 " not in found

        wait_until(dropped, 5, "its SYN is dropped")
        intact(traffic)
        tap.equal(site.joined(), [FIRSTS[family]], "subflows")


each_family("/announce/nat/clients-join-through-the-public-address", behind_nat, seconds=90)


# ---- what comes and goes ----


def withdraws(family):
    route = route_by_second(family)
    with open_site(config(), family, listen=FIRSTS[family]) as site:
        traffic = connect(site, family)
        for number in (0, 1):
            site.await_joined(FIRSTS[family], SECONDS[family])
            tap.equal(told(site), (number + 1, 0, number, 0), "announced, and taken back")
            tap.equal(len(site.listening()), 2, "sockets that listen")
            if number == 0:
                site.server.ip(f"address delete {second(family).replace(' nodad', '')}")
            else:
                site.server.ip("link set link2 down")
            site.await_joined(FIRSTS[family])
            wait_until(lambda number=number: site.counter(site.client, "RmAddr") == number + 1, 5,
                       "the client is told", site.client.nstat)
            site.await_listening(*[w for w in site.listening() if SECONDS[family] not in w])
            intact(traffic, "download")
            site.server.ip("link set link2 up", f"address replace {second(family)}", route)
        site.await_joined(FIRSTS[family], SECONDS[family])
        tap.equal(told(site), (3, 0, 2, 0), "announced, and taken back")
        intact(traffic)


each_family("/announce/withdraws-an-address-that-goes-and-tells-it-again", withdraws)


def restarted(family):
    third = SECONDS[family][:-1] + "3"
    with open_site(config(), family, listen=FIRSTS[family]) as site:
        traffic = connect(site, family)
        site.await_joined(FIRSTS[family], SECONDS[family])
        before = {(s["local"], s["remote"]) for s in site.server.subflows()}
        restart(site)
        intact(traffic)
        tap.equal(told(site), (1, 0, 0, 0), "after a restart nothing is told again")
        tap.equal({(s["local"], s["remote"]) for s in site.server.subflows()}, before, "subflows")
        announced = site.daemon.connections()[0]["announced"]
        tap.equal([a["address"] for a in announced], [SECONDS[family]], "announced")
        # one address comes and another goes while nobody looks
        restart(site, lambda: site.server.ip(
            f"address delete {second(family).replace(' nodad', '')}",
            f"address add {second(family).replace(SECONDS[family], third)}",
            route_by_second(family)))
        site.await_joined(FIRSTS[family], third, seconds=10)
        tap.equal(told(site), (2, 0, 1, 0), "announced, and taken back")
        intact(traffic, "download")


each_family("/announce/restart/nothing-is-doubled-or-lost-or-left", restarted)


def reloaded(family):
    text = config(settings=f"port = {OWN}\n")
    with open_site(text, family, listen=FIRSTS[family]) as site:
        traffic = connect(site, family)
        site.await_joined(FIRSTS[family], SECONDS[family])

        def at_second():
            return {s["local"][1] for s in site.server.subflows()
                    if s["local"][0] == SECONDS[family]}

        tap.equal(at_second(), {OWN}, "port")
        # the same again changes nothing
        reload(site, text + "# \n")
        intact(traffic)
        tap.equal(told(site), (1, 0, 0, 0), "told once")
        for settings, port in (("", PORT), (f"port = {OWN + 1}\n", OWN + 1)):
            reload(site, config(settings=settings))
            wait_until(lambda port=port: at_second() == {port}, 10, f"joined at {port}", at_second)
            intact(traffic)
        reload(site, config("none"))
        site.await_joined(FIRSTS[family])
        wait_until(lambda: site.counter(site.client, "RmAddr") == 3, 5, "the client is told",
                   site.client.nstat)
        tap.equal(told(site), (3, 0, 3, 0), "announced and taken back")
        tap.equal(site.daemon.connections()[0]["announced"], [], "left")
        intact(traffic, "download")


each_family("/announce/reload/ports-and-policies-change", reloaded)


if __name__ == "__main__":
    sandbox.run(tap.main)
