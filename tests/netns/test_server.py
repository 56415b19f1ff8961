# SPDX-License-Identifier: LGPL-2.1-or-later
"""A server with two uplinks, its clients behind a router: what they can join, and what it costs."""

import errno
import pathlib
import signal
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from hosts import wait_until
from uplinks import (BCP38, FIRST, FIRST6, MPTCP, PORT, PUBLIC, SECOND, SECOND6, Site, lead,
                     server_config)

ALLOW = "net.mptcp.allow_join_initial_addr_port"
DENY = server_config(f"announce = {SECOND}", "deny-join-initial = yes")


# ---- deny-join-initial ----


@tap.test("/server/deny-join-initial/is-set-and-put-back")
def deny_is_put_back():
    with Site(DENY, listen=None, target=None) as site:
        tap.equal(site.server.sysctl(ALLOW), "0", "while it runs")
        site.daemon.config.write_text(server_config(f"announce = {SECOND}"))
        site.daemon.ctl("reload")
        tap.equal(site.server.sysctl(ALLOW), "1", "after a reload with keep")
        site.daemon.config.write_text(DENY)
        site.daemon.ctl("reload")
        tap.equal(site.server.sysctl(ALLOW), "0", "after one with yes")
        tap.equal(site.daemon.end(), 0, "exit code")
        tap.equal(site.server.sysctl(ALLOW), "1", "after the end")


@tap.test("/server/deny-join-initial/killed-the-next-one-puts-it-back")
def deny_after_a_kill():
    with Site(DENY, listen=None, target=None) as site:
        for config in (DENY, server_config()):
            site.daemon.end(signal.SIGKILL)
            tap.equal(site.server.sysctl(ALLOW), "0", "after the kill")
            site.start(config, runtime=site.daemon.runtime)
        tap.equal(site.server.sysctl(ALLOW), "1", "under the one that keeps it")
        site.daemon.end()
        # what somebody else set is his
        site.server.sysctl(ALLOW, 0)
        site.start(DENY, runtime=site.daemon.runtime)
        site.daemon.end()
        tap.equal(site.server.sysctl(ALLOW), "0", "as it was before")


@tap.test("/server/deny-join-initial/a-bad-reload-changes-nothing")
def deny_needs_an_announcement():
    with Site(server_config(), listen=None, target=None) as site:
        site.daemon.config.write_text(server_config("", "deny-join-initial = yes"))
        told = site.daemon.ctl("reload", code=1)
        tap.true("announce = ADDRESS" in told, told)
        tap.equal(site.server.sysctl(ALLOW), "1", "the setting")


def second_link(site):
    """The client gets a second address, from which its kernel joins what it may."""
    site.client.ip("address add 10.9.0.3/24 dev link0",
                   "mptcp endpoint add 10.9.0.3 dev link0 subflow")


@tap.test("/server/deny-join-initial/a-client-joins-what-is-announced-alone")
def deny_and_announce():
    rules = (lead(PUBLIC, None, SECOND, None),)
    config = server_config(f"announce = {PUBLIC}", "deny-join-initial = yes")
    for deny, wanted in ((False, [FIRST, FIRST]), (True, [FIRST, SECOND])):
        with Site(config if deny else None, target=None, rules=rules) as site:
            second_link(site)
            site.connect(FIRST).transfer("upload", 1 << 16)
            site.await_joined(*wanted)
            tap.note(f"deny {deny}: {site.joined()}")


# ---- where no application listens ----


def joins(config, listen=FIRST, target=FIRST, **options):
    """The server's addresses at which such a site has subflows, when nothing more is to come."""
    with Site(config, listen, target, **options) as site:
        site.await_counter(site.client, "MPJoinSynTx")
        site.await_answers()
        found = site.joined()
        if found == [FIRST, SECOND]:
            done = site.traffic.transfer("upload", 1 << 20)
            tap.true(done["intact"] and done["failed"] == 0, f"transfer: {done}")
        return found


@tap.test("/server/listen/where-no-application-does")
def listens():
    tap.equal(joins(server_config()), [FIRST, SECOND], "with the default")
    tap.equal(joins(server_config("listen = yes")), [FIRST, SECOND], "with yes")
    tap.equal(joins(server_config("listen = no")), [FIRST], "with no, the control")


@tap.test("/server/listen/not-where-an-application-does")
def applications_cover():
    for where in ("0.0.0.0", "::"):
        target = FIRST
        for setting in ("", "listen = yes", "listen = no"):
            with Site(server_config(setting), where, target) as site:
                site.await_joined(FIRST, SECOND)
                tap.equal(len(site.listening()), 1, f"listening: {site.listening()}")


