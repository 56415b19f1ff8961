# SPDX-License-Identifier: LGPL-2.1-or-later
"""Source routing beside a VPN that takes all traffic: nothing leaves another way than without mptcpd.

The VPN is the real one where the kernel has it: see vpn.py.
"""

import contextlib
import itertools
import json
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from daemon import MPTCPCTL
from hosts import NEEDS_ROUTES_BY_SOURCE, wait_until
from town import FAR, FIRST, Town, config, meet, near, open_socket, retransmits
from vpn import INSIDE, MARK, NAME, Tunnel

FAMILIES = (4, 6)
FULLMESH = "[policy:default]\nplugin = fullmesh\n"
ports = itertools.count(7100)


def begin(town, family, source="", mark=0, seconds=5):
    """The client calls the world, each time at another port."""
    return meet(town.server, town.client, FAR[family], source, next(ports), seconds, mark)


def succeeds(*what, **how):
    with contextlib.suppress(OSError):
        begin(*what, **how, seconds=1).ping()
        return True
    return False


class Way:
    """Who comes to the world by which link, from when this is made on; the tunnel leads to `outside`."""

    def __init__(self, town, outside):
        self.town, self.outside = town, outside
        town.watch.clear()

    def judge(self, *expected):
        """Every packet came by the link of its address, and there were some of each of these."""
        seen, tunnels = self.town.watch.read(), self.town.watch.datagrams
        right = {address: NAME for address in INSIDE.values()}
        right.update({near(i, f): f"link{i}" for i in (1, 2) for f in FAMILIES})
        tap.equal([each for each in seen if right[each[0]] != each[1]], [], "by a wrong link")
        tap.equal([who for who in expected if not seen[who, right[who]]], [], "not seen")
        # The tunnel's own: by the best default route, as the host has it.
        tap.equal(set(tunnels) - {(near(1, self.outside), "link1")}, set(), "the tunnel's own")
        if NAME in (right[who] for who in expected):
            tap.true(tunnels, "packets of the tunnel were seen")


def sources(town, talk):
    """The local addresses of a connection's subflows."""
    port = talk.client.getpeername()[1]
    return sorted(s["local"][0] for s in town.client.subflows() if s["remote"][1] == port)


def unbound(town, outside):
    """What is bound to nothing goes into the tunnel, and stays there. Returns the connections."""
    talks = []
    for family in FAMILIES:
        way = Way(town, outside)
        talks.append(begin(town, family))
        talks[-1].ping(5)
        way.judge(INSIDE[family])
        tap.equal(sources(town, talks[-1]), [INSIDE[family]], "its subflows")
    return talks


def past(town, outside, family, source="", mark=0):
    """A connection that goes past the tunnel, with a subflow by each link."""
    way = Way(town, outside)
    talk = begin(town, family, source, mark)
    talk.ping()
    wanted = [near(1, family), near(2, family)]
    wait_until(lambda: sources(town, talk) == wanted, 3, "joined", lambda: sources(town, talk))
    talk.ping(5)
    way.judge(*wanted)
    return talk


def ready(town):
    town.await_rules(*(near(i, f) for i in (1, 2) for f in FAMILIES))


def nothing_of_ours(town):
    """No rule or route has an address of the tunnel, or leads there; and it is no link in use."""
    found = [line for line in town.ours() if any(each in line for each in (NAME, *INSIDE.values()))]
    tap.equal(found, [], "rules and routes of ours for the tunnel")
    link = {i["name"]: i for i in town.daemon.json("interface")["interfaces"]}[NAME]
    tap.equal((link["type"], link["use"]), ("tunnel", False), NAME)


def close(town, talks):
    ports_of_them = {talk.client.getpeername()[1] for talk in talks}
    for talk in talks:
        talk.close()
    wait_until(lambda: not ports_of_them & {c["remote"]["port"] for c in town.daemon.connections()},
               5, "closed", town.daemon.connections)


def ends(town, talks):
    """Without connections mptcpd leaves nothing of its own, and all that is not its own."""
    def others():
        return [line for family in FAMILIES for line in
                town.client.run("ip", f"-{family}", "-N", "rule").stdout.splitlines()
                if "proto 184" not in line]

    before = others()
    close(town, talks)
    tap.equal(town.daemon.end(), 0, "exit status")
    tap.equal(town.ours(), [], "what is left")
    tap.equal(others(), before, "rules of others")
    tap.true("failed" not in town.daemon.text(), "no command failed")


