"""Tables of figures in reStructuredText, which a program writes into a page."""

import re
import sys


def table(head, rows):
    """Return a simple table."""
    widths = [max(map(len, column)) for column in zip(head, *rows)]
    rule = "  ".join("=" * width for width in widths)
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in (head, *rows)]
    return "\n".join([rule, lines[0], rule, *lines[1:], rule]) + "\n"


def write(page, script, head, rows, order):
    """Put rows into the table of a page, in which those of other names stay.

    script: the path of the program, as the comments around the table have it.
    order:  the first cells of all rows that there may be.
    """
    begin, end = f".. The figures, by {script}:\n", ".. End of the figures.\n"
    with open(page) as file:
        before, begun, rest = file.read().partition(begin)
    old, ended, after = rest.partition(end)
    if not (begun and ended):
        sys.exit(f"{page} has no place for the table: {begin.strip()!r} to {end.strip()!r}")
    known = {row[0]: row for row in (re.split(" {2,}", line) for line in old.splitlines())}
    known.update((row[0], row) for row in rows)
    new = table(head, [known[name] for name in order if name in known])
    with open(page, "w") as file:
        file.write(f"{before}{begin}\n{new}\n{end}{after}")
