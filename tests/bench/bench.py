# SPDX-License-Identifier: LGPL-2.1-or-later
"""mptcpd measured against the kernel's own path manager and against the least that a loop can be.

bench.py [--rounds N] [--quick] [WORD...]: the cases whose name contains a word. Rounds of the
managers alternate, so that whatever else the machine does meets all of them. Prints a table of
medians of the rounds' medians with their spread and the ratios; writes results.json, and the
distributions as SVG, to build/bench/.
"""

import json
import pathlib
import platform
import statistics
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[1:1] = [str(HERE.parent), str(HERE.parent / "netns"), str(HERE)]

import cases
import plot
import sandbox
from cases import Kernel, Loop, Mptcpd
from hosts import BUILD

RESULTS = BUILD / "bench"
ALL, TWO, OURS = (Kernel, Loop, Mptcpd), (Kernel, Mptcpd), (Mptcpd,)
QUICK = "--quick" in sys.argv


def much(n):
    return n // 10 if QUICK else n


def delay(**options):
    return lambda manager: {"µs": cases.delay(manager, much(300), **options)}


def pair(function, *names):
    """A function that gives one value a name."""
    return lambda manager: {name: [value] for name, value in zip(names, function(manager))}


CASES = {
    "join/idle": (ALL, delay()),
    "join/1-ms-away": (ALL, delay(rtt=0.001)),
    "join/bulk-on-both-cores": (ALL, delay(bulk=True)),
    "join/10000-others": (ALL, delay(crowd=much(10000))),
    "join/1-monitor": (OURS, delay(n_readers=1)),
    "join/10-monitors": (OURS, delay(n_readers=10)),
    "rate/1-client": (ALL, pair(lambda m: cases.rate(m, much(4000), 1), "1/s", "µs CPU")),
    "rate/4-clients": (ALL, pair(lambda m: cases.rate(m, much(4000), 4), "1/s", "µs CPU")),
    "link/1": (TWO, pair(lambda m: cases.flap(m, 2), "ms lost", "ms back")),
    "link/1000": (TWO, pair(lambda m: cases.flap(m, much(1000)), "ms lost", "ms back")),
    "link/10000": (TWO, pair(lambda m: cases.flap(m, much(10000)), "ms lost", "ms back")),
    "memory/1000": (OURS, pair(lambda m: cases.memory(m, much(1000)), "bytes", "MiB idle")),
    "memory/10000": (OURS, pair(lambda m: cases.memory(m, much(10000)), "bytes", "MiB idle")),
    "memory/50000": (OURS, pair(lambda m: cases.memory(m, much(50000)), "bytes", "MiB idle")),
    "list/10000": (OURS, pair(lambda m: cases.listing(m, much(10000)), "ms", "ms of ss")),
    "adopt/10000": (OURS, pair(lambda m: cases.adoption(m, much(10000)), "ms", "ms of ss")),
}


def run(name, rounds):
    """{unit: {manager: [values of a round] of each round}}"""
    managers, function = CASES[name]
    found = {}
    for i in range(rounds):
        for manager in managers:
            for unit, values in function(manager).items():
                found.setdefault(unit, {}).setdefault(manager.name, []).append(values)
            print(f"{name}: round {i + 1} of {rounds}, {manager.name}", file=sys.stderr)
    return found


def percentile(values, part):
    values = sorted(values)
    return values[min(int(len(values) * part), len(values) - 1)]


def summarize(rounds):
    medians = [statistics.median(values) for values in rounds]
    tails = [percentile(values, 0.99) for values in rounds]
    return {"median": statistics.median(medians), "least": min(medians), "most": max(medians),
            "p99": statistics.median(tails), "rounds": len(rounds)}


def report(name, found):
    for unit, by_manager in found.items():
        sums = {manager: summarize(rounds) for manager, rounds in by_manager.items()}
        for manager, one in sums.items():
            ratios = "".join(f"  {one['median'] / other['median']:5.2f} × {of}"
                             for of, other in sums.items() if of != manager and other["median"])
            tail = f"  p99 {one['p99']:8.1f}" if len(by_manager[manager][0]) > 1 else ""
            print(f"{name:26} {unit:8} {manager:7} {one['median']:10.1f}"
                  f"  [{one['least']:.1f} {one['most']:.1f}]{tail}{ratios}", flush=True)
        if len(next(iter(by_manager.values()))[0]) > 1:
            rows = {m: [v for values in rounds for v in values]
                    for m, rounds in by_manager.items()}
            path = RESULTS / f"{name.replace('/', '-')}.svg"
            path.write_text(plot.draw(name, unit, rows), encoding="utf-8")
        yield {"case": name, "unit": unit, "managers": sums}


def main():
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    rounds = 7
    if "--rounds" in sys.argv:
        rounds = int(words.pop(words.index(sys.argv[sys.argv.index("--rounds") + 1])))
    chosen = [name for name in CASES if not words or any(word in name for word in words)]
    RESULTS.mkdir(parents=True, exist_ok=True)
    print(f"Linux {platform.release()}, {rounds} rounds; medians, [least most] of rounds\n")
    results = [row for name in chosen for row in report(name, run(name, rounds))]
    (RESULTS / "results.json").write_text(
        json.dumps({"kernel": platform.release(), "results": results}, indent=1) + "\n",
        encoding="utf-8")


if __name__ == "__main__":
    sandbox.run(main)
