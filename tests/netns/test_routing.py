# SPDX-License-Identifier: LGPL-2.1-or-later
"""Source routing: what carries the address of a link leaves by that link.

Each case is played without mptcpd too: there it goes wrong, or there would be nothing to do.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from hosts import wait_until
from town import Town, call, called, config, gateway, near

FAMILIES = (4, 6)
MODES = (("yes", config()), ("auto", config("auto")))


def ready(town, *links):
    if town.daemon:
        town.await_rules(*(near(i, f) for i in links for f in FAMILIES))


def judged(town, i, family, expect_wrong):
    """Packets with the address of link i came by it, or, without rules, not all of them."""
    wrong, all_of_them = town.watch.wrong(near(i, family), f"link{i}")
    tap.true(all_of_them >= 3, f"packets of {near(i, family)} were seen: {all_of_them}")
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


if __name__ == "__main__":
    sandbox.run(tap.main)