@tap.test("/server/listen/in-no-applications-way-once-that-has-gone")
def gives_way():
    with Site(server_config(), listen=None, target=None) as site:
        first = site.bind(FIRST)
        ends = site.talk(first)
        site.await_joined(FIRST, SECOND)
        ours, theirs = f"{SECOND}:{PORT}", f"{FIRST}:{PORT}"
        site.await_listening(ours, theirs)
        # Linux: whoever wants that address, or all, is refused while a socket listens there
        for address in (SECOND, "0.0.0.0", "::"):
            for protocol in (MPTCP, 0):
                tap.equal(site.bind(address, protocol=protocol), errno.EADDRINUSE, address)
        # one that starts again with what it had finds it free
        first.close()
        site.await_listening()
        for address in (FIRST, SECOND, "0.0.0.0", "::"):
            again = site.bind(address)
            tap.true(isinstance(again, socket.socket), f"{address}: {again}")
            wait_until(lambda: site.listening(), 2, "it listens")
            again.close()
            site.await_listening()
        # joins are taken again as soon as the application is back on its first address
        first = site.bind(FIRST)
        site.await_listening(ours, theirs)
        ends[0].send(b"on")
        tap.equal(ends[1].recv(10), b"on", "the connection")
        for end in (first, *ends):
            end.close()
        site.await_listening()


@tap.test("/server/listen/goes-with-the-last-connection-and-survives-a-kill")
def goes_with_the_connection():
    with Site(server_config(), listen=None, target=None) as site:
        first = site.bind(FIRST)
        ends = site.talk(first)
        ours, theirs = f"{SECOND}:{PORT}", f"{FIRST}:{PORT}"
        site.await_listening(ours, theirs)
        site.daemon.end(signal.SIGKILL)
        site.await_listening(theirs)
        site.start(server_config(), runtime=site.daemon.runtime)
        site.await_listening(ours, theirs)
        # what changed while nobody looked
        site.daemon.end(signal.SIGKILL)
        first.close()
        everywhere = site.bind("0.0.0.0")
        site.start(server_config(), runtime=site.daemon.runtime)
        tap.equal(site.listening(), {f"0.0.0.0:{PORT}"}, "listening")
        everywhere.close()
        for end in ends:
            end.close()


@tap.test("/server/listen/reloads-change-it")
def reloads():
    with Site(server_config("listen = no"), listen=None, target=None) as site:
        first = site.bind(FIRST)
        ends = site.talk(first)
        wait_until(lambda: site.explain()["announcements"], 2, "it is announced", site.explain)
        ours, theirs = f"{SECOND}:{PORT}", f"{FIRST}:{PORT}"
        tap.equal(site.listening(), {theirs}, "with no")
        for setting, wanted, left in (("", {ours, theirs}, set()), ("listen = no", {theirs}, set()),
                                      ("listen = yes", {ours, theirs}, {ours})):
            site.daemon.config.write_text(server_config(setting))
            site.daemon.ctl("reload")
            site.await_listening(*wanted)
            tap.equal({a["listening"] for a in site.explain()["announcements"]
                       if a["address"] == SECOND}, {ours in wanted}, "as explain has it")
            first.close()
            site.await_listening(*left)
            first = site.bind(FIRST)
            site.await_listening(*wanted)
        for end in (first, *ends):
            end.close()


@tap.test("/server/listen/on-a-port-of-its-own-whatever-applications-do")
def own_port():
    with Site(server_config(f"announce = {SECOND}:9000"), listen=None, target=None) as site:
        first = site.bind(FIRST)
        ends = site.talk(first)
        site.await_joined(FIRST, SECOND)
        second = site.bind(SECOND)
        tap.true(isinstance(second, socket.socket), f"an application on its port: {second}")
        first.close()
        second.close()
        site.await_listening(f"{SECOND}:9000")
        for end in ends:
            end.close()
        site.await_listening()


@tap.test("/server/listen/ipv6-alone-is-not-ipv4")
def ipv6_only():
    with Site(server_config(), listen=None, target=None) as site:
        first, six = site.bind(FIRST), site.bind("::", only=1)
        ends = site.talk(first)
        site.await_joined(FIRST, SECOND)
        tap.true(f"{SECOND}:{PORT}" in site.listening(), f"{site.listening()}")
        for end in (first, six, *ends):
            end.close()
        first = site.bind(FIRST6)
        ends = site.talk(first)
        # both families of the second link, one listener each
        site.await_listening(f"{SECOND}:{PORT}", f"[{SECOND6}]:{PORT}", f"[{FIRST6}]:{PORT}")
        for end in (first, *ends):
            end.close()


