"""Draws lines into an SVG, times by a number, readable on light and on dark pages. Both axes are logarithmic; 0 stands left
of the smallest number."""

from html import escape
from math import ceil, floor, log10

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 80, 190, 40, 50
LIGHT = ["#0550ae", "#bc4c00", "#116329", "#8250df", "#a40e26", "#57606a", "#0b7285", "#945d02", "#b5179e"]
DARK = ["#58a6ff", "#f0883e", "#3fb950", "#bc8cff", "#ff7b72", "#8b949e", "#56d4dd", "#e3b341", "#f778ba"]


def colours(of):
    return " ".join(f".l{index} {{ --c: {colour} }}" for index, colour in enumerate(of))


STYLE = f"""
  svg {{ background: #ffffff; font: 13px sans-serif; fill: #1f2328 }}
  .grid {{ stroke: #d1d9e0 }}
  {colours(LIGHT)}
  polyline {{ fill: none; stroke: var(--c); stroke-width: 2 }} circle, .name {{ fill: var(--c) }}
  @media (prefers-color-scheme: dark) {{
    svg {{ background: #0d1117; fill: #e6edf3 }}
    .grid {{ stroke: #30363d }}
    {colours(DARK)}
  }}
"""


def time(nanos):
    """A time as people read it."""
    for unit, name in ((1e9, "s"), (1e6, "ms"), (1e3, "µs")):
        if nanos >= unit:
            return f"{nanos / unit:.3g} {name}"
    return f"{nanos:.3g} ns"


def spread(names, distance=15):
    """Moves the heights of names apart, so that they do not cover each other."""
    placed = {}
    lowest = -distance
    for height, name in sorted(names):
        lowest = max(height, lowest + distance)
        placed[name] = lowest
    return placed


def svg(title, across, series, ticks):
    """`series`: points by name, with times in nanoseconds of CPU; `ticks`: texts of the numbers across."""
    numbers = sorted({x for points in series.values() for x, _ in points})
    positive = [x for x in numbers if x > 0]
    step = log10(positive[-1] / positive[0]) / (len(numbers) - 1)
    place = {x: log10(x) if x else log10(positive[0]) - step for x in numbers}
    lows, highs = zip(*((min(ys), max(ys)) for points in series.values() for ys in [[y for _, y in points]]))
    bottom, top = floor(log10(min(lows))), ceil(log10(max(highs)))
    if bottom == top:
        top += 1

    def x_of(x):
        return LEFT + (place[x] - place[numbers[0]]) / (place[numbers[-1]] - place[numbers[0]]) * (WIDTH - LEFT - RIGHT)

    def y_of(y):
        return HEIGHT - BOTTOM - (log10(y) - bottom) / (top - bottom) * (HEIGHT - TOP - BOTTOM)

    parts = [f'<text x="{LEFT}" y="22" font-weight="bold">{escape(title)}</text>']
    for power in range(bottom, top + 1):
        y = y_of(10**power)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{time(10**power)}</text>')
    for x in numbers:
        parts.append(f'<text x="{x_of(x):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{escape(ticks(x))}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(across)}</text>')
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(f'<text x="14" y="{middle}" text-anchor="middle" transform="rotate(-90 14 {middle})">CPU time</text>')
    heights = spread([(y_of(points[-1][1]), name) for name, points in series.items()])
    for index, (name, points) in enumerate(series.items()):
        at = [(f"{x_of(x):.1f}", f"{y_of(y):.1f}") for x, y in points]
        parts.append(f'<g class="l{index}"><polyline points="{" ".join(map(",".join, at))}"/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="3"/>' for x, y in at]
        parts.append(f'<text class="name" x="{WIDTH - RIGHT + 12}" y="{heights[name] + 4:.1f}">{escape(name)}</text></g>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img">'
    return "\n".join([head, f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>", *parts, "</svg>", ""])
