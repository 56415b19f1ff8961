# SPDX-License-Identifier: LGPL-2.1-or-later
"""Source routing in the company of others: DHCP clients, network managers, crashes, restarts."""

import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from capture import Capture
from daemon import Daemon
from hosts import wait_until
from town import FIRST, Town, call, called, config, gateway, near

FAMILIES = (4, 6)
ALONE = "[policy:default]\nplugin = fullmesh\nmax-subflows = 1\n"


def as_it_should_be(town, links=(1, 2), mode="yes"):
    """What there is of ours if all is well, as town.ours() tells it."""
    found = []
    for family in FAMILIES:
        for i in links:
            table = FIRST + town.index(i)
            end = " pref medium" if family == 6 else ""
            found += [f"rule 31000:\tfrom {near(i, family)} lookup 254 suppress_prefixlength 0"
                      " proto 184",
                      f"rule 31001:\tfrom {near(i, family)} lookup {table} proto 184",
                      f"route{family} default via {gateway(i, family)} dev link{i} table {table}"
                      f" metric {100 + i}{end}"]
            if mode == "yes":
                found.append(f"route{family} 7 default{' dev lo' if family == 6 else ''} table"
                             f" {table} metric 4294967295{end}")
    return sorted(found)


def right(town, seconds=1, **how):
    wanted = as_it_should_be(town, **how)
    wait_until(lambda: town.ours() == wanted, seconds, f"all is right: {wanted}", town.ours,
               by_the_clock=True)


def default(i, family, verb="replace", via=None):
    to = "default" if family == 4 else "::/0"
    return f"route {verb} {to} via {via or gateway(i, family)} dev link{i} metric {100 + i}"


# ---- default routes of every kind ---------------------------------------------------------------


def led_out(town, i, family):
    """What our table of the link has, without `unreachable`, in few words."""
    lines = town.client.run("ip", f"-{family}", "route", "show", "table", FIRST + town.index(i),
                            check=False).stdout.splitlines()
    return sorted(" ".join(line.replace("pref medium", "").replace("proto 184 ", "")
                           .replace("proto mptcpd ", "").split())
                  for line in lines if "unreachable" not in line)


KINDS = {
    # (family, the routes that somebody makes, what our tables of link1 and link2 have)
    "without-a-gateway": (4, ["route add default dev link2 scope link metric 7"],
                          ["via 10.0.1.2 dev link1 metric 101"], ["dev link2 scope link metric 7"]),
    "without-a-gateway-ipv6": (6, ["route add ::/0 dev link2 metric 7"],
                               ["via 2001:db8:1::2 dev link1 metric 101"], ["dev link2 metric 7"]),
    "several-next-hops": (4, ["route add default metric 7 nexthop via 10.0.1.2 dev link1 "
                              "nexthop via 10.0.2.2 dev link2"],
                          ["via 10.0.1.2 dev link1 metric 7"], ["via 10.0.2.2 dev link2 metric 7"]),
    "several-next-hops-ipv6": (6, ["route add ::/0 metric 7 nexthop via 2001:db8:1::2 dev link1 "
                                   "nexthop via 2001:db8:2::2 dev link2"],
                               ["via 2001:db8:1::2 dev link1 metric 7"],
                               ["via 2001:db8:2::2 dev link2 metric 7"]),
    "next-hop-objects": (4, ["nexthop add id 5 via 10.0.2.2 dev link2",
                             "route add default metric 7 nhid 5"],
                         ["via 10.0.1.2 dev link1 metric 101"], ["via 10.0.2.2 dev link2 metric 7"]),
    "gateway-outside-of-the-prefix": (4, ["route add default via 192.0.2.1 dev link2 onlink metric 7"],
                                      ["via 10.0.1.2 dev link1 metric 101"],
                                      ["via 192.0.2.1 dev link2 metric 7 onlink"]),
    "gateway-of-the-other-family": (4, ["route add default via inet6 fe80::9 dev link2 metric 7"],
                                    ["via 10.0.1.2 dev link1 metric 101"],
                                    ["via inet6 fe80::9 dev link2 metric 7"]),
    "two-routers-of-one-metric": (6, ["route add ::/0 via fe80::8 dev link2 metric 1024",
                                      "route append ::/0 via fe80::9 dev link2 metric 1024"],
                                  ["via 2001:db8:1::2 dev link1 metric 101"],
                                  ["via fe80::8 dev link2 metric 1024",
                                   "via fe80::9 dev link2 metric 1025"]),
    "in-another-table": (4, ["route add default via 10.0.2.2 dev link2 table 99 metric 7"],
                         ["via 10.0.1.2 dev link1 metric 101"], ["via 10.0.2.2 dev link2 metric 7"]),
}