# ---- what explain says ----


def announcement(site, address=SECOND):
    return next(a for a in site.explain()["announcements"] if a["address"] == address)


def explained(site, word, text):
    """Wait until explain says that word of SECOND, and see that the text is among its own."""
    wait_until(lambda: announcement(site)["reason"] == word, 15, f"reason {word}", site.explain)
    found = announcement(site)
    tap.true(text in found["text"], f"{found}")
    tap.true(found["text"] in site.daemon.ctl("explain", site.token()), "as text")
    return found


@tap.test("/server/explain/joined-and-where-nobody-listens")
def explain_joined():
    with Site(server_config()) as site:
        site.await_joined(FIRST, SECOND)
        tap.equal(announcement(site), {
            "address": SECOND, "port": 0, "id": announcement(site)["id"], "sent": True,
            "wanted-by": "fullmesh", "listening": False, "joined": True, "reason": None,
            "text": None, "remedy": None}, "joined")
    with Site(server_config("listen = no"), FIRST) as site:
        found = explained(site, "no-listener", f"nobody listens on {SECOND}:{PORT}")
        tap.equal((found["remedy"], found["joined"]),
                  ("listen = auto in [interface:link2]", False), "remedy")


@tap.test("/server/explain/a-peer-that-accepts-no-addresses", waits=True)
def explain_not_accepted():
    with Site(server_config(), accept=0) as site:
        site.await_counter(site.server, "EchoAdd")
        tap.true("no join so far" in announcement(site)["text"], f"{announcement(site)}")
        explained(site, "not-joined", "the peer accepts no addresses")
        tap.equal(site.counter(site.server, "MPJoinSynRx"), 0, "joins")
        tap.equal(site.joined(), [FIRST], "subflows")


@tap.test("/server/explain/packets-that-leave-by-the-wrong-link")
def explain_strays():
    for routing in ("no", "yes"):
        with Site(server_config("", f"source-routing = {routing}"), "0.0.0.0", SECOND) as site:
            def error():
                return next(path["error"] for path in site.explain()["paths"]
                            if path["local"]["address"] == SECOND)

            wait_until(lambda: site.joined(), 5, "a connection")
            text = f"packets from {SECOND} leave by link1: source-routing = auto in [core]"
            tap.equal(error(), text if routing == "no" else None, f"with {routing}")
            told = [line for line in site.daemon.lines() if f"packets from {SECOND}" in line]
            tap.equal(len(told), int(routing == "no"), f"in the log: {told}")


@tap.test("/server/explain/ipv6-is-left-out-where-the-connection-is-of-ipv4")
def explain_ipv4_only():
    with Site(server_config()) as site:
        site.await_joined(FIRST, SECOND)
        found = announcement(site, SECOND6)
        tap.equal((found["id"], found["sent"], found["reason"]), (0, False, "ipv4-only"), "IPv6")
        tap.equal(len(site.daemon.connections()[0]["announced"]), 1, "announced")


# ---- what a client behind a router can join: with mptcpd, and without what is tested ----


@tap.test("/server/table/application-on-all-addresses")
def on_all():
    for listen in ("0.0.0.0", "::"):
        tap.equal(joins(server_config("listen = no"), listen), [FIRST, SECOND], listen)


@tap.test("/server/table/application-on-its-first-address")
def on_the_first():
    tap.equal(joins(server_config("listen = no")), [FIRST], "without a listener")
    tap.equal(joins(server_config()), [FIRST, SECOND], "with one")


@tap.test("/server/table/a-port-of-its-own")
def with_a_port():
    port = f"announce = {SECOND}:9000\n"
    for listen in (FIRST, "0.0.0.0"):
        tap.equal(joins(server_config(port + "listen = no"), listen), [FIRST], f"{listen}, none")
        tap.equal(joins(server_config(port), listen), [FIRST, SECOND], f"{listen}, with one")


@tap.test("/server/table/the-client-accepts-no-addresses")
def not_accepted():
    with Site(server_config(), accept=0) as site:
        site.await_counter(site.server, "EchoAdd")
        tap.equal((site.joined(), site.counter(site.client, "MPJoinSynTx")), ([FIRST], 0), "alone")


@tap.test("/server/table/a-client-of-two-links-and-the-c-flag")
def c_flag():
    for config, wanted in ((None, [FIRST, FIRST]), (DENY, [FIRST, SECOND])):
        with Site(config, target=None) as site:
            if not config:  # alone, the flag leaves no join at all
                site.server.sysctl(ALLOW, 0)
                wanted = [FIRST]
            second_link(site)
            site.connect(FIRST).transfer("upload", 1 << 16)
            site.await_joined(*wanted)
            site.await_answers()
            tap.equal(site.joined(), sorted(wanted), f"subflows with {config}")


