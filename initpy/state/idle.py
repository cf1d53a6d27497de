"""Whether a master has nothing to do: it has handled every signal that it got.

A master that blocks its signals but while it waits for one, in sigsuspend(2), is idle
before and after all that a signal makes it do, however long that takes.
"""

# So does nginx, in ngx_master_process_cycle.

from __future__ import annotations

from ..host import Host, Process

STOPPED = {
    "T": "stopped by a signal",
    "t": "stopped by a tracer",
    "D": "frozen, or waiting for a disk",
}


def is_idle(master: Process, host: Host) -> bool:
    """Tell whether *master* waits for a signal, and none is on its way to it.

    It sleeps, blocks nothing, nothing is pending, and it has not run between two looks:
    the lines of one look are not of one moment.
    """
    first = host.signals(master)
    if first is None or first.state != "S" or first.blocked or first.pending:
        return False
    return host.signals(master) == first


def why_busy(master: Process, host: Host) -> str:
    """Return why *master* is not idle, as a part of a sentence: "stopped by a signal"."""
    masks = host.signals(master)
    state = masks.state if masks else ""
    how = STOPPED.get(state, "busy")
    return f"{how} (state {state})" if state in STOPPED else how
