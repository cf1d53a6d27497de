"""The figures as reStructuredText."""

from __future__ import annotations

from statistics import median, quantiles

import promises
from peers import ACTIONS

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
    lines = []
    for action in ACTIONS[kind]:
        ours = median(by[action, "initpy"]["seconds"])
        cells = [time_cell(by.get((action, peer)), ours) for peer in peers]
        lines.append([action, *cells])
    return table([kind, *peers], lines)


def time_cell(row, ours):
    """Return median, spread and ratio to initpy, marked if it was not done by then."""
    if row is None:
        return "-"
    middle = median(row["seconds"])
    cell = f"{ms(middle)} ±{ms(spread(row['seconds']))}"
    if row["peer"] != "initpy":
        cell += f" {times_as_long(middle / ours)}"
    return cell + mark(row)


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
            ours, least = (by[what, size, action, peer] for peer in ("initpy", "floor"))
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


def caption(figures):
    """Return on what all this was measured."""
    machine, versions = figures["machine"], figures["versions"]
    told = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory']} GB, "
        f"Linux {machine['kernel']}, {machine['system']}, load {machine['load']:.1f} before; "
        f"initpy {figures['commit']}, {told}; {figures['date']}; "
        f"every action was run {repeated(figures['times'])}."
    )


def repeated(rows):
    """Return how many times each peer did its actions, and which actions it did less often.

    >>> rows = [{"kind": "nginx", "action": "start", "peer": "floor", "seconds": [1, 2]}]
    >>> rows += [{**rows[0], "peer": "initpy"}, {**rows[0], "action": "stop", "seconds": [1]}]
    >>> repeated(rows)
    '2 times by floor, initpy, but nginx stop 1 time by floor'
    """
    usual, less = {}, []
    for peer in peers_of(rows):
        mine = [row for row in rows if row["peer"] == peer]
        most = max(len(row["seconds"]) for row in mine)
        usual.setdefault(most, []).append(peer)
        less += [row for row in mine if len(row["seconds"]) < most]
    told = [f"{number_of(count)} by {', '.join(peers)}" for count, peers in usual.items()]
    told += [
        f"but {row['kind']} {row['action']} {number_of(len(row['seconds']))} by {row['peer']}"
        for row in less
    ]
    return ", ".join(told)


def number_of(times):
    """Return a number of times in words."""
    return f"{times} time{'s' * (times != 1)}"


def section(figures):
    """Return what stands on docs/measurements.rst between its two comments."""
    return TEMPLATE.format(
        caption=wrap(caption(figures)),
        losing=max(len(row["runs"]) for row in figures["losses"]),
        nginx=times(figures, "nginx"),
        fpm=times(figures, "php-fpm"),
        without=losses(figures, keep=False),
        kept=losses(figures, keep=True),
        growth=growth(figures),
        instances=instances(figures),
        imports=imports(figures),
        promises=must_show(figures),
    )


def wrap(text):
    """Return *text* in lines."""
    import textwrap

    return "\n".join(textwrap.wrap(text, 96))


TEMPLATE = """\
{caption}

The time in milliseconds until the action returned: the median, half of the distance between the
quartiles, and the ratio to initpy. *Floor* is the daemon's own time: plain ``kill``, and a tight
loop that looks, without a script. ``*``: at least once the action was not done when it returned.
``†``: it returned 0 although it failed. ``‡``: it left no master that serves.

.. image:: ../scripts/benchmark/measured/time.svg
   :alt: bars of the time of every action by every program, as in the tables below

{nginx}

{fpm}

The requests that were lost in one action, and the longest time for which one of 16 clients got no
answer. The clients ask without a pause, and open a new connection for every request:

{without}

The same with connections that are kept open. nginx itself closes some of them while a request
arrives:

{kept}

Lost is the mean of {losing} actions by initpy and by the floor, and of one action by the others;
the time is the longest of all. In the column *no action* nothing is done to the daemon. *recover*
is ``start`` after the master was killed; "not done" means that the service had no master
afterwards.

.. image:: ../scripts/benchmark/measured/growth.svg
   :alt: lines of the time of every action by size, as in the table below

The time in milliseconds by initpy (and by the floor) as the host, the service and its
configuration grow, and the greatest memory of the action's own process. ``start`` and ``stop``
look once at every process of the host, for masters and orphans that no pidfile names.
``upgrade`` looks twice, ``restart`` and recovery three times. ``status``, ``reload`` and
``reopen`` of a running service never do.

{growth}

The time in milliseconds until so many instances, acted on at the same time, were all done, and
the requests that were lost meanwhile:

{instances}

The modules that ``status`` loads beyond an empty program, and their time in the interpreter of
the script. They have the names that they had in the measured commit:

{imports}

Every run must keep these promises, or ``scripts/bench`` fails:

{promises}
"""