@tap.test("/server/table/behind-translation-of-the-address")
def behind_address_translation():
    rules = (lead(PUBLIC, None, SECOND, None),)
    public = f"announce = {PUBLIC}\n"
    tap.equal(joins(server_config(public), "0.0.0.0", rules=rules), [FIRST, SECOND], "on all")
    tap.equal(joins(server_config(public), rules=rules), [FIRST, SECOND], "on the first")
    tap.equal(joins(server_config(public + "listen = no"), rules=rules), [FIRST], "no listener")
    tap.equal(joins(server_config(""), rules=rules), [FIRST, SECOND], "its own address")


@tap.test("/server/table/behind-translation-of-the-port")
def behind_port_translation():
    public = f"announce = {PUBLIC}:8443\n"
    right, wrong = lead(PUBLIC, 8443, SECOND, PORT), lead(PUBLIC, 8443, SECOND, 8443)
    for listen in ("0.0.0.0", FIRST):
        tap.equal(joins(server_config(public), listen, rules=(right,)), [FIRST, SECOND],
                  f"to the connection's port, {listen}")
    # where another application listens, of which the connection knows nothing
    with Site(server_config(public), target=None, rules=(wrong,)) as site:
        other = site.bind(SECOND, 8443)
        site.connect(FIRST)
        site.await_counter(site.server, "MismatchPortSynRx")
        site.await_answers()
        tap.equal(site.joined(), [FIRST], "to another port")
        found = site.explain()["announcements"][0]
        tap.equal(found["reason"], "port-translated", "reason")
        tap.true("port 8443 must be translated to port 8000" in found["text"], found["text"])
        warnings = site.daemon.json("status")["status"]["warnings"]
        tap.equal([w["reason"] for w in warnings], ["port-mismatch"], "warnings")
        other.close()


@tap.test("/server/table/uplinks-that-let-out-only-what-is-theirs")
def filtered():
    for listen, target, second in (("0.0.0.0", FIRST, SECOND), ("::", FIRST6, SECOND6)):
        for routing, wanted in (("no", [target]), ("yes", [target, second])):
            config = server_config("listen = no", f"source-routing = {routing}")
            with Site(config, listen, target, rules=(BCP38,)) as site:
                site.await_counter(site.server, "MPJoinSynRx")
                if routing == "no":  # the answers leave by the other link, and are dropped there
                    site.await_dropped()
                else:
                    wait_until(lambda: second in site.joined(), 5, "a join", site.joined)
                joined = [a for a in site.joined() if (":" in a) == (":" in target)]
                tap.equal(joined, wanted, f"{target}, source-routing = {routing}")


@tap.test("/server/table/a-connection-to-the-second-address-behind-filters")
def filtered_from_the_first():
    for routing in ("no", "yes"):
        config = server_config("", f"source-routing = {routing}")
        with Site(config, "0.0.0.0", None, rules=(BCP38,)) as site:
            if routing == "no":
                attempt = site.try_to_connect(SECOND)
                site.await_dropped()
                attempt.close()
                continue
            site.connect(SECOND)
            done = site.traffic.transfer("download", 1 << 18)
            tap.true(done["intact"] and done["failed"] == 0, f"transfer: {done}")


@tap.test("/server/table/families")
def families():
    both = server_config()
    # a socket of IPv4 has no subflow of IPv6, one of IPv6 has both
    for listen, target, wanted in (("0.0.0.0", FIRST, [FIRST, SECOND]),
                                   ("::", FIRST, [FIRST, SECOND]),
                                   ("::", f"::ffff:{FIRST}", [FIRST, SECOND, SECOND6]),
                                   ("::", FIRST6, [FIRST6, SECOND, SECOND6])):
        with Site(both, listen, target) as site:
            site.await_joined(*wanted)
            site.await_answers()
            tap.equal(site.joined(), sorted(wanted), f"{target} at {listen}")


@tap.test("/server/table/many-announcements-back-to-back")
def back_to_back():
    with Site(server_config(), "::", None) as site:
        site.server.ip("address add 10.2.2.3/24 dev link2", "address add 10.2.2.4/24 dev link2")
        site.connect(FIRST)
        site.await_joined(FIRST, SECOND, "10.2.2.3", "10.2.2.4", seconds=10)
        tap.true(len(site.daemon.connections()[0]["announced"]) >= 3, "announced")


# ---- the end ----


if __name__ == "__main__":
    sandbox.run(tap.main)
