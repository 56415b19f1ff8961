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
from uplinks import (FIRST, FIRST6, MPTCP, PORT, PUBLIC, SECOND, SECOND6, Site, lead,
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


# ---- the end ----


if __name__ == "__main__":
    sandbox.run(tap.main)
