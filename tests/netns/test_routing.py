# SPDX-License-Identifier: LGPL-2.1-or-later
"""Source routing: what carries the address of a link leaves by that link.

Each case is played without mptcpd too: there it goes wrong, or there would be nothing to do.
"""

import contextlib
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from hosts import Host, wait_until
from town import FAR, FIRST, Town, call, called, config, gateway, meet, near, retransmits

FAMILIES = (4, 6)
ALONE = "[policy:default]\nplugin = fullmesh\nmax-subflows = 1\n"
ANNOUNCING = "[interface:*]\nflags = signal\n[policy:default]\nplugin = fullmesh\n"


def ready(town, *links):
    if town.daemon:
        town.await_rules(*(near(i, f) for i in links for f in FAMILIES))


def judged(town, i, family, expect_wrong):
    """Packets with the address of link i came by it, or, without rules, not all of them."""
    wrong, all_of_them = town.watch.wrong(near(i, family), f"link{i}")
    tap.true(all_of_them, f"packets of {near(i, family)} were seen: {all_of_them}")
    if town.daemon:
        tap.equal(wrong, 0, f"wrong packets of {near(i, family)}, of {all_of_them}")
    elif expect_wrong:
        tap.true(wrong > 0, f"without rules packets of {near(i, family)} go wrong")
    else:
        tap.equal(wrong, 0, f"without rules, wrong packets of {near(i, family)}")


def each(play, expect_wrong=True, **options):
    """Play a case without mptcpd and with it, in both families."""
    for text in (None, config(), config("auto")):
        for family in FAMILIES:
            with Town(text=text, **options) as town:
                ready(town, 1, 2)
                play(town, family)
                judged(town, 2 if expect_wrong else 1, family, expect_wrong)


@tap.test("/netns/routing/initial-subflow-by-metric")
def initial():
    each(lambda town, family: call(town, family=family).ping(5), expect_wrong=False)


@tap.test("/netns/routing/application-bound-to-second-address")
def bound():
    each(lambda town, family: call(town, near(2, family), family).ping(5))


@tap.test("/netns/routing/server-called-at-second-address")
def server():
    each(lambda town, family: called(town, near(2, family)).ping(5))


def default(i, family, metric, verb="replace"):
    to = "default" if family == 4 else "::/0"
    return f"route {verb} {to} via {gateway(i, family)} dev link{i} metric {metric}"


def settled(town):
    """mptcpd has seen to what is new: its table has the best default route of the main one."""
    def is_so():
        for family in FAMILIES:
            for i in (1, 2):
                main = defaults(town, family, "main", i)
                if town.has_rules(near(i, family)) and main != defaults(
                        town, family, FIRST + town.index(i), i):
                    return False
        return True

    if town.daemon:
        wait_until(is_so, 1, "the tables are as the routes are", town.ours, by_the_clock=True)


def defaults(town, family, table, i):
    lines = town.client.run("ip", f"-{family}", "route", "show", "default", "table", table,
                            check=False).stdout.splitlines()
    words = [line.split() for line in lines if f"dev link{i}" in line]
    return min(((int(w[w.index("metric") + 1]), w[w.index("via") + 1]) for w in words), default=None)


@tap.test("/netns/routing/better-default-appears-in-the-middle")
def better_default():
    def play(town, family):
        talk = call(town, near(2, family), family)
        # On its own link until another one becomes the better one.
        talk.ping(3)
        town.watch.read().clear()
        town.client.ip(default(1, family, 5))
        settled(town)
        talk.ping(5)

    for text in (None, config(), config("auto")):
        for family in FAMILIES:
            with Town(text=text) as town:
                town.client.ip(default(2, family, 50))
                ready(town, 1, 2)
                settled(town)
                play(town, family)
                judged(town, 2, family, True)


