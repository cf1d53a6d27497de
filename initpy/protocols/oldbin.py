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

from ..control.drain import drain, drain_orphans, leave_to_finish
from ..control.error_log import LogMark
from ..control.pidfiles import await_first_pidfile, restore_pidfile
from ..control.ready import wait_until_ready
from ..control.record import METHODS
from ..control.signals import await_idle, killproc, resume
from ..control.stable import require_running
from ..errors import InitError, Reverted, RollbackFailed, Unimplemented, failure_of
from ..host import Host, Process
from ..host.wait import insist, wait_until
from ..schedule import signal_named
from ..service import Service
from ..state.programs.executed import runs_file_on_disk
from ..state.snapshot import Snapshot, master_of, take_snapshot
from ..state.titles import workers_of
from ..state.workers import ready_workers, stopped_accepting
from .upgrading.awaiting import wait_for_oldbin
from .upgrading.rollback import rollback
from .verify import (
    refuse_argv0,
    require_alive,
    run_check,
    upgrade_failed,
    verify_binary,
    verify_master,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection


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
    # configtest -q || return; and what follows the signal is loaded, which could fail after it
    verify_binary(service, old, host, meanwhile=lambda: host.load("size", *METHODS))
    await_idle(old, host, within=service.timeout)  # another caller's reload may be under way
    # Before the signal: only the version tells whether the pidfile was renamed and reverted.
    before, log = host.version(service.pidfile), LogMark(service, old, host)
    children = host.children(old)
    killproc(old, signal_named("USR2"), host=host)  # killproc -p ${pidfile} ${prog} -USR2
    _see_through(service, old, before, log, host, spare=children)


def _see_through(
    service: Service,
    old: Process,
    before: tuple[int, int] | None,
    log: LogMark,
    host: Host,
    *,
    spare: Collection[Process] = (),
) -> Process:
    """Wait for the new master, verify it, end the old one; or roll back. Return the new one."""
    try:
        new = wait_for_oldbin(service, old, host, before=before)  # for i in `seq ...`; do usleep
        verify_master(service, new, host)
        _check(service, old, host)
        require_alive(new, host)
    except Exception as exc:
        failure = failure_of(exc)
        if not insist(lambda: host.alive(old), host):
            return _without_the_old(service, failure, host)
        said = insist(log.read, host)
        why = f"{failure}: {said.reason}" if said.lines else str(failure)
        output = "\n".join(said.lines)
        try:
            insist(lambda: rollback(service, old, host, spare=spare), host)
        except InitError as worse:
            raise upgrade_failed(RollbackFailed, f"{why}; and {worse}", output) from exc
        why = f"{why}; old master {old} serves as before"
        kind = Unimplemented if isinstance(exc, Unimplemented) else Reverted
        raise upgrade_failed(kind, why, failure.output or output) from exc
    _quit(service, old, new, host)  # killproc -p ${oldbinpidfile} ${prog} -QUIT
    return new


def _carry_on(service: Service, seen: Snapshot, host: Host) -> Process:
    """Finish an unfinished upgrade, whichever step it has reached. Return the new master."""
    restore_pidfile(service, seen, host)
    old = seen.masters[0]
    for new in host.children(old):
        resume(new, host)  # a killed script may have suspended it
    # In a handover the pidfile does not exist: whatever appears has another version.
    before = (0, 0) if seen.handover else None
    return _see_through(service, old, before, LogMark(service, old, host), host)


def _check(service: Service, old: Process, host: Host) -> None:
    """Run the ``upgrade_check`` command while only the new master answers requests.

    An old one that keeps its pidfile answers, too: after WINCH nothing but a reload would
    bring its workers back.
    """
    if not service.upgrade_check:
        return
    if service.second_is_new:
        run_check(service, host)
        return
    workers = ready_workers(service, old, host)
    host.kill(old, signal_named("WINCH"))
    wait_until(
        lambda: stopped_accepting(service, workers, host),
        within=service.timeout,
        host=host,
        what=f"the workers of old master {old} to stop accepting",
        interruptible=True,
    )
    run_check(service, host)


def _quit(service: Service, old: Process, new: Process, host: Host) -> None:
    """Tell the old master to finish its requests and end. Then no rollback is possible."""
    left = insist(
        lambda: leave_to_finish(service, [old], host, workers=workers_of(service, old, host)), host
    )
    if not left:  # else it is looked at the end of the action
        _see_alone(service, new, host)


def _without_the_old(service: Service, why: InitError, host: Host) -> Process:
    """Return the new master after the old one has ended, so that a rollback is impossible.

    An earlier action may have sent QUIT to the old one before it was killed. Raises
    RollbackFailed if the new master does not serve either.
    """
    try:
        new = master_of(service, host)
        if not wait_until_ready(service, new, host):
            raise InitError(f"new master {new} died too")  # noqa: TRY301 - one way out
    except InitError as worse:
        raise upgrade_failed(RollbackFailed, f"{why}; and {worse}") from why
    _see_alone(service, new, host)
    return new


def _see_alone(service: Service, new: Process, host: Host) -> None:
    """Verify that *new* serves alone and the pidfile names it. Raises RollbackFailed."""
    try:
        # If the old master was killed, its workers and its .oldbin are left.
        seen = insist(lambda: drain_orphans(service, host), host)
        await_first_pidfile(service, seen, host)
    except InitError as exc:
        raise upgrade_failed(RollbackFailed, str(exc)) from exc
    if take_snapshot(service, host).master != new:
        why = f"{service.pidfile} does not name new master {new}"
        raise upgrade_failed(RollbackFailed, why)
