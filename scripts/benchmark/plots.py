"""Plots as SVG: bars of time by peer, and lines of time by size; time is logarithmic."""

from __future__ import annotations

import math
from statistics import median
from xml.sax.saxutils import escape

import telling
from peers import ACTIONS

COLOURS = {
    "floor": "#999999",
    "initpy": "#0072b2",
    "Debian": "#d55e00",
    "s-s-d": "#e69f00",
    "systemctl": "#009e73",
    "supervisor": "#cc79a7",
}
OTHERS = "#56b4e9"
STYLE = "font-family='sans-serif' font-size='12' fill='#222222'"
LEFT, WIDTH, BAR = 150, 620, 9


class Picture:
    """Shapes and words, on white."""

    def __init__(self):
        self._parts = []

    def text(self, x, y, words, *, anchor="start", size=12):
        """Write."""
        self._parts.append(
            f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' font-size='{size}'>"
            f"{escape(words)}</text>"
        )

    def box(self, x, y, width, height, colour):
        """Fill a rectangle."""
        self._parts.append(
            f"<rect x='{x:.1f}' y='{y:.1f}' width='{width:.1f}' height='{height:.1f}' "
            f"fill='{colour}'/>"
        )

    def line(self, points, colour, width=1.0, dash=""):
        """Draw from point to point."""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dashed = f" stroke-dasharray='{dash}'" if dash else ""
        self._parts.append(
            f"<polyline points='{path}' fill='none' stroke='{colour}' "
            f"stroke-width='{width}'{dashed}/>"
        )

    def svg(self, width, height):
        """Return the document."""
        return (
            f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' "
            f"viewBox='0 0 {width} {height}' {STYLE}>\n"
            f"<rect width='{width}' height='{height}' fill='white'/>\n"
            + "\n".join(self._parts)
            + "\n</svg>\n"
        )


def decades(least, most):
    """Return the powers of ten that enclose two numbers."""
    low, high = math.floor(math.log10(least)), math.ceil(math.log10(most) - 0.1)
    return [10.0**power for power in range(low, high + 1)]


def told(seconds):
    """Return a duration in the unit that suits it."""
    for factor, unit in ((1, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= factor:
            return f"{seconds / factor:.3g} {unit}"
    return "0"


def time_plot(figures):
    """Return bars: the median time of every action, by every peer."""
    rows = figures["times"]
    medians = {(r["kind"], r["action"], r["peer"]): median(r["seconds"]) for r in rows}
    signs = {(r["kind"], r["action"], r["peer"]): telling.mark(r) for r in rows}
    peers = list(dict.fromkeys(row["peer"] for row in rows))
    peers = sorted(
        peers,
        key=lambda name: ["floor", "initpy"].index(name) if name in ("floor", "initpy") else 2,
    )
    marks = decades(0.001, max(medians.values()))
    span = math.log10(marks[-1] / marks[0])

    def x(seconds):
        return LEFT + WIDTH * max(0.0, math.log10(seconds / marks[0])) / span

    picture, y = Picture(), 44
    for kind, actions in ACTIONS.items():
        for action in actions:
            shown = [peer for peer in peers if (kind, action, peer) in medians]
            picture.text(LEFT - 8, y + BAR * len(shown) / 2 + 4, f"{kind} {action}", anchor="end")
            for peer in shown:
                seconds = medians[kind, action, peer]
                end = max(x(seconds), LEFT + 1)
                picture.box(LEFT, y, end - LEFT, BAR - 1, COLOURS.get(peer, OTHERS))
                words = told(seconds) + signs[kind, action, peer]
                picture.text(end + 4, y + BAR - 1, words, size=9)
                y += BAR
            y += 8
    for mark in marks:
        picture.line([(x(mark), 36), (x(mark), y)], "#cccccc", 0.5)
        picture.text(x(mark), y + 14, told(mark), anchor="middle", size=10)
    legend(picture, [(peer, COLOURS.get(peer, OTHERS)) for peer in peers], 20)
    return picture.svg(LEFT + WIDTH + 70, y + 24)


def legend(picture, names, y):
    """Draw a line of names with their colours."""
    left = LEFT
    for name, colour in names:
        picture.box(left, y - 9, 10, 10, colour)
        picture.text(left + 14, y, name)
        left += 30 + 7 * len(name)


LINES = {
    "start": "#0072b2",
    "status": "#d55e00",
    "reload": "#009e73",
    "upgrade": "#cc79a7",
    "restart": "#e69f00",
    "recover": "#56b4e9",
    "stop": "#222222",
    "stopped status": "#8c564b",
}
AXES = {"processes": "other processes", "workers": "workers", "blocks": "server blocks"}
PANEL, HEIGHT = 210, 220


def growth_plot(figures):
    """Return a panel for each thing that grows: initpy's time, and dashed the floor's."""
    rows = [
        row
        for row in figures["growth"]
        if row["peer"] == "initpy" or (row["peer"] == "floor" and row["action"] != "status")
    ]
    medians = {(r["what"], r["peer"], r["action"], r["size"]): median(r["seconds"]) for r in rows}
    marks = decades(min(medians.values()), max(medians.values()))
    span = math.log10(marks[-1] / marks[0])
    picture, top = Picture(), 40

    def y(seconds):
        return top + HEIGHT * (1 - math.log10(seconds / marks[0]) / span)

    for number, (what, words) in enumerate(AXES.items()):
        left = 60 + number * (PANEL + 40)
        sizes = sorted({size for kind, _, _, size in medians if kind == what})
        step = PANEL / (len(sizes) - 1)
        for mark in marks:
            picture.line([(left, y(mark)), (left + PANEL, y(mark))], "#cccccc", 0.5)
            if not number:
                picture.text(left - 6, y(mark) + 4, told(mark), anchor="end", size=10)
        for place, size in enumerate(sizes):
            picture.text(
                left + place * step, top + HEIGHT + 16, f"{size:,}", anchor="middle", size=10
            )
        picture.text(left + PANEL / 2, top + HEIGHT + 34, words, anchor="middle")
        for peer, width, dash in (("floor", 1, "3,3"), ("initpy", 2, "")):
            for action, colour in LINES.items():
                points = [
                    (left + place * step, y(medians[what, peer, action, size]))
                    for place, size in enumerate(sizes)
                    if (what, peer, action, size) in medians
                ]
                if points:
                    picture.line(points, colour, width, dash)
    left = 60
    for name, colour in LINES.items():
        picture.box(left, 12, 10, 10, colour)
        picture.text(left + 14, 21, name)
        left += 27 + 7 * len(name)
    picture.text(left + 10, 21, "dashed: the floor")
    return picture.svg(60 + 3 * (PANEL + 40), top + HEIGHT + 46)
