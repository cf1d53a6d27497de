"""The action ``upgrade``: forward, or back, and never in between."""

from __future__ import annotations

from .configtesting import TestCannotRun, configtest
from .diagnose import LogMark, gist
from .errors import (
    ConfigTestFailed,
    InitError,
    NotInstalled,
    Reverted,
    RollbackFailed,
    Unimplemented,
    WaitTimeout,
)
from .host import HERE, Host, Process
from .identity import argv0_of
from .killing import end, killproc
from .lock import ActionLock
from .oldbin import rollback, wait_for_oldbin
from .program import run
from .repair import repair_pidfile
from .schedule import parse_schedule, signal_named
from .service import OLDBIN, Service
from .serving import SETTLE, let_go, serving_workers
from .survey import Survey, running, survey, workers_of
from .wait import wait_until


def upgrade(service: Service, host: Host = HERE) -> None:
    """Replace the running binary by the one on disk; no request is refused.

    An unfinished upgrade is finished first. Raises NotRunning; Unimplemented;
    NotInstalled; ConfigTestFailed, and nothing was signalled; Reverted, and
    the old master serves as before; RollbackFailed.
    """
    with ActionLock(service, "upgrade", host, within=service.timeout):
        seen = running(service, host)
        if service.upgrade != OLDBIN:
            raise Unimplemented("cannot replace the binary of this daemon while it runs")
        if seen.upgrading:
            new = _carry_on(service, seen, host)
            host.tell(f"finished the upgrade that was under way: master {new} serves")
            if host.exe_file(new) == host.file_id(service.daemon):
                return
            seen = running(service, host)
        assert seen.master is not None
        repair_pidfile(service, seen, host)
        _preflight(service, seen.master, host)
        _replace(service, seen.master, host)


def _preflight(service: Service, old: Process, host: Host) -> None:
    """Raise for what would make the upgrade fail, before anything is signalled."""
    if host.file_id(service.daemon) is None:
        raise NotInstalled(f"{service.daemon} is not installed: nothing to upgrade to")
    argv0 = argv0_of(service, host.title(old.pid))
    # nginx executes argv[0] as it stands, without looking along PATH (ngx_exec_new_binary).
    if not argv0.startswith("/") or host.file_id(argv0) != host.file_id(service.daemon):
        raise Reverted(
            f"Upgrade failed! Master {old} was started as {argv0!r} and would execute that, "
            f"not {service.daemon}: restart it once"
        )
    try:
        configtest(service, host)
    except ConfigTestFailed as exc:
        _blame(service, old, exc, host)


def _blame(service: Service, old: Process, failure: ConfigTestFailed, host: Host) -> None:
    """Raise the right error for a failed test: the configuration's fault, or the new binary's."""
    if isinstance(failure, TestCannotRun) or host.exe_file(old) != host.file_id(service.daemon):
        try:
            configtest(service, host, binary=f"/proc/{old}/exe")
        except ConfigTestFailed:
            pass  # the running binary refuses it too
        else:
            raise Reverted(
                f"Upgrade failed! The new {service.daemon} fails where the running one does not, "
                f"nothing was signalled: {failure}",
                failure.output,
            ) from failure
    raise ConfigTestFailed(
        f"not upgrading due to configuration syntax error: {failure}", failure.output
    ) from failure


def _replace(service: Service, old: Process, host: Host) -> None:
    # Before the signal: afterwards it is too late to tell a reverted pidfile
    # from an untouched one.
    before = host.version(service.pidfile)
    log = LogMark(old, host)
    killproc(old, signal_named("USR2"), host=host)
    _forward(service, old, before, log, host)


def _carry_on(service: Service, seen: Survey, host: Host) -> Process:
    """Finish what somebody else has begun, from wherever it is. Return the new master."""
    repair_pidfile(service, seen, host)
    old = seen.masters[0]
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
        _prove(service, new, host)
        _check(service, old, host)
    except InitError as exc:
        said = "\n".join(log.lines("[emerg]", "[alert]"))
        why = f"{exc}: {gist(said)}" if said else str(exc)
        try:
            rollback(service, old, host)
        except RollbackFailed as worse:
            raise RollbackFailed(f"Upgrade failed! {why}; and {worse}", said) from exc
        raise Reverted(
            f"Upgrade failed! {why}; old master {old} serves as before", exc.output or said
        ) from exc
    _let_go(service, old, new, host)
    return new


def _prove(service: Service, new: Process, host: Host) -> None:
    """Return when *new* runs the binary on disk and its workers have lasted a moment."""
    if host.exe_file(new) != host.file_id(service.daemon):
        raise InitError(f"new master {new} does not run {service.daemon}")
    first: set[Process] = set()
    seen_at: list[float] = []

    def steady() -> bool:
        if host.find(new.pid) != new:
            raise InitError(f"new master {new} died")
        workers = serving_workers(service, new, host)
        if not workers:
            return False
        if not seen_at:
            first.update(workers)
            seen_at.append(host.monotonic())
        if lost := first - workers:
            raise InitError(f"new master {new} lost its workers {', '.join(map(str, lost))}")
        return host.monotonic() - seen_at[0] >= SETTLE

    wait_until(
        steady,
        within=service.upgrade_timeout,
        host=host,
        what=f"the workers of new master {new}",
        interruptible=True,
    )


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
    check = " ".join(service.upgrade_check)
    finished = run(service.upgrade_check, host, within=service.timeout, interruptible=True)
    if finished.code:
        raise InitError(f"UPGRADE_CHECK {check!r} ended with {finished.code}", finished.output)


def _let_go(service: Service, old: Process, new: Process, host: Host) -> None:
    """QUIT the old master and see it gone; the new one serves, so there is no way back."""

    def working() -> list[Process]:
        return list(workers_of(service, old, host))

    def gone() -> bool:
        if host.find(new.pid) != new:
            raise RollbackFailed(f"Upgrade failed! New master {new} died, {old} was let go already")
        return host.find(old.pid) != old

    host.kill(old, signal_named(service.drain_signal))
    try:
        wait_until(
            gone,
            within=service.drain_timeout,
            host=host,
            what=lambda: f"{len(working())} old workers to finish",
            until=old,
        )
    except WaitTimeout:
        late = working()
        host.tell(f"{len(late)} old workers still worked after {service.drain_timeout:g} s: ended")
        end([old, *late], parse_schedule("TERM/5/KILL/5"), host, what="old master")
    if survey(service, host).master != new:
        raise RollbackFailed(f"Upgrade failed! {service.pidfile} does not name new master {new}")
    host.remove(service.oldbin)  # a killed master leaves it behind
