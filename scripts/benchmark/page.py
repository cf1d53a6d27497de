"""The page: what was measured, on what, how often, and the tables."""

from __future__ import annotations

import textwrap
from statistics import median

from telling import (
    WORDS,
    growth,
    imports,
    instances,
    losses,
    must_show,
    peers_of,
    times,
)


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
        grown=wrap(grown(figures)),
        startup=wrap(startup(figures)),
        instances=instances(figures),
        imports=imports(figures),
        promises=must_show(figures),
    )


def wrap(text):
    """Return *text* in lines."""
    return "\n".join(textwrap.wrap(text, 96))


def grown(figures):
    """Return how many times the actions in the table of growth were done."""
    counts = {
        (row["what"], row["action"]): number_of(len(row["seconds"]))
        for row in figures["growth"]
        if row["peer"] == "initpy"
    }
    told = "; ".join(
        f"with {words} {counts[what, 'start']}, and ``status`` {counts[what, 'status']}"
        for what, words in WORDS.items()
    )
    return f"Every action was done so often: {told}."


def startup(figures):
    """Return what status takes beside empty programs."""
    took = {name: median(seconds) for name, seconds in figures["startup"].items()}
    status = took["status"]
    return (
        f"``status`` of a running nginx takes {status * 1000:.1f} ms, and reads no ``.pth`` file. "
        f"An empty program takes {took['pass'] * 1000:.1f} ms with the {figures['pth']} ``.pth`` "
        f"files of this host, and {took['bare'] * 1000:.1f} ms without any: ``status`` takes "
        f"{status / took['pass']:.2f} and {status / took['bare']:.2f} times as long. "
        f"Each was run {number_of(len(figures['startup']['status']))}, in turn."
    )


TEMPLATE = """\
{caption}

The time in milliseconds until the action returned: the median, half of the distance between the
quartiles, and the ratio to initpy. *Floor* is the daemon's own time: plain ``kill``, and a tight
loop that looks, without a script; an *empty program* is ``/usr/bin/python3 -I -c pass``. ``*``: at
least once the action was not done when it returned. ``†``: it returned 0 although it failed.
``‡``: it left no master that serves.

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
configuration grow, and the greatest memory of the action's own process. Beside ``status`` stands
the time of an empty program instead of the floor's. *Stopped status* is ``status`` after ``stop``.
``status``, ``reload`` and ``reopen`` of a running service never look at every process of the host.
{grown}

{growth}

The time in milliseconds until so many instances, acted on at the same time, were all done, and
the requests that were lost meanwhile, of one time:

{instances}

{startup}

The modules that ``status`` loads beyond an empty program, and their time in the interpreter of
the script. They have the names that they had in the measured commit:

{imports}

Every run must keep these promises, or ``scripts/bench`` fails:

{promises}
"""
