"""Where an upgrade with two pidfiles is, by what they name; and who only finishes."""

from __future__ import annotations

from ..host import Host, Process
from ..service import Service
from .record import read_record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection


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
    moved:   whether the pidfile exists and was renamed after USR2, and no rename is under
             way. A new binary that cannot start ends within 5 ms, so its .oldbin may come
             and go unseen.
    """
    if not alive:
        return Phase.LOST
    if oldbin == old:
        return Phase.BOTH if pidfile not in (None, old) else Phase.HANDOVER
    if pidfile == old and moved:
        return Phase.REVERTED
    return Phase.PENDING


def phase_of_kept(
    old: Process,
    alive: bool,
    new: Process | None,
    started: Collection[Process],
    living: Collection[Process],
) -> str:
    """Tell where an upgrade is in which the old master keeps its pidfile.

    new:     the master that the second pidfile names, if any.
    started: the children of the old one that have executed a binary.
    living:  those that are alive, and children that may be about to execute one.
    """
    if not alive:
        return Phase.LOST
    if new not in (None, old):
        return Phase.BOTH
    if living:
        return Phase.HANDOVER
    return Phase.REVERTED if started else Phase.PENDING


def told_to_finish(service: Service, host: Host) -> dict[Process, Process]:
    """Return the living processes that were told to finish, each with the script that waits."""
    record = read_record(service, host)
    told = record.remains.draining if record else {}
    return {process: waiter for process, waiter in told.items() if host.alive(process)}


def awaited(service: Service, host: Host) -> list[Process]:
    """Return those for which a script waits, until it has seen to what is left to be done.

    If it was killed, they belong to an upgrade that is unfinished.
    """
    record = read_record(service, host)
    told = record.remains.draining if record else {}
    return [process for process, waiter in told.items() if host.alive(waiter)]
