"""Measures, and writes down what came out: the table, and how cost grows. `run` says how to start it."""

import json
import os
import re
import shutil
import sys
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import counts
import plot
from parts import PARTS, PLOTS

HERE = Path(__file__).parent
FIGURES = HERE / "figures.json"
README = HERE / "README.md"


class Report:
    """What comes out of a part. `compared` are the arms that it has timed last."""

    def __init__(self, programs):
        self.programs = SimpleNamespace(**{file.name.replace("-", "_"): str(file) for file in programs.iterdir()})
        self.has_valgrind = shutil.which("valgrind") is not None
        self.compared = None
        self.rows, self.growth = [], {}
        if not self.has_valgrind:
            print("bench: SKIPPED instructions and allocations, no valgrind")

    def row(self, what, measured, ours, aim=None, **beside):
        """A ratio or a number of ours, the most that it shall be if there is an aim, and what is seen beside it."""
        self.rows.append({"what": what, "measured": measured, "ours": ours, "aim": aim, "beside": beside})
        print("\t".join(cells(self.rows[-1])), flush=True)

    def timed(self, what, measured, ours, other, aim=None, minus=None, **beside):
        cpu, wall = self.compared.ratio(ours, other, minus)
        self.row(what, measured, cpu, aim, wall=wall, **beside)

    def counted(self, what, ours, other, aim, **beside):
        self.row(what, f"instructions, {ours:,} of {other:,}", ours / other, aim, **beside)

    def count(self, arms, measure=counts.instructions, program=None):
        return counts.count(measure, program or self.programs.plain, arms)

    def line(self, growth, name, number, nanos):
        """A point of a line."""
        self.growth.setdefault(growth, {}).setdefault(name, []).append((number, nanos))

    def point(self, growth, name, number, arm=None):
        self.line(growth, name, number, self.compared.nanos(arm or name))


def machine():
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return f"{date.today()}, {cpu[1] if cpu else 'unknown processor'}, {os.cpu_count()} cores, rustc {counts.rustc()}"


def number(value):
    return value if isinstance(value, str) else f"{value:.2f}" if isinstance(value, float) else f"{value:,}"


TABLE = ("what", "measured in", "ours", "aim", "", "beside it")


def cells(row):
    ours, aim = row["ours"], row["aim"]
    verdict = ["", ""] if aim is None else [f"≤ {number(aim)}", "hit" if round(ours, 2) <= aim else "**missed**"]
    beside = ", ".join(f"{name} {number(value)}" for name, value in row["beside"].items())
    return [row["what"], row["measured"], number(ours), *verdict, beside]


def markdown(head, rows):
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def draw(figures):
    """Writes the plots, and the tables into the README."""
    (HERE / "plots").mkdir(exist_ok=True)
    text = []
    for part in filter(figures.get, PARTS):
        measured = figures[part]
        text += [f"### {part}", "", f"{measured['machine']}.", "", *markdown(TABLE, map(cells, measured["rows"])), ""]
        for growth, series in measured["growth"].items():
            title, across, ticks = PLOTS[growth]
            name = growth.replace(",", "").replace(" ", "-") + ".svg"
            (HERE / "plots" / name).write_text(plot.svg(title, across, series, ticks))
            numbers = [x for x, _ in next(iter(series.values()))]
            rows = ([way, *(plot.time(y) for _, y in points)] for way, points in series.items())
            text += [f"![{title}](plots/{name})", "", *markdown((across, *map(ticks, numbers)), rows), ""]
    before, start, rest = README.read_text().partition("<!-- figures -->\n")
    _, end, after = rest.partition("<!-- end of figures -->\n")
    README.write_text(before + start + "\n" + "\n".join([*text, end]) + after)


def main(programs, wanted):
    figures = json.loads(FIGURES.read_text())
    if wanted == ["--draw"]:
        draw(figures)
        return
    write = "--write" in wanted
    parts = [part for part in wanted if part != "--write"] or list(PARTS)
    if unknown := [part for part in parts if part not in PARTS]:
        sys.exit(f"there is no part {unknown[0]}")
    rows = []
    for part in parts:
        report = Report(Path(programs))
        PARTS[part](report)
        rows += report.rows
        figures[part] = {"machine": machine(), "rows": report.rows, "growth": report.growth}
        if write:
            FIGURES.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n")
            draw(figures)
    print("", *markdown(TABLE, map(cells, rows)), sep="\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
