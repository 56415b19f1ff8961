# SPDX-License-Identifier: LGPL-2.1-or-later
"""A server with two uplinks, its clients behind a router: what they can join, and what it costs."""

import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from hosts import wait_until
from uplinks import FIRST, PUBLIC, SECOND, Site, lead, server_config

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


# ---- the end ----


if __name__ == "__main__":
    sandbox.run(tap.main)
