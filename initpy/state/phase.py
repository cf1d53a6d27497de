"""Where an upgrade by ``.oldbin`` is, by what the two pidfiles name."""

from __future__ import annotations

from ..host import Process


class Phase:
    """Where an upgrade is."""

    PENDING = "pending"  # the old master has not done anything yet
    HANDOVER = "handover"  # it has renamed its pidfile; the new one has not written its own
    BOTH = "both"  # both are up
    REVERTED = "reverted"  # the new one has ended; the old one has renamed its pidfile back
    LOST = "lost"  # the old master is dead


def phase(
    old: Process, alive: bool, pidfile: Process | None, oldbin: Process | None, moved: bool
) -> str:
    """Tell where an upgrade is. A pure function: the whole protocol is here.

    old:     the master that was sent USR2.
    alive:   whether it is still alive.
    pidfile: the master that the pidfile names, if any.
    oldbin:  the master that the .oldbin file names, if any.
    moved:   whether the pidfile exists and was renamed after USR2. A new binary that
             cannot start ends within 5 ms, so its .oldbin may come and go unseen.
    """
    if not alive:
        return Phase.LOST
    if oldbin == old:
        return Phase.BOTH if pidfile not in (None, old) else Phase.HANDOVER
    if pidfile == old and moved:
        return Phase.REVERTED
    return Phase.PENDING
