# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a connection costs mptcpd, in counts, which are the same however busy the machine is.

`./dev count` says where they come from. A bound is what was reached and a little room for another
compiler or library; one that has to grow needs a reason in the commit.
"""

import functools
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
import work
from stage import LONG
from work import LINE, median

# Of a connection with one join, from its beginning to its end.
LIFE_INSTRUCTIONS = 15_000
LIFE_CALLS = 9.2  # each event comes alone; 8 where a join is answered before its command returns
LIFE_CALLS_AT_SPEED = 10  # what comes within microseconds comes together
LIFE_ALLOCATIONS = 3
# From the wake-up that brings ESTABLISHED to the command for the join.
WAY_INSTRUCTIONS = 1_500
WAY_LINES = 165
# Of a look at the health of links, beside connections that have just begun: two counters, and sixteen
# subflows, however many there are.
LOOKS_A_SECOND = 4
LOOK_CALLS = 40
LOOK_INSTRUCTIONS = 250_000  # a thousandth of a processor does more
SECONDS = 3  # so long is counted
# However many connections, whenever they began: two looks a second, of two layers.
DUMPS_A_SECOND = 4
# So many connections lose a link and get it back, a few of them with data.
CROWD, CARRIERS = 1000, 10
CROWD_CALLS = {"lost": 0.6, "back": 0.5}
# Bytes at rest, libraries included, and of a connection with two subflows, its state included.
REST_BYTES = 4 << 20
CONNECTION_BYTES = 480
# What mptcpctl does to read a connection with two measured subflows, and to write it as JSON.
LISTING_INSTRUCTIONS = 30_000
# So much more work may be there for one event among 10,000 connections than among 100.
GROWTH = 1.2

N, MONITORS = 6, 1


def needs(*programs):
    for program in programs:
        if not shutil.which(program):
            raise tap.Skip(f"{program} is not installed")


@functools.cache
def watched():
    """(Code, descriptors for commands, lives nobody watches, lives that monitors watch)"""
    needs("valgrind", "nm")
    code, commands, lives = work.lives(N, monitors=MONITORS)
    return code, commands, lives[:N], lives[N:]


@tap.test("/cost/life/instructions-system-calls-and-allocations", 120)
def life():
    code, _, lives, _ = watched()
    instructions = sum(work.mean_instructions(code, lives).values())
    calls = sum(work.mean_calls(lives).values())
    allocations = median(sum(work.allocations(code, part) for part in one.values())
                         for one in lives)
    tap.note(f"{instructions:.0f} instructions, {calls:.1f} system calls, {allocations} allocations")
    tap.at_most(instructions, LIFE_INSTRUCTIONS, "instructions a connection")
    tap.at_most(calls, LIFE_CALLS, "system calls a connection")
    tap.at_most(allocations, LIFE_ALLOCATIONS, "allocations a connection")


@tap.test("/cost/command/little-is-done-and-touched-before-it-and-nothing-allocated")
def command():
    code, commands, lives, _ = watched()
    ways = work.ways(lives, commands)
    tap.equal(len(ways), N, "connections with a command")
    instructions = median(way.instructions().total() for way in ways)
    lines = median(len(way.touched(LINE)) for way in ways)
    tap.note(f"{instructions:.0f} instructions, {lines:.0f} cache lines")
    tap.at_most(instructions, WAY_INSTRUCTIONS, "instructions from wake-up to command")
    tap.at_most(lines, WAY_LINES, "cache lines from wake-up to command")
    tap.equal([work.allocations(code, way) for way in ways], [0] * N, "allocations")


@tap.test("/cost/command/monitors-add-nothing-before-it")
def monitors():
    _, commands, alone, lives = watched()
    ways = work.ways(lives, commands)
    tap.equal(len(ways), N, "connections with a command")
    without, beside = (median(way.instructions().total() for way in of)
                       for of in (work.ways(alone, commands), ways))
    tap.note(f"{without:.0f} instructions alone, {beside:.0f} beside {MONITORS} monitors")
    tap.at_most(beside, without + 100, "instructions from wake-up to command")


@tap.test("/cost/life/system-calls-at-the-real-speed")
def at_speed():
    needs("strace")
    calls = work.traced(60, 2, work.one_by_one)
    tap.note(", ".join(f"{name} {count:.2f}" for name, count in calls.items()))
    tap.at_most(sum(calls.values()), LIFE_CALLS_AT_SPEED, "system calls a connection")


@tap.test("/cost/health/system-calls-of-a-look-while-nothing-happens", 60)
def looks():
    needs("strace")
    for standing in (20, 2000):
        calls = work.idle(standing, SECONDS)
        each = sum(calls.values()) / (LOOKS_A_SECOND * SECONDS)
        tap.note(f"{standing} connections: {each:.1f} system calls a look")
        tap.true(calls.get("pread64", 0) > 0, f"it looks: {calls}")
        tap.at_most(each, LOOK_CALLS, "system calls a look")


@tap.test("/cost/health/instructions-of-a-look-with-a-hundred-addresses", 120)
def many_addresses():
    needs("valgrind", "vgdb")
    instructions, calls = work.gate(links=20, addresses=100, standing=10_000 if LONG else 1000,
                                    seconds=SECONDS)
    tap.note(f"{instructions:.0f} instructions and {calls:.1f} system calls a look")
    tap.at_most(instructions, LOOK_INSTRUCTIONS, "instructions a look")
    tap.at_most(calls, LOOK_CALLS, "system calls a look")


@tap.test("/cost/measures/one-dump-for-all-connections-that-are-due", 120)
def measures():
    needs("strace")
    for plugin in ("interactive", "handover", "aggregate"):
        few, many = (work.asked(standing, SECONDS, plugin) for standing in (1, 1000))
        tap.note(f"{plugin}: {few[0]} dumps for 1 connection, {many[0]} for 1,000")
        tap.true(few[0] >= SECONDS - 1, f"it measures: {few}")
        tap.at_most(many[0], DUMPS_A_SECOND * SECONDS, "dumps for 1,000 connections")
        tap.equal((few[1], many[1]), (0, 0), "questions about one of them")


@tap.test("/cost/measures/none-for-policies-that-need-none", 60)
def no_measures():
    needs("strace")
    for stack in ("fullmesh", "ndiffports", "fullmesh, guard"):
        tap.equal(work.asked(100, SECONDS, stack), (0, 0), f"dumps and questions for {stack}")


@tap.test("/cost/crowd/those-that-carry-data-come-first", 120)
def first():
    for event, ports in work.flap(CROWD, CARRIERS).items():
        last = max(i for i, port in enumerate(ports) if port != work.PORT)
        tap.note(f"{event}: the last of {CARRIERS} with data is number {last + 1} of {len(ports)}")
        tap.equal(ports.count(work.PORT + 1), CARRIERS, "those with data")
        tap.at_most(last + 1, CROWD / 5, "place of the last one with data")


@tap.test("/cost/crowd/system-calls-are-for-many", 120)
def many():
    needs("strace")
    for what, calls in work.flap_calls(CROWD).items():
        tap.note(f"{what}: " + ", ".join(f"{name} {count:.2f}" for name, count in calls.items()))
        tap.at_most(sum(calls.values()), CROWD_CALLS[what], "system calls a connection")


@tap.test("/cost/listing/instructions-of-mptcpctl-for-a-connection", 60)
def listing():
    needs("valgrind")
    few, many = (work.listing(n) for n in (10, 210))
    each = (many - few) / 200
    tap.note(f"{each:.0f} instructions a connection")
    tap.at_most(each, LISTING_INSTRUCTIONS, "instructions a connection")


@tap.test("/cost/memory/at-rest-and-of-a-connection", 120)
def memory():
    rest, each = work.memory(4000)
    tap.note(f"{rest / (1 << 20):.2f} MiB at rest, {each:.0f} bytes a connection")
    tap.at_most(rest, REST_BYTES, "bytes at rest")
    tap.at_most(each, CONNECTION_BYTES, "bytes a connection")


@tap.test("/cost/complexity/as-much-work-among-ten-thousand-connections-as-among-a-hundred", 120)
def complexity():
    needs("valgrind", "vgdb")
    few, many = (work.instructions_beside(standing, N) for standing in (100, 10_000))
    tap.note(f"{few:.0f} instructions among 100, {many:.0f} among 10,000")
    tap.at_most(many, GROWTH * few, "instructions of a life among 10,000 connections")


if __name__ == "__main__":
    sandbox.run(tap.main)
