"""Whether a master has nothing to do: it has handled every signal that it got.

A master that blocks its signals but while it waits for one, in sigsuspend(2), is idle
before and after all that a signal makes it do, however long that takes.
"""

# So does nginx, in ngx_master_process_cycle.

from __future__ import annotations

from ..host import Host, Process


def is_idle(master: Process, host: Host) -> bool:
    """Tell whether *master* waits for a signal, and none is on its way to it.

    It sleeps, blocks nothing, nothing is pending, and it has not run between two looks:
    the lines of one look are not of one moment.
    """
    first = host.signals(master)
    if first is None or first.state != "S" or first.blocked or first.pending:
        return False
    return host.signals(master) == first


def why_stuck(process: Process, host: Host) -> str:
    """Return why a process cannot do anything, as a part of a sentence; "" if it can."""
    masks = host.signals(process)
    if masks is not None and masks.state in ("T", "t"):
        return f"stopped by a signal (state {masks.state})"
    return "frozen with its cgroup" if host.frozen(process) else ""
