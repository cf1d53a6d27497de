"""The figures as tables of reStructuredText."""

from __future__ import annotations

from statistics import median, quantiles

import promises
from peers import ACTIONS
from promises import EMPTY_PROGRAM

MB = 1024  # KiB


def table(head, rows):
    """Return a simple table. The first column's cells must not be empty."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    rule = "  ".join("=" * width for width in widths)
    lines = [
        "  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths)).rstrip() for row in (head, *rows)
    ]
    return "\n".join([rule, lines[0], rule, *lines[1:], rule])


def ms(seconds):
    """Return milliseconds, with a digit after the point where it tells something."""
    return f"{seconds * 1000:.0f}" if seconds >= 0.01 else f"{seconds * 1000:.1f}"


def spread(seconds):
    """Return half of what lies between the quartiles."""
    if len(seconds) < 2:
        return 0.0
    low, _, high = quantiles(seconds, n=4)
    return (high - low) / 2


def peers_of(rows):
    """Return the names of all peers, in the order in which they came."""
    return list(dict.fromkeys(row["peer"] for row in rows))


def times(figures, kind):
    """Return the table of the time of each action by each peer."""
    rows = [row for row in figures["times"] if row["kind"] == kind]
    peers = [
        "floor",
        "initpy",
        *(p for p in peers_of(figures["times"]) if p not in ("floor", "initpy")),
    ]
    by = {(row["action"], row["peer"]): row for row in rows}
    empty = by[EMPTY_PROGRAM, "floor"]["seconds"]
    lines = [[EMPTY_PROGRAM, middle_and_spread(empty), *("-" for _ in peers[1:])]]
    for action in ACTIONS[kind]:
        ours = median(by[action, "initpy"]["seconds"])
        cells = [time_cell(by.get((action, peer)), ours) for peer in peers]
        lines.append([action, *cells])
    return table([kind, *peers], lines)


def time_cell(row, ours):
    """Return median, spread and ratio to initpy, marked if it was not done by then."""
    if row is None:
        return "-"
    cell = middle_and_spread(row["seconds"])
    if row["peer"] != "initpy":
        cell += f" {times_as_long(median(row['seconds']) / ours)}"
    return cell + mark(row)


def middle_and_spread(seconds):
    """Return the median and the spread in milliseconds."""
    return f"{ms(median(seconds))} ±{ms(spread(seconds))}"


def mark(row):
    """Return the signs of an action that was not done, or told wrongly, at least once."""
    if not row["action"].startswith("failed"):
        return "" if all(row["seen"]) else "*"
    return ("" if all(row["codes"]) else "†") + ("" if all(row["seen"]) else "‡")


def times_as_long(ratio):
    """Return a ratio with the digits that tell something.

    >>> [times_as_long(ratio) for ratio in (0.001, 0.123, 1.23, 12.3, 123.4)]
    ['<0.1x', '0.1x', '1.2x', '12x', '123x']
    """
    if ratio < 0.1:
        return "<0.1x"
    return f"{ratio:.1f}x" if ratio < 10 else f"{ratio:.0f}x"


def losses(figures, *, keep):
    """Return the table of requests lost, and the longest gap."""
    rows = [row for row in figures["losses"] if row["keep"] == keep]
    if not rows:
        return "Not measured."
    peers = peers_of(rows)
    by = {(row["kind"], row["action"], row["peer"]): row for row in rows}
    order = dict.fromkeys((row["kind"], row["action"]) for row in rows)
    lines = [
        [f"{kind} {action}", *(loss_cell(by.get((kind, action, peer))) for peer in peers)]
        for kind, action in order
    ]
    return table(["with" if keep else "without", *peers], lines)


def loss_cell(row):
    """Return the requests lost of each run, and the longest gap of all in milliseconds."""
    if row is None:
        return "-"
    lost = sum(run["lost"] for run in row["runs"]) / len(row["runs"])
    gap = max(run["gap"] for run in row["runs"])
    failed = any(not run["settled"] for run in row["runs"])
    return "not done" if failed else f"{lost:.{0 if lost >= 10 else 1}f}, {ms(gap)} ms"


WORDS = {"processes": "other processes", "workers": "workers", "blocks": "server blocks"}


def growth(figures):
    """Return the table of time and memory by size."""
    rows = figures["growth"]
    actions = list(dict.fromkeys(row["action"] for row in rows))
    by = {(row["what"], row["size"], row["action"], row["peer"]): row for row in rows}
    lines = []
    for what, size in dict.fromkeys((row["what"], row["size"]) for row in rows):
        cells, peak = [], 0
        for action in actions:
            ours = by[what, size, action, "initpy"]
            least = by[what, size, action, "empty" if action.endswith("status") else "floor"]
            cells.append(f"{ms(median(ours['seconds']))} ({ms(median(least['seconds']))})")
            peak = max(peak, ours["memory"]["own"])
        lines.append([f"{size:,} {WORDS[what]}", *cells, f"{peak / MB:.0f} MB"])
    return table(["nginx with", *actions, "memory"], lines)


def instances(figures):
    """Return the table of instances acted on at once."""
    rows = figures["instances"]
    actions = list(dict.fromkeys(row["action"] for row in rows))
    by = {(row["instances"], row["action"]): row for row in rows}
    lines = []
    for count in dict.fromkeys(row["instances"] for row in rows):
        cells = []
        for action in actions:
            row = by[count, action]
            cell = ms(row["seconds"])
            if "lost" in row:
                cell += f", {sum(row['lost'].values())} of {row['answered']:,} lost"
            cells.append(cell)
        lines.append([str(count), *cells])
    return table(["instances", *actions], lines)


def imports(figures):
    """Return the table of what status loads beyond an empty program."""
    rows = figures["imports"]
    least = 0.0001  # seconds
    lines = [[name, f"{seconds * 1000:.2f}"] for name, seconds in rows if seconds >= least]
    rest = sum(seconds for _, seconds in rows if seconds < least)
    count = sum(seconds < least for _, seconds in rows)
    lines += [[f"{count} others", f"{rest * 1000:.2f}"]] if count else []
    return table(["module", "ms"], lines)


def must_show(figures):
    """Return the table of promises."""
    lines = [
        [one.claim, one.measured, one.bound, "yes" if one.kept else "NO"]
        for one in promises.all_of(figures)
    ]
    return table(["promise", "measured", "limit", "kept"], lines)