@tap.test("/netns/routing/vpn/without-mptcpd", seconds=120)
def control():
    for outside in FAMILIES:
        with Town(strict=True) as town:
            Tunnel(town, outside).up()
            unbound(town, outside)
            for family in FAMILIES:
                tap.equal(succeeds(town, family, near(2, family)), False, "bound to an address")
            # What is marked goes past the tunnel; of IPv4 the answers do not pass the filter.
            tap.equal([succeeds(town, f, mark=MARK) for f in FAMILIES], [False, True], "marked")


def vpn_first(mode):
    """Filters of the way back are strict, and let in what came by the links."""
    for outside in FAMILIES:
        with Town(strict=True) as town:
            Tunnel(town, outside).up()
            talks = unbound(town, outside)
            town.start(config(mode, more=FULLMESH))
            ready(town)
            talks += unbound(town, outside)
            for family in FAMILIES:
                talks += [past(town, outside, family, near(1, family)),
                          past(town, outside, family, near(2, family)),
                          past(town, outside, family, mark=MARK)]
            way = Way(town, outside)
            for talk in talks:
                talk.ping()
            way.judge(*INSIDE.values())
            nothing_of_ours(town)
            ends(town, talks)
            unbound(town, outside)


@tap.test("/netns/routing/vpn/comes-before-mptcpd", seconds=120)
def before_yes():
    vpn_first("yes")


@tap.test("/netns/routing/vpn/comes-before-mptcpd-and-auto", seconds=120)
def before_auto():
    vpn_first("auto")


@tap.test("/netns/routing/vpn/comes-after-mptcpd-but-its-rules-do-not-come-first", seconds=120)
def named():
    """With the file of the manual page."""
    for mode, outside in (("yes", 4), ("auto", 6)):
        with Town(text=config(mode, more=FULLMESH), strict=True) as town:
            ready(town)
            ours = town.ours()
            before = {f: past(town, outside, f, near(1, f)) for f in FAMILIES}
            tunnel = Tunnel(town, outside, named=True)
            tunnel.up()
            talks = unbound(town, outside)
            for family in FAMILIES:
                before[family].ping()
                talks += [past(town, outside, family, near(i, family)) for i in (1, 2)]
            nothing_of_ours(town)
            close(town, talks)
            tunnel.down()
            tap.equal(town.ours(), ours, "rules and routes")
            ends(town, before.values())


def vpn_second(strict):
    """It has the first word, as without mptcpd; what is marked, or bound to its link, goes past it."""
    for mode, outside in (("yes", 4), ("auto", 6)):
        with Town(text=config(mode, more=FULLMESH), strict=strict) as town:
            ready(town)
            ours = town.ours()
            before = {f: past(town, outside, f, near(1, f)) for f in FAMILIES}
            tunnel = Tunnel(town, outside)
            tunnel.up()
            tap.equal(town.ours(), ours, "rules and routes")
            nothing_of_ours(town)
            talks = unbound(town, outside)
            for family in FAMILIES:
                tap.equal(succeeds(town, family, near(2, family)), False, "bound to an address")
                if strict and family == 4:
                    tap.equal(succeeds(town, family, mark=MARK), False, "marked")
                    continue
                talks.append(past(town, outside, family, mark=MARK))
                if not NEEDS_ROUTES_BY_SOURCE:
                    before[family].ping()  # by its second subflow, which is bound to its link
            close(town, talks)
            tunnel.down()
            wait_until(lambda: town.ours() == ours, 1, "rules and routes", town.ours)
            talks = list(before.values())
            for talk in talks:
                talk.ping()
            talks += [past(town, outside, f, near(i, f)) for f in FAMILIES for i in (1, 2)]
            ends(town, talks)


@tap.test("/netns/routing/vpn/comes-after-mptcpd", seconds=120)
def after():
    vpn_second(strict=False)


@tap.test("/netns/routing/vpn/comes-after-mptcpd-and-filters-are-strict", seconds=120)
def after_strict():
    vpn_second(strict=True)


@tap.test("/netns/routing/vpn/ends-before-mptcpd", seconds=120)
def goes():
    """Some rules of ours go with its own: wg-quick names no source. They are made again then."""
    for mode in ("yes", "auto"):
        with Town(strict=True) as town:
            tunnel = Tunnel(town)
            tunnel.up()
            town.start(config(mode, more=FULLMESH))
            ready(town)
            ours = town.ours()
            talks = [past(town, 4, f, near(i, f)) for f in FAMILIES for i in (1, 2)]
            tunnel.down()
            wait_until(lambda: town.ours() == ours, 1, "rules and routes", town.ours)
            tap.true("deletes rules or routes" not in town.daemon.text(), "nobody meant ours")
            way = Way(town, 4)
            for talk in talks:
                talk.ping(3)
            way.judge(*(near(i, f) for f in FAMILIES for i in (1, 2)))
            ends(town, talks)


