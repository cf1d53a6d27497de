"""The upgrade by ``.oldbin``, forward or back: see ``oldbin`` for the protocol."""

from __future__ import annotations

from ..control.drain import drain
from ..control.error_log import LogMark, gist
from ..control.launch import await_service
from ..control.orphans import finish_orphans
from ..control.pidfiles import repair_pidfile
from ..control.signals import killproc, wake
from ..control.stable import running
from ..errors import InitError, Reverted, RollbackFailed
from ..host import Host, Process
from ..host.wait import wait_until
from ..schedule import signal_named
from ..service import Service
from ..state.identity import argv0_of, workers_of
from ..state.snapshot import Survey, master_of, survey
from ..state.workers import let_go, serving_workers
from .oldbin import rollback, wait_for_oldbin
from .verify import prove_binary, prove_master, require_alive, run_check


def replace_binary(service: Service, seen: Survey, host: Host) -> None:
    """Finish an unfinished upgrade, and do one unless that was it.

    The caller holds the lock. Raises as ``upgrade`` does.
    """
    if seen.upgrading:
        new = _carry_on(service, seen, host)
        host.tell(f"finished the upgrade that was under way: master {new} serves")
        if host.exe_file(new) == host.file_id(service.daemon):
            return
        seen = running(service, host)
    old = seen.masters[-1]
    repair_pidfile(service, seen, host)
    _refuse_argv0(service, old, host)
    prove_binary(service, old, host)
    # Before the signal: afterwards it is too late to tell a reverted pidfile
    # from an untouched one.
    before = host.version(service.pidfile)
    log = LogMark(old, host)
    killproc(old, signal_named("USR2"), host=host)
    _forward(service, old, before, log, host)


def _refuse_argv0(service: Service, old: Process, host: Host) -> None:
    if host.file_id(service.daemon) is None:
        return  # said better by who needs it next
    argv0 = argv0_of(service, host.title(old.pid))
    # nginx executes argv[0] as it stands, without looking along PATH (ngx_exec_new_binary).
    if not argv0.startswith("/") or host.file_id(argv0) != host.file_id(service.daemon):
        raise Reverted(
            f"Upgrade failed! Master {old} was started as {argv0!r} and would execute that, "
            f"not {service.daemon}: restart it once"
        )


def _carry_on(service: Service, seen: Survey, host: Host) -> Process:
    """Finish what somebody else has begun, from wherever it is. Return the new master."""
    repair_pidfile(service, seen, host)
    old = seen.masters[0]
    for new in host.children(old):
        wake(new, host)  # a script that was about to end it may have stopped it
    before = (0, 0) if seen.handover else None  # whatever it is next, it was renamed
    return _forward(service, old, before, LogMark(old, host), host)


def _forward(
    service: Service,
    old: Process,
    before: tuple[int, int] | None,
    log: LogMark,
    host: Host,
) -> Process:
    try:
        new = wait_for_oldbin(service, old, host, before=before)
        prove_master(service, new, host)
        _check(service, old, host)
        require_alive(new, host)
    except InitError as exc:
        if host.find(old.pid) != old:
            return _succeed(service, exc, host)
        said = "\n".join(log.lines("[emerg]", "[alert]", "[crit]"))
        why = f"{exc}: {gist(said)}" if said else str(exc)
        try:
            rollback(service, old, host)
        except InitError as worse:
            raise RollbackFailed(f"Upgrade failed! {why}; and {worse}", said) from exc
        raise Reverted(
            f"Upgrade failed! {why}; old master {old} serves as before", exc.output or said
        ) from exc
    _let_go(service, old, new, host)
    return new


def _succeed(service: Service, why: InitError, host: Host) -> Process:
    """Return the new master, which is the service now: somebody has let the old one go.

    A script that was killed, perhaps, after its QUIT. Raises RollbackFailed.
    """
    try:
        new = master_of(service, host)
        if not await_service(service, new, host):
            raise InitError(f"new master {new} died too")  # noqa: TRY301 - one way out
    except InitError as worse:
        raise RollbackFailed(f"Upgrade failed! {why}; and {worse}") from why
    _finish(service, new, host)
    return new


def _check(service: Service, old: Process, host: Host) -> None:
    """Run the administrator's check with only the new master answering."""
    if not service.upgrade_check:
        return
    workers = serving_workers(service, old, host)
    host.kill(old, signal_named("WINCH"))
    wait_until(
        lambda: let_go(service, workers, host),
        within=service.timeout,
        host=host,
        what=f"the workers of old master {old} to stop accepting",
        interruptible=True,
    )
    run_check(service, host)


def _let_go(service: Service, old: Process, new: Process, host: Host) -> None:
    """Have the old master finish and end; the new one serves, so there is no way back."""
    watched = False  # nothing is lost before QUIT is sent, which comes after the first look

    def workers() -> list[Process]:
        nonlocal watched
        if watched and host.find(new.pid) != new:
            raise RollbackFailed(f"Upgrade failed! New master {new} died, {old} was let go already")
        watched = True
        return list(workers_of(service, old, host))

    drain(service, [old], host, workers=workers)
    _finish(service, new, host)


def _finish(service: Service, new: Process, host: Host) -> None:
    """See that *new* is alone and named."""
    try:
        finish_orphans(service, host)  # of an old master that was killed, with its .oldbin
    except InitError as exc:
        raise RollbackFailed(f"Upgrade failed! {exc}") from exc
    if survey(service, host).master != new:
        raise RollbackFailed(f"Upgrade failed! {service.pidfile} does not name new master {new}")