@tap.test("/netns/routing/default-vanishes-in-the-middle")
def lost_default():
    """`yes`: it waits until the route is back. `auto` falls through to the other link."""
    for text in (None, config(more=ALONE), config("auto", more=ALONE)):
        for family in FAMILIES:
            with Town(text=text) as town:
                town.client.ip(default(2, family, 50))
                ready(town, 1, 2)
                settled(town)
                talk = call(town, near(2, family), family)
                talk.ping(3)
                town.watch.read().clear()
                town.client.ip(default(2, family, 50, "del"), default(2, family, 102, "del"))
                settled(town)
                if not text or "auto" in text:
                    talk.ping(5)
                    tap.true(town.watch.wrong(near(2, family), "link2")[0] > 0, "by the other link")
                    continue
                talk.client.sendall(b"x" * 1000)
                wait_until(lambda: retransmits(town, near(2, family)) > 1, 5, "it is sent again",
                           lambda: town.client.run("ss", "-tino").stdout)
                tap.equal(town.watch.wrong(near(2, family), "link2")[0], 0, "wrong packets")
                town.client.ip(default(2, family, 50))
                talk._take(talk.server, 1000)
                talk.ping(3)
                # Another subflow may have carried all that; what waited is sent again in any case.
                wait_until(lambda: town.watch.wrong(near(2, family), "link2")[1], 5, "what waited")
                judged(town, 2, family, False)


@tap.test("/netns/routing/join-of-the-kernel-that-is-bound-to-nothing")
def unbound_join():
    """As before Linux 6.12, and as `ip mptcp endpoint add ADDRESS` without a link makes them."""
    for text in (None, config(manager="kernel", more="[endpoints]\nplugin = endpoints\n"
                                                      "[interface:*]\nflags = signal\n")):
        for family in FAMILIES:
            with Town(text=text) as town:
                ready(town, 1, 2)
                town.client.ip("mptcp endpoint flush", f"mptcp endpoint add {near(2, family)} subflow",
                               "mptcp limits set subflow 4")
                talk = call(town, near(1, family), family)
                talk.ping(3)
                wait_until(lambda: len(town.client.subflows()) == 2 or not town.daemon, 3, "joined")
                wait_until(lambda: town.watch.wrong(near(2, family), "link2")[1], 3, "a SYN")
                wrong, _ = town.watch.wrong(near(2, family), "link2")
                tap.equal(wrong > 0, not town.daemon, f"wrong packets: {wrong}")


@tap.test("/netns/routing/join-of-a-link-that-only-another-table-or-the-configuration-leads-out-of")
def no_default():
    for how in ("nothing", "table", "gateway"):
        for family in FAMILIES:
            more = f"[interface:link2]\ngateway = {gateway(2, family)}\n" if how == "gateway" else ""
            with Town() as town:
                town.client.ip(default(2, 4, 102, "del"), default(2, 6, 102, "del"))
                if how == "table":
                    town.client.ip(default(2, family, 9) + " table 77")
                town.start(config(more=more))
                town.await_rules(near(1, family), *([near(2, family)] if how != "nothing" else []))
                talk = call(town, near(1, family), family)
                talk.ping(3)
                if how == "nothing":
                    tap.equal(len(town.client.subflows()), 1, "nobody knows a gateway")
                    continue
                wait_until(lambda: len(town.client.subflows()) == 2, 3, "joined")
                judged(town, 1, family, False)
                tap.equal(town.watch.wrong(near(2, family), "link2")[0], 0, "wrong ones of link 2")


@tap.test("/netns/routing/join-to-the-second-address-of-a-server")
def server_join():
    """It is joined from afar, where only default routes lead."""
    for text in (None, config(more=ANNOUNCING)):
        for family in FAMILIES:
            with Town(text=text) as town:
                ready(town, 1, 2)
                town.server.sysctl("net.mptcp.path_manager", "kernel")
                prefix = "10.0.2.0/24" if family == 4 else "2001:db8:2::/64"
                town.server.ip("mptcp limits set subflow 4 add_addr_accepted 4",
                               f"route replace {prefix} dev link2 src {FAR[family]} "
                               f"metric {0 if family == 4 else 1}")
                town.client.ip("mptcp limits set subflow 4")
                if not town.daemon:
                    town.client.ip(f"mptcp endpoint add {near(2, family)} signal")
                talk = called(town, near(1, family))
                talk.ping(3)
                if town.daemon:
                    wait_until(lambda: any(s["local"][0] == near(2, family)
                                           for s in town.client.subflows()), 3, "joined")
                wait_until(lambda: town.watch.wrong(near(2, family), "link2")[1], 3, "an answer")
                talk.ping(3)
                wrong, _ = town.watch.wrong(near(2, family), "link2")
                tap.equal(wrong > 0, not town.daemon, f"wrong packets: {wrong}")


# ---- strict reverse path filters ----------------------------------------------------------------


