# SPDX-License-Identifier: LGPL-2.1-or-later
"""The yardstick itself: that ./dev bench measures all it compares, and its page and plot show it."""

import json
import pathlib
import subprocess
import sys
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent
sys.path[1:1] = [str(HERE.parent), str(HERE.parent / "netns"), str(HERE)]

import page
import plot
import tap
from hosts import BUILD


def look(*words):
    """A quick look with one round; {case: {unit: {manager: …}}} of these cases."""
    done = subprocess.run([sys.executable, HERE / "bench.py", "--quick", "--rounds", "1", *words],
                          text=True, capture_output=True, check=False)
    if "# SKIP" in done.stdout:
        raise tap.Skip(done.stdout.partition("# SKIP ")[2])
    tap.equal(done.returncode, 0, done.stdout + done.stderr[-2000:])
    found = {}
    for one in json.loads((BUILD / "bench/results.json").read_text("utf-8")):
        found.setdefault(one["case"], {})[one["unit"]] = one["managers"]
    return found


@tap.test("/bench/join/each-is-timed-with-each-manager")
def join():
    found = look("join/idle", "join/1-ms-away")
    for case in ("join/idle", "join/1-ms-away"):
        sums = found[case]["µs"]
        tap.equal(list(sums)[:3], ["kernel", "loop", "mptcpd"], f"managers of {case}")
        for name, one in sums.items():
            tap.equal(len(one["values"]), 60, f"values of {name}")
            tap.true(0 < min(one["values"]) <= one["median"] <= one["p99"] < 1e6, f"{name}: {one}")


@tap.test("/bench/rate/joins-and-all-that-work-are-counted")
def rate():
    found = look("rate/1-client")["rate/1-client"]
    for name in ("kernel", "loop", "mptcpd"):
        us = {unit.partition(", ")[2]: sums[name]["median"] for unit, sums in found.items()}
        tap.true(us["clients"] > 0 and us["servers"] > 0, f"{name}: {us}")
        tap.equal(us["manager"] > 0, name != "kernel", f"{name} is a process: {us}")
        parts = us["clients"] + us["servers"] + us["manager"] + us["kernel workers"]
        tap.at_most(abs(us["sum"] - parts), 0.01 * us["sum"], f"the sum of the parts of {us}")
        tap.true(0 < found["1/s"][name]["median"] < 1e6 / us["clients"] * 2, f"{name}: the rate")


@tap.test("/bench/link/those-that-carry-data-are-told-apart")
def link():
    found = look("link/1000")["link/1000"]
    for unit in ("ms lost", "ms lost, with data", "ms back", "ms back, with data"):
        for name in ("kernel", "loop", "mptcpd"):
            tap.true(0 < found[unit][name]["median"] < 10_000, f"{name}, {unit}: {found[unit]}")


@tap.test("/bench/memory/what-is-divided-by-is-the-connections-with-mptcp")
def memory():
    found = look("memory/1000")["memory/1000"]
    tap.equal(found["connections"]["mptcpd"]["median"], 1000, "connections")
    tap.true(found["bytes"]["mptcpd"]["median"] > 0, f"bytes: {found}")


@tap.test("/bench/page/has-a-row-for-each-case-and-a-plot")
def shown():
    look("memory/1000", "join/monitors")
    results = json.loads((BUILD / "bench/results.json").read_text("utf-8"))
    text = "\n".join(page.table(results))
    for row in ("memory/1000, bytes", "join/monitors, µs, 10 monitors"):
        tap.true(f"| {row} |" in text, f"{row} in {text}")
    panels = [(one["case"], one["unit"], one["managers"]) for one in results
              if one["case"] == "join/monitors"]
    root = xml.etree.ElementTree.fromstring(plot.draw(panels))
    words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    tap.true({"mptcpd", "1 monitor", "10 monitors"} <= set(words), f"rows in the plot: {words}")


if __name__ == "__main__":
    tap.main()
