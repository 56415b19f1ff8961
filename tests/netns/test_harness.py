# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the kernel does without us: proves the machine and the harness that judges mptcpd."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from capture import Capture
from hosts import Network, Traffic, parse_socket, wait_until

MEGABYTE = 1 << 20


def endpoints(net):
    """The kernel's own path manager does what our policy would, on links 2 and 3."""
    net.client.ip(
        "mptcp limits set subflow 8 add_addr_accepted 8",
        "mptcp endpoint add 10.0.2.1 dev link2 subflow",
        "mptcp endpoint add 10.0.3.1 dev link3 subflow backup",
    )


@tap.test("/harness/ss/addresses-are-read-in-every-form")
def addresses():
    tap.equal(parse_socket("10.0.2.1%link2:5"), ("10.0.2.1", 5, "link2"), "v4 with device")
    tap.equal(parse_socket("[2001:db8::1]:5"), ("2001:db8::1", 5, ""), "v6")
    tap.equal(parse_socket("[::ffff:10.0.0.1]:5"), ("10.0.0.1", 5, ""), "mapped")
    tap.equal(parse_socket("[2001:db8::1]%link2:5"), ("2001:db8::1", 5, "link2"), "v6 with device")
    tap.equal(parse_socket("*:*"), ("*", 0, ""), "any")


@tap.test("/harness/kernel/subflows-capture-and-counters-agree")
def three_subflows():
    with Network(rate="200mbit", note=tap.note) as net:
        endpoints(net)
        Traffic(net.server, "server", "0.0.0.0", 5000)
        capture = Capture(net.client)
        client = Traffic(net.client, "client", "10.0.1.2", 5000)
        tap.equal(client.hello, {"connected": 1, "mptcp": 1}, "connection")
        token = net.client.connections()[0]["token"]
        wait_until(lambda: len(net.client.subflows(token)) == 3, 2, "three subflows")
        tap.equal(net.by_link(net.client.subflows(token)), {1: 1, 2: 1, 3: 1}, "subflows by link")
        tap.equal(net.client.nstat()["MPJoinSynAckRx"], 2, "MPJoinSynAckRx")
        before = net.client.counters()
        for verb in ("upload", "download"):
            result = client.transfer(verb, 16 * MEGABYTE)
            tap.true(result["intact"] and result["bytes"] == 16 * MEGABYTE, f"{verb}: {result}")
        after = net.client.counters()
        tap.true(after["link2"][1] - before["link2"][1] > MEGABYTE, f"link2 unused: {after}")
        tap.equal(
            sorted((syn["link"], syn["source"], syn["backup"]) for syn in capture.joins()),
            [("link2", "10.0.2.1", False), ("link3", "10.0.3.1", True)],
            "joins",
        )
        tap.equal(len(capture.syns()), 3, "SYNs in all")
        tap.equal(client.close(), 0, "client's exit")
        wait_until(lambda: not net.client.connections(), 5, "no connection left")


@tap.test("/harness/links/down-and-up-restores-addresses-and-routes")
def down_and_up():
    with Network(note=tap.note) as net:
        views = []
        for step in (lambda: None, lambda: net.down(2), lambda: net.up(2, net.client)):
            step()
            addresses = net.client.run("ip", "-brief", "address", "show", "scope", "global").stdout
            routes = [net.client.run("ip", family, "route", "show", "default").stdout
                      for family in ("-4", "-6")]
            views.append(("2001:db8:2::1/64" in addresses, *["dev link2" in r for r in routes]))
        tap.equal(views, [(True,) * 3, (False,) * 3, (True,) * 3], "address and routes of link2")
        Traffic(net.server, "server", "::", 5000)
        for address in ("10.0.2.2", "2001:db8:2::2"):
            tap.true(Traffic(net.client, "client", address, 5000).transfer("upload", 1)["intact"],
                     f"{address} over the restored link")


@tap.test("/harness/traffic/ipv6-and-mapped-are-mptcp")
def families():
    with Network(note=tap.note) as net:
        Traffic(net.server, "server", "::", 5000)
        for address in ("2001:db8:1::2", "::ffff:10.0.1.2", "10.0.1.2"):
            client = Traffic(net.client, "client", address, 5000, 5)
            tap.equal(client.hello, {"connected": 5, "mptcp": 5}, address)
            result = client.transfer("upload", MEGABYTE)
            tap.true(result["intact"] and result["bytes"] == 5 * MEGABYTE, f"{address}: {result}")
            client.close()


if __name__ == "__main__":
    sandbox.run(tap.main)
