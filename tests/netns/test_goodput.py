# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a transfer gets through while links flap, addresses blink and rules are read again.

Each DESTROY has the kernel send again all that is under way, so mptcpd is held against the same
host without it: medians of several runs, one after the other in turns, and nothing but ratios.
"""

import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from daemon import FULLMESH, Monitor, matches
from lab import Lab, measure

RUNS = 3
ONE = FULLMESH + "max-subflows = 1\n"


def cable_out(lab):
    """Two seconds without a carrier, two with one."""
    lab.gateways[2].ip("link set inner down")
    measure(2)
    lab.gateways[2].ip("link set inner up", "address replace 2001:db8:2::2/64 dev inner nodad")
    measure(2)


def address_blinks(lab):
    """Who configures a link anew takes its address away, and gives it back."""
    lab.client.ip("address del 10.0.2.1/24 dev link2", "address add 10.0.2.1/24 dev link2",
                  "route add default via 10.0.2.2 dev link2 metric 102")
    measure(1)


def reload(lab):
    if lab.daemon:
        lab.daemon.ctl("reload")
    measure(1)


def change_policy(lab):
    """To one subflow and back; the control keeps both."""
    if lab.daemon:
        for config in (ONE, FULLMESH):
            lab.daemon.config.write_text(config)
            lab.daemon.ctl("reload")
            measure(1)
    else:
        measure(2)


def play(kind, what, times, config):
    """(bytes a second, longest gap, commands) of a transfer to which that happens so often."""
    with Lab(config=config) as lab:
        if not config:
            lab.endpoints()
        flow = lab.flow(kind)
        lab.await_subflows(2)
        lab.await_flowing(flow, lab.carried(1, kind), lab.carried(2, kind))
        measure(1)
        monitor = Monitor(lab.daemon) if config else None
        commands, begin = count(lab), time.monotonic()
        for _ in range(times):
            what(lab)
        end = time.monotonic()
        return flow.goodput(begin, end), flow.gap(begin, end), count(lab) - commands - asked(monitor)


def asked(monitor):
    """How many suspicions of a link were told, for each of which it is asked by a join."""
    suspect = {"event": "interface-health", "health": "suspect"}
    return sum(matches(event, suspect) for event in list(monitor.events)) if monitor else 0


def count(lab):
    return lab.daemon.json("status")["status"]["commands"] if lab.daemon else 0


def compare(kind, what, times, least, most_commands, pick=statistics.median):
    """At least so much of what the kernel alone gets through, with so many commands at most."""
    arms = {None: [], FULLMESH: []}
    for _ in range(RUNS):
        for config, found in arms.items():
            found.append(play(kind, what, times, config))
    for config, found in arms.items():
        text = ", ".join(f"{goodput / 1e3:.0f} kB/s gap {gap:.2f} s {commands} commands"
                         for goodput, gap, commands in found)
        tap.note(f"{kind}, {what.__name__} {times} times, {'mptcpd' if config else 'alone'}: {text}")
    alone, with_us = (pick(row[0] for row in found) for found in arms.values())
    tap.note(f"ratio {with_us / alone:.2f}")
    tap.true(with_us >= least * alone, f"goodput: {with_us:.0f} of {alone:.0f} bytes a second")
    tap.at_most(max(row[2] for row in arms[FULLMESH]), most_commands, "commands")


@tap.test("/goodput/flaps-of-two-seconds/upload", 240, waits=True)
def flaps_up():
    compare("up", cable_out, 3, 1.0, 3 * 5)


@tap.test("/goodput/flaps-of-two-seconds/download", 240, waits=True)
def flaps_down():
    compare("down", cable_out, 3, 1.0, 3 * 5)


# A packet that finds no address is sent again after a second: with mptcpd or without, now and then one
# does. So the best run counts.
@tap.test("/goodput/an-address-that-blinks/upload", 240, waits=True)
def blinks_up():
    compare("up", address_blinks, 5, 0.85, 0, max)


@tap.test("/goodput/an-address-that-blinks/download", 240, waits=True)
def blinks_down():
    compare("down", address_blinks, 5, 0.85, 0, max)


@tap.test("/goodput/reloads", 240, waits=True)
def reloads():
    compare("up", reload, 5, 0.85, 0)


# What a policy drops is closed, once: the price of the person's own word.
@tap.test("/goodput/policies-that-change", 240, waits=True)
def policies():
    compare("up", change_policy, 3, 0.5, 3 * 4)


if __name__ == "__main__":
    sandbox.run(tap.main)
