"""Upgrade by ``.oldbin``: the old master itself starts the new binary.

                USR2             new master writes its pid      QUIT
        PENDING ----> HANDOVER -----------------------> BOTH -------> done, old master gone
                         | new master dies               | check fails, workers die, deadline
                         v                               v
                      REVERTED                         rollback: end the new one, old serves

The old master renames its pidfile to ``.oldbin`` and executes the binary on
disk, which inherits the sockets. Both serve until the old one is told to quit.
If the new one ends, the old one puts the pidfile back by itself.
"""

# nginx, OpenResty, tengine: https://nginx.org/en/docs/control.html

from __future__ import annotations

from ..control.drain import drain
from ..control.error_log import LogMark
from ..control.launch import wait_until_ready
from ..control.orphans import drain_orphans
from ..control.pidfiles import restore_pidfile
from ..control.signals import killproc, resume
from ..control.stable import require_running
from ..control.upgrade_children import terminate_upgrade_children
from ..errors import InitError, Reverted, RollbackFailed, WaitTimeout
from ..host import HERE, Host, Process
from ..host.wait import wait_until
from ..schedule import signal_named
from ..service import Service
from ..state.identity import workers_of
from ..state.phase import Phase, is_at_rest, is_idle, phase
from ..state.snapshot import Snapshot, master_of, named_master, take_snapshot
from ..state.workers import ready_workers, stopped_accepting
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
    from collections.abc import Callable

IGNORED = 1.0  # seconds after which a master that sleeps has ignored USR2


def upgrade(service: Service, seen: Snapshot, host: Host) -> None:
    """Finish an unfinished upgrade, and do one unless that was it.

    The caller holds the lock. Raises as the action ``upgrade`` does.
    """
    if seen.upgrading:
        new = _carry_on(service, seen, host)
        host.tell(f"finished the upgrade that was under way: master {new} serves")
        if host.exe_file(new) == host.file_id(service.daemon):
            return
        seen = require_running(service, host)
    old = seen.masters[-1]
    restore_pidfile(service, seen, host)
    refuse_argv0(service, old, host)
    verify_binary(service, old, host)  # configtest -q || return
    # Before the signal: afterwards it is too late to tell a reverted pidfile
    # from an untouched one.
    before, log = host.version(service.pidfile), LogMark(service, old, host)
    killproc(old, signal_named("USR2"), host=host)  # killproc -p ${pidfile} ${prog} -USR2
    _see_through(service, old, before, log, host)


def _see_through(
    service: Service, old: Process, before: tuple[int, int] | None, log: LogMark, host: Host
) -> Process:
    """Wait for the new master, verify it, and end the old one; or roll back. Return the new one."""
    try:
        new = wait_for_oldbin(service, old, host, before=before)  # for i in `seq ...`; do usleep
        verify_master(service, new, host)
        _check(service, old, host)
        require_alive(new, host)
    except InitError as exc:
        if not host.alive(old):
            return _without_the_old(service, exc, host)
        said = log.read()
        why = f"{exc}: {said.reason}" if said.lines else str(exc)
        output = "\n".join(said.lines)
        try:
            rollback(service, old, host)
        except InitError as worse:
            raise upgrade_failed(RollbackFailed, f"{why}; and {worse}", output) from exc
        why = f"{why}; old master {old} serves as before"
        raise upgrade_failed(Reverted, why, exc.output or output) from exc
    _quit(service, old, new, host)  # killproc -p ${oldbinpidfile} ${prog} -QUIT
    return new


def _carry_on(service: Service, seen: Snapshot, host: Host) -> Process:
    """Finish an upgrade that was begun, from wherever it is. Return the new master."""
    restore_pidfile(service, seen, host)
    old = seen.masters[0]
    for new in host.children(old):
        resume(new, host)  # a script that was about to end it may have stopped it
    before = (0, 0) if seen.handover else None  # whatever it is next, it was renamed
    return _see_through(service, old, before, LogMark(service, old, host), host)


