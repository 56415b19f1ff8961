# SPDX-License-Identifier: LGPL-2.1-or-later
"""Distributions as SVG: one row a manager, one dot a value, a bar at the median."""

import html
import statistics

WIDTH, ROW, LEFT, TOP = 720, 44, 120, 48
COLOURS = {"kernel": "#4878a8", "loop": "#8c8c8c", "mptcpd": "#c05020"}


def ticks(limit):
    step = 10 ** len(str(int(limit))) / 10
    while limit / step < 4:
        step /= 2
    return [i * step for i in range(int(limit / step) + 1)]


def draw(title, unit, rows):
    """`rows` is {manager: [values]}. What is beyond four medians is drawn at the edge."""
    limit = 4 * max(statistics.median(values) for values in rows.values()) or 1
    height = TOP + ROW * len(rows) + 30

    def x(value):
        return LEFT + min(value, limit) / limit * (WIDTH - LEFT - 20)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
           f' font-family="sans-serif" font-size="12">',
           '<rect width="100%" height="100%" fill="white"/>',
           f'<text x="10" y="20" font-size="14">{html.escape(title)} ({html.escape(unit)})</text>']
    for tick in ticks(limit):
        out.append(f'<path d="M{x(tick):.1f} {TOP - 10}V{height - 30}" stroke="#ddd"/>'
                   f'<text x="{x(tick):.1f}" y="{height - 12}" text-anchor="middle">{tick:g}</text>')
    for i, (name, values) in enumerate(rows.items()):
        y, colour = TOP + ROW * i + ROW / 2, COLOURS.get(name, "#333")
        out.append(f'<text x="10" y="{y + 4}">{html.escape(name)}</text>')
        out += [f'<circle cx="{x(value):.1f}" cy="{y + (n * 7 % 13 - 6):.1f}" r="1.6"'
                f' fill="{colour}" fill-opacity=".45"/>' for n, value in enumerate(values)]
        median = statistics.median(values)
        out.append(f'<path d="M{x(median):.1f} {y - 16}v32" stroke="{colour}" stroke-width="3"/>')
    return "\n".join(out + ["</svg>"]) + "\n"
