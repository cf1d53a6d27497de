"""Upgrade by two pidfiles: the old master itself starts the new binary.

                USR2             new master writes its pid      QUIT
        PENDING ----> HANDOVER -----------------------> BOTH -------> done, old master gone
                         | new master dies               | check fails, workers die, deadline
                         v                               v
                      REVERTED                         rollback: end the new one, old serves

The old master renames its pidfile to ``.oldbin`` and executes the binary on disk, which
inherits the sockets. Both masters serve until the old one gets QUIT. If the new one ends,
the old one renames its pidfile back by itself. Of another daemon the old master keeps its
pidfile, and the new one has the second (``second_is_new``).
"""

# nginx, OpenResty, tengine: https://nginx.org/en/docs/control.html

from __future__ import annotations

from ..control.drain import drain
from ..control.error_log import LogMark
from ..control.pidfiles import restore_pidfile
from ..control.record import METHODS
from ..control.signals import await_idle, killproc, resume
from ..control.stable import require_running
from ..host import Host, Process
from ..service import Service
from ..signal_names import signal_named
from ..state.programs.executed import runs_file_on_disk
from ..state.snapshot import Snapshot
from .verify import refuse_argv0, verify_binary


def upgrade(service: Service, seen: Snapshot, host: Host) -> None:
    """Finish an unfinished upgrade; then upgrade, unless that has led to the binary on disk.

    The caller holds the lock. Raises what the action ``upgrade`` raises.
    """
    if seen.upgrading:
        from .unfinished import finish_takeover, started_beside

        if started_beside(seen, host):
            new = finish_takeover(service, seen, host, what="restart")
        else:
            new = _carry_on(service, seen, host)
            host.tell(f"finished the upgrade that was under way: master {new} serves")
        if runs_file_on_disk(service, new, host):
            return
        seen = require_running(service, host)
        # It would ignore USR2 while the master that has started it lives.
        drain(service, seen.retiring, host)
    old = seen.masters[-1]
    restore_pidfile(service, seen, host)
    refuse_argv0(service, old, host)
    verify_binary(service, old, host, meanwhile=lambda: _load(host))  # configtest -q || return
    from .upgrading.through import see_through

    await_idle(old, host, within=service.timeout)  # another caller's reload may be under way
    # Before the signal: only the version tells whether the pidfile was renamed and reverted.
    before, log = host.version(service.pidfile), LogMark(service, old, host)
    children = host.children(old)
    killproc(old, signal_named("USR2"), host=host)  # killproc -p ${pidfile} ${prog} -USR2
    see_through(service, old, before, log, host, spare=children)


def _load(host: Host) -> None:
    """Load what follows the signal: by then that could fail, and now it takes no time."""
    from .upgrading import through  # noqa: F401

    host.load("size", *METHODS)


def _carry_on(service: Service, seen: Snapshot, host: Host) -> Process:
    """Finish an unfinished upgrade, whichever step it has reached. Return the new master."""
    from .upgrading.through import see_through

    restore_pidfile(service, seen, host)
    old = seen.masters[0]
    for new in host.children(old):
        resume(new, host)  # a killed script may have suspended it
    # In a handover the pidfile does not exist: whatever appears has another version.
    before = (0, 0) if seen.handover else None
    return see_through(service, old, before, LogMark(service, old, host), host)