def wait_for_oldbin(
    service: Service,
    old: Process,
    host: Host = HERE,
    *,
    before: tuple[int, int] | None = None,
) -> Process:
    """Wait until the new master has written its pidfile, and return it, proven.

    old:    the master that has been sent USR2.
    before: ``host.version`` of the pidfile before that; a binary that fails at
            once is then noticed at once.

    Raises InitError when the old master has taken its pidfile back, has
    ignored the signal, or is dead; WaitTimeout after the upgrade's timeout.
    """
    before = before or host.version(service.pidfile)
    sent = host.monotonic()

    def handed_over() -> Process | None:
        # The version first: read last, a handover just begun passes for a failure.
        version = host.version(service.pidfile)
        oldbin = named_master(service, service.oldbin, host)
        pidfile = named_master(service, service.pidfile, host)
        moved = version not in (None, before)
        now = phase(old, host.alive(old), pidfile, oldbin, moved)
        if now == Phase.BOTH:
            return pidfile
        if now == Phase.LOST:
            raise InitError(f"old master {old} died")
        if now == Phase.REVERTED:
            raise InitError(f"the new {service.daemon} ended before it was up")
        if now == Phase.PENDING and host.monotonic() - sent >= IGNORED and is_idle(old, host):
            raise InitError(
                f"master {old} ignored USR2: its parent still runs (a supervisor, or "
                "daemon off), or an older master has not ended"
            )
        return None

    return wait_until(
        handed_over,
        within=service.upgrade_timeout,
        host=host,
        what=f"the new {service.daemon} to write {service.pidfile}",
        interruptible=True,
    )


def _check(service: Service, old: Process, host: Host) -> None:
    """Run the administrator's check with only the new master answering."""
    if not service.upgrade_check:
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
    """Have the old master finish and end; the new one serves, so there is no way back."""
    watched = False  # nothing is lost before QUIT is sent, which comes after the first look

    def workers() -> list[Process]:
        nonlocal watched
        if watched and not host.alive(new):
            raise upgrade_failed(RollbackFailed, f"New master {new} died, {old} has quit already")
        watched = True
        return list(workers_of(service, old, host))

    drain(service, [old], host, workers=workers)
    _see_alone(service, new, host)


def _without_the_old(service: Service, why: InitError, host: Host) -> Process:
    """Return the new master, which is the service now: the old one has ended meanwhile.

    A script that was killed after its QUIT may have told it to. Raises RollbackFailed.
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
    """See that *new* is alone and that the pidfile names it. Raises RollbackFailed."""
    try:
        drain_orphans(service, host)  # of an old master that was killed, with its .oldbin
    except InitError as exc:
        raise upgrade_failed(RollbackFailed, str(exc)) from exc
    if take_snapshot(service, host).master != new:
        why = f"{service.pidfile} does not name new master {new}"
        raise upgrade_failed(RollbackFailed, why)


def rollback(service: Service, old: Process, host: Host) -> None:
    """End the new master and whatever it has started; return when the old one serves alone.

    When the new one ends, the old one puts the pidfile back by itself. Not to be
    interrupted. Raises RollbackFailed.
    """

    def see(probe: Callable[[], bool], what: str) -> None:
        wait_until(probe, within=service.timeout, host=host, what=what)

    try:
        # An old master that has not taken USR2 yet would upgrade itself after we have left.
        see(lambda: not host.alive(old) or is_at_rest(old, host), "it to take what it was sent")
        new = named_master(service, service.pidfile, host)
        if new not in (None, old) and not ready_workers(service, old, host):
            # The old one was told WINCH. While the new one lives, HUP makes it start its
            # workers again without reading its configuration (ngx_master_process_cycle).
            host.kill(old, signal_named("HUP"))
            see(lambda: bool(ready_workers(service, old, host)), "its workers")
        terminate_upgrade_children(service, old, host)
        # A new master that was killed has left its workers behind, and they accept.
        orphans = take_snapshot(service, host, thorough=True).orphans
        drain(service, orphans, host, what="workers of the dead new master")
        see(lambda: _serves_alone(service, old, host), f"{service.pidfile} to name it")
    except WaitTimeout as exc:
        raise RollbackFailed(f"the old master {old} is not back either: {exc}") from exc


def _serves_alone(service: Service, old: Process, host: Host) -> bool:
    if not host.alive(old):
        raise RollbackFailed(f"the old master {old} is dead too")
    named = named_master(service, service.pidfile, host)
    oldbin = named_master(service, service.oldbin, host)
    return named == old and oldbin is None and bool(ready_workers(service, old, host))