@tap.test("/netns/routing/default-routes-of-every-kind")
def kinds():
    with Town(text=config()) as town:
        right(town, 2)
        for kind, (family, lines, *expected) in KINDS.items():
            town.client.ip(default(2, family, "del"))
            for line in lines:
                town.client.run("ip", f"-{family}", *line.split())
            wanted = [[f"default {route}" for route in routes] for routes in expected]
            wait_until(lambda f=family, w=wanted: [led_out(town, i, f) for i in (1, 2)] == w, 1,
                       kind, lambda f=family: [led_out(town, i, f) for i in (1, 2)],
                       by_the_clock=True)
            town.client.run("ip", f"-{family}", "route", "flush", "table", "99", check=False)
            for _ in range(3):
                for metric in (7, 1024):
                    town.client.run("ip", f"-{family}", "route", "del", "default", "metric", metric,
                                    check=False)
            town.client.run("ip", "nexthop", "flush", check=False)
            town.up(1, town.client)
            town.up(2, town.client)
            right(town)
        tap.true("failed" not in town.daemon.text(), "no command failed")


# ---- others -------------------------------------------------------------------------------------


@tap.test("/netns/routing/dhcp-renews")
def renewal():
    """The route goes and comes back, then address and route do, then there is another gateway."""
    with Town(text=config()) as town:
        right(town, 2)
        town.server.ip("address add 10.0.1.9/24 dev link1", "address add 2001:db8:1::9/64 dev link1")
        for _ in range(5):
            town.client.ip(default(1, 4, "del"), default(1, 4), default(1, 6, "del"), default(1, 6))
        right(town)
        for _ in range(5):
            town.client.ip(f"address del {near(1)}/24 dev link1")
            town.up(1, town.client)
        right(town)
        town.client.ip(default(1, 4, via="10.0.1.9"), default(1, 6, via="2001:db8:1::9"))
        wait_until(lambda: sum("via 10.0.1.9 " in line or "via 2001:db8:1::9 " in line
                               for line in town.ours()) == 2, 1, "the other gateways", town.ours)
        town.up(1, town.client)
        right(town)
        tap.true("deletes rules or routes" not in town.daemon.text(), "nobody deleted anything")


@tap.test("/netns/routing/address-is-away-for-a-moment")
def address_away():
    """Its connection waits for it, on its own link, though its route comes later than it does."""
    with Town(text=config(more=ALONE)) as town:
        right(town, 2)
        talk = called(town, near(2))
        talk.ping(2)
        town.watch.read().clear()
        town.client.ip(f"address del {near(2)}/24 dev link2", f"address add {near(2)}/24 dev link2")
        talk.server.sendall(b"x" * 1000)
        wait_until(lambda: town.has_rules(near(2)), 1, "its rules", town.ours)
        town.client.ip(default(2, 4))
        right(town)
        talk._take(talk.client, 1000)
        talk.ping(2)
        tap.equal(town.watch.wrong(near(2), "link2")[0], 0, "wrong packets")


@tap.test("/netns/routing/link-goes-and-comes-back")
def link_flaps():
    with Town(links=3, text=config()) as town:
        right(town, 2, links=(1, 2, 3))
        for i in (1, 2, 1):
            town.down(i)
            town.up(i, town.client)
        town.await_carrier()
        right(town, links=(1, 2, 3))
        town.client.ip("link del link3")
        right(town)


@tap.test("/netns/routing/others-delete")
def deleted():
    """As `networkctl reconfigure` does, that knows nothing of ours: rules, then routes."""
    with Town(text=config()) as town:
        right(town, 2)
        for option in ("-4", "-6"):
            for priority in (31000, 31001):
                while town.client.run("ip", option, "rule", "del", "priority", priority,
                                      check=False).returncode == 0:
                    pass
            town.client.run("ip", option, "route", "flush", "table", "all", "proto", "184")
        right(town)
        wait_until(lambda: "deletes rules or routes" in town.daemon.text(), 1, "it is said")
        tap.equal(town.daemon.text().count("deletes rules or routes"), 1, "it is said once")
        right(town)


@tap.test("/netns/routing/numbers-of-others")
def conflict():
    with Town() as town:
        town.client.ip("rule add from 192.0.2.1 lookup 5 priority 31001 protocol 4")
        town.start(config())
        wait_until(lambda: "a rule of priority 31001 is of protocol 4" in town.daemon.text(), 2,
                   "it is said", town.daemon.text)
        tap.equal(town.ours(), [], "ours")
        warnings = town.daemon.json("status")["status"]["warnings"]
        tap.equal([w["reason"] for w in warnings], ["source-routing"], "what status warns of")
        town.client.ip("rule del priority 31001")
        right(town)
        tap.equal(town.daemon.json("status")["status"]["warnings"], [], "what status warns of")
        # Other numbers, by a reload.
        town.daemon.config.write_text(config(more="route-table = 5000\nrule-priority = 200\n"))
        town.daemon.ctl("reload")
        wait_until(lambda: sum("rule 200:" in line for line in town.ours()) == 4 and
                   not any("8684" in line for line in town.ours()), 1, "other numbers", town.ours)


@tap.test("/netns/routing/link-local-addresses-get-no-rules")
def link_local():
    """Not even while they are tentative, as they are when a link comes up."""
    with Town(text=config()) as town:
        right(town, 2)
        town.down(2)
        town.up(2, town.client)
        right(town, 3)


