"""What follows the signal of an upgrade: until the new master serves alone, or the old one does."""

from __future__ import annotations

from ...control.drain import drain_orphans, leave_to_finish
from ...control.pidfiles import await_first_pidfile
from ...control.ready import wait_until_ready
from ...errors import (
    InitError,
    Reverted,
    RollbackFailed,
    Unimplemented,
    failure_of,
    upgrade_failed,
)
from ...host import Host, Process
from ...host.wait import insist, wait_until
from ...service import Service
from ...signal_names import signal_named
from ...state.snapshot import master_of, take_snapshot
from ...state.titles import workers_of
from ...state.workers import ready_workers, stopped_accepting
from ..verify import require_alive, run_check, verify_master
from .awaiting import wait_for_oldbin
from .rollback import rollback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from ...control.error_log import LogMark


def see_through(
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
        why, output = str(failure), ""
        try:
            if lives := insist(lambda: host.alive(old), host):
                why, output = _reason(failure, log, host)
                insist(lambda: rollback(service, old, host, spare=spare), host)
        except InitError as worse:
            raise upgrade_failed(RollbackFailed, f"{why}; and {worse}", output) from exc
        if not lives:
            return _without_the_old(service, failure, host)
        why = f"{why}; old master {old} serves as before"
        kind = Unimplemented if isinstance(exc, Unimplemented) else Reverted
        raise upgrade_failed(kind, why, failure.output or output) from exc
    _quit(service, old, new, host)  # killproc -p ${oldbinpidfile} ${prog} -QUIT
    return new


def _reason(failure: InitError, log: LogMark, host: Host) -> tuple[str, str]:
    """Return what to say of a failure, and what the log has of it, as far as that can be read."""
    try:
        said = insist(log.read, host)
    except InitError as exc:
        return f"{failure}; its log cannot be read: {exc}", ""
    why = f"{failure}: {said.reason}" if said.lines else f"{failure}"
    return why, "\n".join(said.lines)


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
    """Tell the old master to finish its requests and end. Then no rollback is possible.

    Raises RollbackFailed.
    """

    def tell() -> bool:
        return leave_to_finish(service, [old], host, workers=workers_of(service, old, host))

    try:
        left = insist(tell, host)
    except InitError as exc:
        why = f"old master {old} is perhaps left: {exc}"
        raise upgrade_failed(RollbackFailed, why) from exc
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
