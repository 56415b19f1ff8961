# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a connection costs mptcpd, counted: the same on a busy machine as on a quiet one.

`./dev count [--links N] [N]`: the lives of N connections (10), one after another, each with a join on
every link but the first (of 2). Counts the release build, or what MPTCPD_BUILD names.
"""

import collections
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
os.environ.setdefault("MPTCPD_BUILD", str(HERE.parents[1] / "build-release"))
sys.path[1:1] = [str(HERE.parent), str(HERE.parent / "netns")]

import sandbox
import work
from work import LINE, PAGE, median

TOP = 30


def table(counts, top=None, form="10.1f"):
    for name, count in list(counts.items())[:top]:
        print(f"  {count:{form}}  {name}")


def part(title, code, parts):
    """One step, or the way to the command: what is usual."""
    def usual(function):
        return median(map(function, parts))

    print(f"\n{title}: {usual(lambda p: p.instructions().total()):.0f} instructions, "
          f"{usual(lambda p: len(p.touched(LINE))):.0f} cache lines, "
          f"{usual(lambda p: len(p.touched(PAGE))):.0f} pages, "
          f"{usual(lambda p: work.allocations(code, p)):.0f} allocations, "
          f"{usual(lambda p: len(p.calls)):.0f} system calls")


def touched(code, way):
    """Where the cache lines are that a way touches."""
    places = collections.Counter(code.place(line * LINE) for line in way.touched(LINE))
    print("  of the last one, cache lines by place:")
    table(dict(places.most_common()), form="10d")
    functions = collections.Counter()
    for line in {at // LINE for at in way.instructions()}:
        at = min(at for at in way.instructions() if at // LINE == line)
        functions[code.function(at)] += 1
    print("  … and of those with code, by function:")
    table(dict(functions.most_common()), TOP, "10d")
    print("  … and its instructions, by function:")
    table(work.mean_instructions(code, [{"way": way}]), TOP, "10.0f")


def stepwise(n, links):
    code, commands, lives = work.lives(n, links)
    calls = work.mean_calls(lives)
    print(f"One step at a time, {n} connections, {links - 1} joins each: "
          f"{sum(calls.values()):.1f} system calls a connection")
    table(calls)
    functions = work.mean_instructions(code, lives)
    print(f"\n{sum(functions.values()):.0f} instructions a connection")
    table(functions, TOP, "10.0f")
    for step in work.STEPS:
        part(f"after it is {step}", code, [life[step] for life in lives])
    ways = work.ways(lives, commands)
    if ways:
        part("from the wake-up to the first command", code, ways)
        touched(code, ways[-1])
    else:
        print("no command was sent")


def at_real_speed(n, links, title, live):
    counts = work.traced(n, links, live)
    print(f"\n{title}, {n} connections: {sum(counts.values()):.1f} system calls a connection")
    table(counts, form="10.2f")


def main():
    words = sys.argv[1:]
    links = int(words.pop(words.index("--links") + 1)) if "--links" in words else 2
    numbers = [int(word) for word in words if word.isdigit()]
    stepwise(numbers[0] if numbers else 10, links)
    at_real_speed(100, links, "Without a round trip, one by one", work.one_by_one)
    at_real_speed(1000, links, "Without a round trip, as fast as they come", work.at_once)


if __name__ == "__main__":
    sandbox.run(main)
