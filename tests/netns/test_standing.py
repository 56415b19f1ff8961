# SPDX-License-Identifier: LGPL-2.1-or-later
"""What `status` tells of the kernel's MPTCP: is it on, and what keeps it from working?"""

import concurrent.futures
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from hosts import Traffic, wait_until
from relay import hold
from scene import Scene

ADDRESSES = ("10.7.0.{}", "2001:db8:77::{}")


class Standing(Scene):
    """Two hosts, joined by a middlebox that can drop SYNs with MPTCP, and mptcpd on the client."""

    def __init__(self, timeout=3600):
        super().__init__("", links=1, before=Standing.prepare, routes_by_source=False)
        self.timeout = timeout

    def prepare(self):
        if self.timeout is not None:
            tap.needs_kernel(6, 12, "it looks for no black holes")
            self.client.sysctl("net.mptcp.blackhole_timeout", self.timeout)
        hosts = (self.client, self.server)
        self.drop = hold("tap", *((host, "tap0") for host in hosts))
        for number, host in enumerate(hosts, 1):
            host.ip(f"address add {ADDRESSES[0].format(number)}/24 dev tap0",
                    f"address add {ADDRESSES[1].format(number)}/64 dev tap0 nodad")
        Traffic(self.server, "server", "::", 5000)

    def start(self, **options):
        super().start(verbose=False, **options)

    def connect(self, mptcp, address=ADDRESSES[0].format(2)):
        client = Traffic(self.client, "client", address, 5000)
        tap.equal(client.hello, {"connected": 1, "mptcp": mptcp}, "a connection")
        client.close()

    def status(self):
        return self.daemon.json("status")["status"]

    def mptcp(self):
        """(enabled, seconds since, seconds until)"""
        mptcp, now = self.status()["mptcp"], time.time()
        since, until = mptcp["blackhole-since-ms"], mptcp["blackhole-until-ms"]
        return (mptcp["enabled"], None if since is None else now - since / 1000,
                None if until is None else until / 1000 - now)

    def reasons(self):
        """Of warnings, but that links are looked at rarely: a slow machine has that one."""
        return [warning["reason"] for warning in self.status()["warnings"]
                if warning["reason"] != "health-looks"]

    def said(self, *words):
        return sum(all(word in line for word in words) for line in self.daemon.lines())


def near(got, wanted, what):
    tap.true(got is not None and abs(got - wanted) < 3 * tap.SLOW, f"{what}: {got}, not {wanted}")


@tap.test("/standing/blackhole/status-tells-since-when-and-until-when", waits=True)
def told():
    for address in ADDRESSES:
        with Standing() as scene:
            tap.equal(scene.mptcp(), (True, None, None), "at first")
            tap.equal(scene.reasons(), [], "warnings at first")
            scene.connect(1)
            scene.drop.touch()
            scene.connect(0, address.format(2))
            enabled, since, until = scene.mptcp()
            tap.equal(enabled, True, "enabled")
            near(since, 0, "since")
            near(until, 3600, "until")
            tap.equal(scene.reasons(), ["blackhole"], "warnings")
            text = scene.daemon.ctl("status")
            tap.equal(sum("warning blackhole: " in line for line in text.splitlines()), 1, text)
            scene.status()
            tap.equal(scene.said("black hole", "until"), 1, "lines in the log")
            scene.drop.unlink()
            scene.connect(0, address.format(2))  # it is off, whatever the network does
            tap.equal(scene.reasons(), ["blackhole"], "warnings")


@tap.test("/standing/blackhole/each-one-doubles-and-a-success-ends-it", 120, waits=True)
def doubled():
    with Standing(timeout=4) as scene:
        scene.drop.touch()
        with concurrent.futures.ThreadPoolExecutor() as threads:
            list(threads.map(scene.connect, [0] * 3))  # each finds it by itself
        _, since, until = scene.mptcp()
        near(until, 16, "until after three")
        wait_until(lambda: scene.reasons() == [], 20, "the end", scene.mptcp)
        tap.equal(scene.mptcp(), (True, None, None), "after the end")
        tap.equal(scene.said("MPTCP connections again"), 1, "lines in the log")
        scene.client.sysctl("net.mptcp.blackhole_timeout", 3600)
        scene.connect(0)
        near(scene.mptcp()[2], 8 * 3600, "until after four")
        scene.client.sysctl("net.mptcp.blackhole_timeout", 1)
        wait_until(lambda: scene.reasons() == [], 9, "the end", scene.mptcp)
        scene.drop.unlink()
        scene.connect(1)
        scene.client.sysctl("net.mptcp.blackhole_timeout", 3600)
        tap.equal(scene.reasons(), [], "warnings")
        scene.drop.touch()
        scene.connect(0)
        near(scene.mptcp()[2], 3600, "until after a success")


@tap.test("/standing/blackhole/one-from-before-a-start-is-not-dated", waits=True)
def before():
    with Standing() as scene:
        scene.drop.touch()
        scene.connect(0)
        scene.daemon.end()
        scene.start()
        tap.equal(scene.mptcp(), (True, None, None), "nobody knows")
        scene.connect(0)
        tap.equal(scene.mptcp(), (True, None, None), "nobody knows when")
        tap.equal(scene.reasons(), ["blackhole"], "but that")


@tap.test("/standing/blackhole/the-sweep-sees-it-though-nobody-asks", 90, waits=True)
def swept():
    with Standing() as scene:
        scene.drop.touch()
        scene.connect(0)
        wait_until(lambda: scene.said("black hole", "until"), 40, "a line in the log",
                   scene.daemon.text)


@tap.test("/standing/warnings/mptcp-switched-off-and-strict-filters")
def other_warnings():
    with Standing(timeout=None) as scene:
        tap.equal(scene.reasons(), [], "warnings at first")
        scene.client.sysctl("net.mptcp.enabled", 0)
        tap.equal(scene.status()["mptcp"]["enabled"], False, "enabled")
        tap.equal(scene.reasons(), ["mptcp-disabled"], "warnings")
        tap.true(scene.said("MPTCP is switched off"), "a line in the log")
        scene.client.sysctl("net.mptcp.enabled", 1)
        scene.client.sysctl("net.ipv4.conf.link1.rp_filter", 1)
        scene.client.ip("link set link1 mtu 1400", "link set tap0 mtu 1400")  # it is read anew
        wait_until(lambda: scene.reasons() == ["rp-filter"], 2, "a warning", scene.status)
        warning, = scene.status()["warnings"]
        tap.true("link1" in warning["text"] and "link1" in warning["remedy"], f"{warning}")


if __name__ == "__main__":
    sandbox.run(tap.main)
