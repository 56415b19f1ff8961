# SPDX-License-Identifier: LGPL-2.1-or-later
"""mptcpd measured against the kernel's own path manager and against the least that a loop can be.

bench.py [--rounds N] [--quick] [WORD...]: the cases whose name contains a word. Rounds of the
managers alternate, every other time in reverse, so that whatever else the machine does meets all of
them. Prints a table: the median of the rounds' medians, the least and the most of them, the 99th
percentile likewise, and the ratios to the others. results.json in build-release/bench/ keeps what
earlier runs found of other cases; the distributions are there as SVG.

--quick takes fewer rounds (3), connections and samples: for a look. Of each round the CPU that
others took is told: where that is much, no time of that run is worth anything.
"""

import functools
import json
import os
import pathlib
import platform
import statistics
import sys

HERE = pathlib.Path(__file__).resolve().parent
os.environ.setdefault("MPTCPD_BUILD", str(HERE.parents[1] / "build-release"))
sys.path[1:1] = [str(HERE.parent), str(HERE.parent / "netns"), str(HERE)]

import cases
import plot
import sandbox
from hosts import BUILD
from managers import (Heard, Kernel, KernelCut, Loop, LoopCut, Mptcpd, Older, OneMonitor,
                      TenMonitors)

RESULTS = BUILD / "bench"
QUICK = "--quick" in sys.argv
OLDER = (Older,) if Older.is_there() else ()
ALL, OURS = (Kernel, Loop, Mptcpd), (Mptcpd,)
RATED = (Kernel, Heard, Loop, Mptcpd)
CUT = (Kernel, KernelCut, Loop, LoopCut, Mptcpd)


def case(function, number=None, **options):
    """Of a number that a quick look may make smaller."""
    if number is not None:
        options[number] = max(options[number] // (10 if QUICK else 1), 1)
    return functools.partial(function, **options)


def delay(**options):
    return case(cases.delay, samples=60 if QUICK else 300, **options)


CASES = {
    "join/idle": (ALL + OLDER, delay()),
    "join/1-ms-away": (ALL, delay(rtt=0.001)),
    "join/replies-of-512-KiB": (ALL, delay(is_busy=True)),
    "join/10000-others": (ALL, delay(number="crowd", crowd=10000)),
    "join/monitors": ((Mptcpd, OneMonitor, TenMonitors), delay()),
    "rate/1-client": (RATED + OLDER, case(cases.rate, "total", total=4000, clients=1)),
    "rate/4-clients": (RATED, case(cases.rate, "total", total=4000, clients=4)),
    "rate/1-client-short": (ALL, case(cases.rate, "total", total=4000, clients=1, short=True)),
    "rate/4-clients-short": (ALL, case(cases.rate, "total", total=4000, clients=4, short=True)),
    "link/1": (CUT, case(cases.flap, total=1)),
    "link/1000": (CUT, case(cases.flap, "total", total=1000)),
    "link/10000": (CUT, case(cases.flap, "total", total=10000)),
    "memory/1000": (OURS, case(cases.memory, total=1000)),
    "memory/10000": (OURS, case(cases.memory, "total", total=10000)),
    "memory/50000": (OURS, case(cases.memory, "total", total=50000)),
    "list/10000": (OURS, case(cases.listing, "total", total=10000)),
    "adopt/10000": (OURS, case(cases.adoption, "total", total=10000)),
    "overflow/15000": (OURS, case(cases.overflow, total=15000)),
}


def run(name, rounds):
    """{unit: {manager: [values of a round] of each round}}"""
    managers, function = CASES[name]
    found = {}
    for i in range(rounds):
        for manager in managers[::-1] if i % 2 else managers:
            print(f"{name}: round {i + 1} of {rounds}, {manager.name}", file=sys.stderr)
            for unit, values in function(manager).items():
                found.setdefault(unit, {}).setdefault(manager.name, []).append(values)
    order = [manager.name for manager in managers]
    return {unit: {m: by_manager[m] for m in order if m in by_manager}
            for unit, by_manager in found.items()}


def percentile(values, part):
    values = sorted(values)
    return values[min(int(len(values) * part), len(values) - 1)]


def summarize(rounds):
    medians = [statistics.median(values) for values in rounds]
    found = {"median": statistics.median(medians), "least": min(medians), "most": max(medians)}
    if len(rounds[0]) > 1:
        found["p99"] = statistics.median(percentile(values, 0.99) for values in rounds)
        found["values"] = [round(value, 1) for values in rounds for value in values]
    return found


def row(name, unit, manager, one, sums):
    def ratios(of):
        return "".join(f"  {one[of] / other[of]:5.2f} × {title}" for title, other in sums.items()
                       if title != manager and other[of])

    text = (f"{name:24} {unit:22} {manager:12} {one['median']:9.1f}"
            f"  [{one['least']:.1f} {one['most']:.1f}]{ratios('median')}")
    return text + (f"\n{'':47} {'':12} {one['p99']:9.1f}  p99{ratios('p99')}" if "p99" in one else "")


def results(name, rounds):
    """What the case gave, told, as rows of results.json."""
    for unit, by_manager in run(name, rounds).items():
        sums = {manager: summarize(values) for manager, values in by_manager.items()}
        for manager, one in sums.items():
            print(row(name, unit, manager, one, sums), flush=True)
        if any("values" in one for one in sums.values()):
            path = RESULTS / f"{name.replace('/', '-')}.svg"
            path.write_text(plot.draw([(name, unit, sums)]), encoding="utf-8")
        yield {"case": name, "unit": unit, "rounds": rounds, "quick": QUICK,
               "kernel": platform.release(), "processors": os.cpu_count(),
               "managers": sums}


def keep(rows):
    """Write results.json: these, and those of other cases that are there."""
    path = RESULTS / "results.json"
    there = json.loads(path.read_text("utf-8")) if path.exists() else []
    names = {one["case"] for one in rows}
    rows = [one for one in there if one["case"] not in names] + rows
    rows.sort(key=lambda one: list(CASES).index(one["case"]))
    path.write_text(json.dumps(rows) + "\n", "utf-8")


def main():
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    rounds = 3 if QUICK else 7
    if "--rounds" in sys.argv:
        rounds = int(words.pop(words.index(sys.argv[sys.argv.index("--rounds") + 1])))
    chosen = [name for name in CASES if not words or any(word in name for word in words)]
    if not chosen:
        sys.exit(f"no case has such a name; there are {', '.join(CASES)}")
    RESULTS.mkdir(parents=True, exist_ok=True)
    print(f"Linux {platform.release()}, {rounds} rounds: medians, [least most] of rounds\n")
    failed = []
    for name in chosen:
        try:
            keep(list(results(name, rounds)))
        except AssertionError as reason:
            print(f"{name}: {reason}", flush=True)
            failed.append(name)
    print(f"\n{RESULTS} has it as JSON and SVG. `/usr/bin/python3 tests/bench/page.py` puts it into "
          "doc/performance.md.")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    sandbox.run(main)
