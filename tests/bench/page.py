# SPDX-License-Identifier: LGPL-2.1-or-later
"""Puts what ./dev bench found last into doc/performance.md: the table between its marks, and the plot.

page.py [results.json]
"""

import json
import pathlib
import sys

import plot

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE, PLOT = ROOT / "doc/performance.md", ROOT / "doc/performance.svg"
BEGIN, END = "<!-- results: tests/bench/page.py writes this -->", "<!-- end of results -->"
MANAGERS = ("kernel", "loop", "mptcpd", "mptcpd 0.12")
LEFT_OUT = ("µs CPU, clients", "µs CPU, servers", "µs CPU, kernel workers")  # parts of a sum


def number(value):
    if value == 0:
        return "0"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(one):
    return f"{number(one['median'])} ({number(one['least'])}–{number(one['most'])})"


def cells(title, sums, show, key, columns):
    """One row of the table."""
    ours = sums.get("mptcpd")
    ratios = [f"{ours[key] / sums[of][key]:.2f}" if ours and of in sums and sums[of][key] else ""
              for of in ("kernel", "loop")]
    shown = [show(sums[name]) if name in sums else "" for name in columns]
    return "| " + " | ".join([title, *shown, *ratios]) + " |"


def rows(result, columns):
    """The lines of one case in one unit; who is no column has a line of its own."""
    sums, title = result["managers"], f"{result['case']}, {result['unit']}"
    others = [name for name in sums if name not in MANAGERS]
    for name, part in [(title, {m: one for m, one in sums.items() if m in columns}),
                       *((f"{title}, {other}", {"mptcpd": sums[other]}) for other in others)]:
        yield cells(name, part, spread, "median", columns)
        if all("p99" in one for one in part.values()):
            yield cells("… p99", part, lambda one: number(one["p99"]), "p99", columns)


def table(results):
    columns = [name for name in MANAGERS
               if name in MANAGERS[:3] or any(name in one["managers"] for one in results)]
    kernels = " and ".join(sorted({f"Linux {one['kernel']} with {one['processors']} processors"
                                   for one in results}))
    rounds = min(one["rounds"] for one in results)
    look = "; some of it a quick look with smaller numbers" if any(r["quick"] for r in results) else ""
    yield f"On {kernels}, {rounds} rounds or more{look}."
    yield ""
    yield "| | " + " | ".join(columns) + " | × kernel | × loop |"
    yield "|---" * (len(columns) + 3) + "|"
    for result in results:
        if result["unit"] not in LEFT_OUT:
            yield from rows(result, columns)


def main():
    path = pathlib.Path(sys.argv[1] if len(sys.argv) > 1
                        else ROOT / "build-release/bench/results.json")
    if not path.exists():
        sys.exit(f"{path} is not there: `./dev bench` writes it")
    results = json.loads(path.read_text("utf-8"))
    before, rest = PAGE.read_text("utf-8").split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text("\n".join([before + BEGIN, *table(results), END]) + after, "utf-8")
    panels = [(one["case"], one["unit"], one["managers"]) for one in results
              if any("values" in sums for sums in one["managers"].values())]
    PLOT.write_text(plot.draw(panels), "utf-8")
    print(f"{PAGE.relative_to(ROOT)} and {PLOT.relative_to(ROOT)} are of {path}")


if __name__ == "__main__":
    main()
