# SPDX-License-Identifier: LGPL-2.1-or-later
"""The demonstration of ./dev demo: a transfer over three links that loses one and gets it back.

Everything happens in namespaces of its own (see netns/sandbox.py): nothing is left behind.
"""

import os
import pathlib
import select
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "netns"))

import sandbox
from daemon import FULLMESH, Daemon
from hosts import Network, Timeout, Traffic, wait_until

RATE_MBIT = 100  # of each link
SIZE = 300 << 20
MEGA = 1e6


def headline(text):
    print(f"\n== {text}", flush=True)


def indented(text):
    print("".join(f"   {line}\n" for line in text.splitlines()), end="", flush=True)


class Demo:
    def __init__(self, net, daemon):
        self.net = net
        self.daemon = daemon
        self.first = self.last = self.sent()
        self.begin = self.last_time = time.monotonic()

    def sent(self):
        counters = self.net.client.counters()
        return [counters[f"link{i}"][1] for i in self.net.links]

    def total(self):
        return sum(self.sent()) - sum(self.first)

    def show_rates(self):
        """One line: what each link carried since the last one."""
        now, sent = time.monotonic(), self.sent()
        rates = [(b - a) / (now - self.last_time) / MEGA for a, b in zip(self.last, sent)]
        cells = "".join(f"  link{i} {rate:5.1f} MB/s" for i, rate in zip(self.net.links, rates))
        print(f"   {now - self.begin:5.1f} s {cells}   {'#' * round(sum(rates))}", flush=True)
        self.last, self.last_time = sent, now

    def run_until(self, done):
        """Show the rates twice a second until done() is true."""
        while not done():
            if time.monotonic() - self.last_time >= 0.5:
                self.show_rates()
            time.sleep(0.01)

    def time_until(self, wanted):
        """Milliseconds until the established subflows by link are `wanted`."""
        begin = time.monotonic()
        wait_until(lambda: self.net.by_link(self.net.client.subflows()) == wanted, 10,
                   f"subflows by link {wanted}")
        return (time.monotonic() - begin) * 1000

    def transfer(self, client):
        """(the receiver's result, ms to fail over, ms to return)"""
        self.first = self.last = self.sent()
        self.begin = self.last_time = time.monotonic()
        client.order("upload", SIZE)
        self.run_until(lambda: self.total() > SIZE * 0.25)
        print("   --- cutting link1: ip link set link1 down", flush=True)
        self.net.down(1)
        over = self.time_until({1: 0, 2: 1, 3: 1})
        cut_at = self.total()
        self.run_until(lambda: self.total() - cut_at > SIZE * 0.3)
        print("   mptcpctl connection:")
        indented(self.daemon.ctl("--headers", "connection"))
        print("   --- bringing link1 back: ip link set link1 up", flush=True)
        self.net.up(1, self.net.client)
        back = self.time_until({1: 1, 2: 1, 3: 1})
        self.run_until(lambda: select.select([client.child.stdout], [], [], 0)[0])
        return client.read(), over, back


def summary(demo, result, over, back):
    headline("Summary")
    print("   link   path                   bytes sent   what happened")
    notes = {1: f"cut: failed over in {over:.0f} ms; restored: back in {back:.0f} ms"}
    for i, first, last in zip(demo.net.links, demo.first, demo.sent()):
        path, moved = f"10.0.{i}.1 -> 10.0.1.2", (last - first) / MEGA
        print(f"   link{i}  {path}  {moved:8.1f} MB   {notes.get(i, '')}".rstrip())
    good = result["intact"] and result["bytes"] == SIZE
    print(f"   {result['bytes'] / MEGA:.1f} MB received in {result['elapsed-ms'] / 1000:.1f} s, "
          f"{'no byte lost or changed' if good else 'DAMAGED'}; "
          f"longest pause {result['max-gap-ms']} ms")
    return good


def main():
    os.environ["COLUMNS"] = "100"  # of what mptcpctl lists
    headline(f"Two hosts, joined by three links of {RATE_MBIT} Mbit/s")
    with Network(rate=f"{RATE_MBIT}mbit", note=lambda text: print(text, file=sys.stderr)) as net:
        indented("\n".join(f"client 10.0.{i}.1 --- link{i} --- 10.0.{i}.2 server" for i in net.links))
        headline("mptcpd starts on the client with this configuration")
        indented(FULLMESH)
        daemon = Daemon(net.client)
        net.on_failure.append(daemon.text)
        Traffic(net.server, "server", "0.0.0.0", 5000)

        headline("An application connects to 10.0.1.2; mptcpd adds the other two paths")
        client = Traffic(net.client, "client", "10.0.1.2", 5000)
        demo = Demo(net, daemon)
        took = demo.time_until({1: 1, 2: 1, 3: 1})
        print(f"   three subflows after {took:.0f} ms; mptcpctl connection says:")
        indented(daemon.ctl("--headers", "connection"))

        headline(f"It sends {SIZE / MEGA:.0f} MB")
        result, over, back = demo.transfer(client)
        print("   mptcpctl connection:")
        indented(daemon.ctl("--headers", "connection"))
        return 0 if summary(demo, result, over, back) else 1


if __name__ == "__main__":
    try:
        sandbox.enter()
    except sandbox.Unavailable as reason:
        sys.exit(f"demo: this host does not allow it: {reason}. Run it as root.")
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except (Timeout, AssertionError) as error:
        sys.exit(f"demo: {error}")