def moved(text, cut):
    """The tunnel is over link1, which is cut; how long what is in it waits until it goes by link2."""
    with Town(strict=True) as town:
        Tunnel(town).up()
        if text:
            town.start(text)
            ready(town)
        talk, = unbound(town, 4)[:1]
        town.watch.clear()
        if cut == "route":
            town.client.ip("route del default dev link1 metric 101")
        else:
            town.down(1)
        begin_s = time.monotonic()
        for end in (talk.client, talk.server):
            end.settimeout(60 * tap.SLOW)

        def goes_by_2():
            talk.ping()  # where link1 itself still works, one may go by it before rules are changed
            town.watch.read()
            return town.watch.datagrams[near(2), "link2"]

        wait_until(goes_by_2, 60, "what is in it goes by link2", lambda: town.watch.datagrams)
        return time.monotonic() - begin_s


@tap.test("/netns/routing/vpn/goes-by-another-link-when-its-own-is-lost", seconds=300)
def goes_elsewhere():
    """With `yes` what WireGuard sends goes nowhere until it asks for another way, as it does by itself."""
    for cut in ("route", "link"):
        for mode in (None, "auto", "yes"):
            seconds = moved(config(mode, more=FULLMESH) if mode else None, cut)
            tap.note(f"{cut} lost, {mode or 'without mptcpd'}: {seconds:.1f} s")
            if mode != "yes":
                tap.at_most(seconds, 10, "seconds until it goes by the other link")


@tap.test("/netns/routing/vpn/accuses-no-link-of-what-it-swallows", seconds=120)
def accused():
    """What is bound to the address of a link, and goes into the tunnel, says nothing of the link."""
    with Town(text=config(more=FULLMESH)) as town:
        ready(town)
        Tunnel(town).up()
        talk = past(town, 4, 4, mark=MARK)
        caller = open_socket(town.client, near(2))
        caller.setblocking(False)
        caller.connect_ex((FAR[4], next(ports)))
        wait_until(lambda: retransmits(town, near(2)) > 2, 15, "it is tried in vain",
                   lambda: town.client.run("ss", "-tino").stdout)
        tap.true("link2: silent" not in town.daemon.text(), town.daemon.text()[-600:])
        talk.ping()
        caller.close()


@tap.test("/netns/routing/vpn/doctor-names-the-rule-that-comes-first", seconds=120)
def doctor():
    """And what he says then has those of mptcpd come before it."""
    def strays():
        done = town.client.run(MPTCPCTL, "--json", "--socket", town.daemon.runtime / "control",
                               "doctor", check=False)
        return [f for f in json.loads(done.stdout)["findings"] if f["reason"] == "wrong-link"]

    with Town(text=config(more=FULLMESH)) as town:
        ready(town)
        tap.equal(strays(), [], "before the tunnel")
        Tunnel(town).up()
        rules = town.client.run("ip", "rule").stdout
        first = re.search(r"(\d+):\s+not from all fwmark", rules)[1]
        found = wait_until(lambda: len(strays()) == 4 and strays(), 5, "of four addresses", strays)
        for i, family in itertools.product((1, 2), FAMILIES):
            wanted = (f"packets from {near(i, family)}, the address of link{i}, leave by {NAME}: the "
                      f"rule of priority {first} comes before the one about their source, which leads "
                      f"to table {FIRST + town.index(i)}")
            tap.true(wanted in [each["text"] for each in found], f"{wanted}: {found}")
        remedy, = {each["remedy"] for each in found}
        line = re.fullmatch(r"(rule-priority = \d+) in \[core\]", remedy)
        tap.true(line, remedy)
        town.daemon.config.write_text(config(more=f"{line[1]}\n{FULLMESH}"))
        town.daemon.ctl("reload")
        wait_until(lambda: not strays(), 5, "none", strays)
        talks = unbound(town, 4) + [past(town, 4, f, near(2, f)) for f in FAMILIES]
        ends(town, talks)


@tap.test("/netns/routing/vpn/gets-no-endpoint", seconds=120)
def no_endpoint():
    """Of the kernel's path manager, which would make subflows from it."""
    def endpoints():
        return sorted(line.split()[0] for line in
                      town.client.run("ip", "mptcp", "endpoint", "show").stdout.splitlines())

    for first in ("vpn", "mptcpd"):
        with Town(strict=True) as town:
            tunnel = Tunnel(town)
            if first == "vpn":
                tunnel.up()
            town.start(config(manager="kernel"))
            ready(town)
            if first == "mptcpd":
                tunnel.up()
            nothing_of_ours(town)
            wait_until(lambda: endpoints() == sorted(near(i, f) for i in (1, 2) for f in FAMILIES), 2,
                       "endpoints", endpoints)


if __name__ == "__main__":
    sandbox.run(tap.main)