@tap.test("/netns/routing/whose-rule-and-which-gateway-is-shown")
def shown():
    def addresses():
        return {a["address"]: (a["source-rule"], a["route-table"], a["gateway"])
                for i in town.daemon.json("interface")["interfaces"] for a in i["addresses"]}

    with Town(text=config("no")) as town:
        tap.equal(addresses()[near(1)], (None, None, None), "without source routing")
        town.client.ip(f"rule add from {near(2)} lookup 66 priority 900 protocol static",
                       f"route add default via {gateway(2)} dev link2 table 66 metric 102")
        town.daemon.config.write_text(config())
        town.daemon.ctl("reload")
        right(town, 2)
        shown_now = addresses()
        for family in FAMILIES:
            tap.equal(shown_now[near(1, family)],
                      ("mptcpd", FIRST + town.index(1), gateway(1, family)), "ours")
        tap.equal(shown_now[near(2)], ("other", 66, gateway(2)), "of somebody else")
        tap.equal(shown_now["127.0.0.1"], (None, None, None), "of nobody")
        text = town.daemon.ctl("interface")
        words = [line.split() for line in text.splitlines()]
        tap.true([f"{near(2)}/24", "yes", gateway(2), "66", "rule", "of", "other"] in words, text)


# ---- lives --------------------------------------------------------------------------------------


@tap.test("/netns/routing/ends-and-leaves-nothing")
def ends():
    with Town(text=config()) as town:
        right(town, 2)
        talk = call(town, near(2))
        talk.ping()
        talk.close()
        wait_until(lambda: not town.daemon.connections(), 5, "closed")
        tap.equal(town.daemon.end(), 0, "exit status")
        tap.equal(town.ours(), [], "what is left")


@tap.test("/netns/routing/ends-and-leaves-what-open-connections-use")
def ends_in_use():
    for family in FAMILIES:
        with Town(text=config("auto", more=ALONE)) as town:
            right(town, 2, mode="auto")
            talk = called(town, near(2, family))
            talk.ping()
            runtime = town.daemon.runtime
            tap.equal(town.daemon.end(), 0, "exit status")
            wanted = [line for line in as_it_should_be(town, (2,), "auto")
                      if near(2, family) in line or line.startswith(f"route{family}")]
            tap.equal(town.ours(), wanted, "what is left")
            town.watch.read().clear()
            talk.ping(3)
            tap.equal(town.watch.wrong(near(2, family), "link2")[0], 0, "wrong packets")
            # The next life takes it over; one that does no source routing deletes it.
            town.daemon = Daemon(town.client, config("auto", more=ALONE), runtime=runtime)
            right(town, 2, mode="auto")
            tap.equal(town.daemon.end(), 0, "exit status")
            tap.equal(town.ours(), wanted, "what is left again")
            town.daemon = Daemon(town.client, config("no", more=ALONE), runtime=runtime)
            wait_until(lambda t=town: not t.ours(), 2, "nothing is left", town.ours)


@tap.test("/netns/routing/reload-to-no-leaves-nothing")
def reload_to_no():
    with Town(text=config()) as town:
        right(town, 2)
        talk = called(town, near(2))
        talk.ping()
        town.daemon.config.write_text(config("no"))
        town.daemon.ctl("reload")
        wait_until(lambda: not town.ours(), 1, "nothing is left", town.ours, by_the_clock=True)
        town.daemon.config.write_text(config())
        town.daemon.ctl("reload")
        right(town)
        talk.ping()


@tap.test("/netns/routing/killed-in-the-middle", seconds=120)
def killed():
    """At any point of its work; and what changed meanwhile is as it should be after."""
    with Town() as town:
        runtime = town.directory / "life"
        for i in range(12):
            daemon = Daemon(town.client, config(), runtime=runtime, wait=False)
            wait_until(lambda n=i: len(town.ours()) >= n or n == 0, 3, "some of it", town.ours)
            daemon.end(signal.SIGKILL)
            if i % 3 == 0:
                town.client.ip(default(1, 4, "del"))
            town.daemon = Daemon(town.client, config(), runtime=runtime)
            town.up(1, town.client)
            right(town, 2)
            town.daemon.end(signal.SIGKILL)
            if i % 2:
                town.client.run("ip", "route", "flush", "table", "all", "proto", "184")


@tap.test("/netns/routing/paths-are-made-after-their-rules")
def order():
    """A link that comes up: as soon as its address is in a SYN, it has its rules."""
    with Town(links=2, text=config()) as town:
        right(town, 2)
        talk = call(town, near(1))
        talk.ping()
        wait_until(lambda: len(town.client.subflows()) == 2, 3, "joined")
        capture = Capture(town.client)
        town.client.ip("link add link3 type veth peer name link3 netns server")
        town.up(3, town.server)
        town.up(3, town.client)
        town.await_carrier()
        wait_until(lambda: any(s["source"] == near(3) for s in capture.joins()), 3, "a join")
        tap.true(town.has_rules(near(3)), "its rules are there")
        talk.ping()


if __name__ == "__main__":
    sandbox.run(tap.main)