@tap.test("/netns/routing/strict-filters-may-stay-strict")
def strict():
    """What comes in on the second link is taken, if its way back is that link for its address."""
    def is_called(town, family):
        with contextlib.suppress(OSError):
            talk = called(town, near(2, family), seconds=1)
            talk.ping()
            return True
        return False

    for text in (None, config()):
        with Town(text=text, strict=True) as town:
            ready(town, 1, 2)
            # IPv4 alone: IPv6 has no such filter but in firewalls.
            tap.equal(is_called(town, 4), bool(text), "called at the second address")
            if text:
                talk = call(town, near(1))
                talk.ping(3)
                wait_until(lambda: sum(s["local"][0] == near(2) for s in town.client.subflows()),
                           3, "joined by link 2")
                tap.equal(town.client.sysctl("net.ipv4.conf.all.rp_filter"), "1", "rp_filter")
                tap.true("rp_filter is strict" not in town.daemon.text(), "nobody is warned of it")


# ---- what it must not break ---------------------------------------------------------------------


@tap.test("/netns/routing/two-links-in-one-subnet")
def one_subnet():
    for text in (None, config()):
        with Town(links=1, text=None) as town:
            town.client.ip("link add other type veth peer name other netns server",
                           "link set other up", "address add 10.0.1.3/24 dev other",
                           "route add default via 10.0.1.2 dev other metric 105")
            town.server.ip("link add bridge type bridge", "link set other up",
                           "link set other master bridge", "link set link1 master bridge",
                           "address del 10.0.1.2/24 dev link1", "link set bridge up",
                           "address add 10.0.1.2/24 dev bridge")
            town.await_carrier()
            if text:
                town.start(text)
                town.await_rules("10.0.1.1", "10.0.1.3")
            for source in ("10.0.1.1", "10.0.1.3"):
                talk = call(town, source)
                talk.ping(3)
                talk.close()
                talk = called(town, source)
                talk.ping(3)
                talk.close()


@tap.test("/netns/routing/container-behind-a-bridge-reaches-the-host")
def container():
    with Town(text=config()) as town:
        town.await_rules(near(1), near(2))
        box = Host("box", 9, town.directory)
        try:
            box.ip("link add eth0 type veth peer name box netns client", "link set eth0 up",
                   "address add 172.17.0.2/16 dev eth0")
            town.client.ip("link add docker0 type bridge", "link set box master docker0",
                           "link set box up", "link set docker0 up",
                           "address add 172.17.0.1/16 dev docker0")
            box.ip("route add default via 172.17.0.1")
            for target in (near(1), near(2), "172.17.0.1"):
                talk = meet(town.client, box, target)
                talk.ping()
                talk.close()
            # A rule with nothing but the link's table is what would break it.
            town.client.ip(f"rule add from {near(1)} lookup {FIRST + town.index(1)} priority 20000")
            with contextlib.suppress(TimeoutError):
                meet(town.client, box, near(1), seconds=1)
                raise AssertionError("the control: nothing comes back")
        finally:
            box.stop()


def tunnel(town):
    """As wg-quick(8) sets one up: all that has no mark goes in."""
    town.client.run("ip", "tuntap", "add", "mode", "tun", "wg0")
    town.client.ip("link set wg0 up", "address add 10.99.0.1/32 dev wg0",
                   "route add default dev wg0 table 51820",
                   "rule add not fwmark 51820 table 51820",
                   "rule add table main suppress_prefixlength 0")


def way(town, *words):
    """The link by which a packet would leave."""
    text = town.client.run("ip", "route", "get", *words).stdout
    return re.search(r" dev (\S+)", text)[1]


@tap.test("/netns/routing/rules-of-wg-quick-keep-what-they-should")
def wg_quick():
    for first in ("tunnel", "mptcpd"):
        with Town() as town:
            if first == "tunnel":
                tunnel(town)
            town.start(config())
            town.await_rules(near(1), near(2))
            if first == "mptcpd":
                tunnel(town)
            tap.equal(way(town, FAR[4]), "wg0", "unbound traffic")
            tap.equal(way(town, FAR[4], "mark", "51820"), "link1", "the tunnel's own")
            tap.equal(way(town, gateway(2)), "link2", "a neighbour")
            tap.equal(way(town, FAR[4], "from", near(2), "oif", "link2"), "link2", "a join")
            # Who was there first has the first word about what is bound to an address alone.
            tap.equal(way(town, FAR[4], "from", near(2)), "link2" if first == "tunnel" else "wg0",
                      "bound to an address")
            tap.equal(len([line for line in town.ours(4) if "10.99.0.1" in line]), 0,
                      "rules of the tunnel")


if __name__ == "__main__":
    sandbox.run(tap.main)
