# SPDX-License-Identifier: LGPL-2.1-or-later
"""Distributions as SVG: a row for each manager, as high as values are frequent, a bar at the median."""

import collections
import html

WIDTH, ROW, HEAD, FOOT, LEFT, BINS = 720, 40, 34, 26, 120, 150
COLOURS = {"kernel": "#4878a8", "loop": "#8c8c8c"}
OURS = "#c05020"


def ticks(limit):
    step = 10 ** len(str(int(limit))) / 10
    while limit / step < 4:
        step /= 2
    return [i * step for i in range(int(limit / step) + 1)]


def outline(values, limit, x, base):
    """A closed path; what is beyond the limit is in the last bin, however much that is."""
    bins = collections.Counter(min(int(value / limit * BINS), BINS - 1) for value in values)
    most = max((count for i, count in bins.items() if i < BINS - 1), default=1)
    points = [f"M{x(0):.1f} {base}"]
    for i in range(BINS):
        y = base - (ROW - 8) * min(bins[i] / most, 1)
        points.append(f"L{x(i / BINS * limit):.1f} {y:.1f}L{x((i + 1) / BINS * limit):.1f} {y:.1f}")
    return "".join(points) + f"L{x(limit):.1f} {base}Z"


def panel(title, unit, sums, top):
    """The lines of one case, whose upper edge is there, and its height."""
    rows = {name: one for name, one in sums.items() if "values" in one}
    limit = 4 * min(one["median"] for one in rows.values()) or 1
    end = top + HEAD + ROW * len(rows)

    def x(value):
        return LEFT + min(value, limit) / limit * (WIDTH - LEFT - 20)

    yield f'<text x="10" y="{top + 20}" font-size="14">{html.escape(f"{title} ({unit})")}</text>'
    for tick in ticks(limit):
        yield (f'<path d="M{x(tick):.1f} {top + HEAD}V{end}" stroke="#ddd"/><text x="{x(tick):.1f}"'
               f' y="{end + 14}" text-anchor="middle">{tick:g}</text>')
    for i, (name, one) in enumerate(rows.items()):
        base, colour = top + HEAD + ROW * (i + 1), COLOURS.get(name, OURS)
        yield (f'<text x="10" y="{base - 8}">{html.escape(name)}</text>'
               f'<path d="{outline(one["values"], limit, x, base)}" fill="{colour}"'
               f' fill-opacity=".6"/><path d="M{x(one["median"]):.1f} {base}v{8 - ROW}"'
               f' stroke="{colour}" stroke-width="2"/><path d="M{x(one["p99"]):.1f} {base}v-10"'
               f' stroke="{colour}" stroke-width="2"/>')


def draw(panels):
    """Of [(title, unit, {manager: {"values", "median", "p99"}})], one below the other.

    The long bar is at the median, the short one at the 99th percentile. What is beyond four times
    the least median is drawn at the edge.
    """
    out, top = [], 0
    for title, unit, sums in panels:
        out += panel(title, unit, sums, top)
        top += HEAD + ROW * sum("values" in one for one in sums.values()) + FOOT
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}"'
                      ' font-family="sans-serif" font-size="12">',
                      '<rect width="100%" height="100%" fill="white"/>', *out, "</svg>"]) + "\n"
