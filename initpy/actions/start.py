"""The action ``start``: from whatever state, until the service serves."""

from __future__ import annotations

from ..control.configtest import configtest, configtest_stopped
from ..control.drain import drain_orphans
from ..control.lock import ActionLock
from ..control.pidfiles import (
    refuse_conflict,
    refuse_other_pidfile,
    remove_stale_pidfiles,
    remove_stale_sockets,
    restore_pidfile,
)
from ..control.ready import BesideOrphans, wait_until_ready
from ..control.record import record_absence, record_running, record_started, remove_record
from ..control.signals import (
    refuse_unsafe,
    require_permission,
    resume,
    suspend,
    tell_unsafe,
    terminate,
)
from ..control.stable import refuse_end_of_container, wait_until_stable
from ..control.starting.prepare import make_directories, require_startable
from ..control.starting.rivals import launch_unless_rival
from ..control.starting.started import refuse_idle_pools
from ..control.starting.taken import refuse_taken_for_restart
from ..errors import InitError
from ..host import HERE, Host, Process
from ..host.wait import insist
from ..protocols.finish import Finishing
from ..schedule import parse_schedule
from ..service import Service, resolve
from ..state.idle import is_idle
from ..state.snapshot import Snapshot, take_snapshot
from .stop import terminate_service
from .upgrade import mend_lost_paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..contracts import Reload, Restart, Upgrade


def start(service: Service, host: Host = HERE) -> None:
    """Start the service; return when it serves. If it runs already, that is success.

    Raises NotInstalled; ConfigTestFailed; InitError, and then every process that was
    started has been ended.
    """
    with (
        Finishing(service, "start", host),
        ActionLock(service, "start", host, within=service.timeout) as lock,
    ):
        if lock.terminating and lock.terminating.intersection(
            wait_until_stable(service, host).masters
        ):
            host.tell("finishing an interrupted stop, then starting")
            restart_service(service, lock, host)
        else:
            start_service(service, host)
        record_running(service, host)


def start_service(
    service: Service, host: Host, seen: Snapshot | None = None, *, tested: bool = False
) -> None:
    """Start the service, or verify that it runs. The caller holds the lock.

    seen:   a snapshot for which every process of the host was read, if the caller has one.
    tested: whether the configuration has been tested.
    """
    # Thorough, to find orphans: they would go on serving with an old configuration.
    seen = seen or wait_until_stable(service, host, thorough=True)
    if seen.unjudged:
        host.tell(seen.unjudged_sentence)
    if seen.master is None:
        _start_stopped(service, seen, host, tested=tested)
        return
    restore_pidfile(service, seen, host, needed=False)
    if not seen.upgrading:
        _mend_workerless(service, seen.master, host)
    if wait_until_ready(service, seen.master, host):
        _finish_upgrade(service, seen, host)
        mend_lost_paths(service, host)
    else:
        start_service(service, host)  # it was ending: look again


def _mend_workerless(service: Service, master: Process, host: Host) -> None:
    """Reload a master that is idle and has no worker: those that it started could not live."""
    if service.reload is None or service.reload_execs or not service.worker_titles:
        return
    if is_idle(master, host) and not host.children(master):
        host.tell(f"master {master} has no worker: reloading its configuration")
        if service.has_test:
            configtest(service, host)
        reload_by: Reload = resolve(service.reload_by)
        reload_by(service, master, host)


def _finish_upgrade(service: Service, seen: Snapshot, host: Host) -> None:
    """Finish an upgrade that is unfinished, or tell of it."""
    if seen.upgrading and service.finish_upgrade is not None:
        finish: Upgrade = resolve(service.finish_upgrade)
        finish(service, seen, host)
        seen = wait_until_stable(service, host)
    if seen.upgrading:
        host.tell(
            f"an upgrade is unfinished, old master {seen.masters[0]} still serves: "
            "finish it with upgrade"
        )
    elif seen.orphans or seen.leftover:
        drain_orphans(service, host)
    if seen.starting and not seen.upgrading:
        pids = ", ".join(map(str, seen.starting))
        host.tell(f"an upgrade is unfinished, its new {service.daemon} hangs (pid {pids})")


def _start_stopped(service: Service, seen: Snapshot, host: Host, *, tested: bool) -> None:
    """Test, start, and record; orphans go on serving until the new master does."""
    if host.getpid() == 1:
        host.tell("this script is process 1: the container ends with it, and the service too")
    require_startable(service, host)
    refuse_conflict(service, seen, host)
    if not seen.pidfile.regular:
        # Before the test: it opens the pidfile, too, and would follow a link.
        remove_stale_pidfiles(service, host)
    if service.background:
        from ..control.starting.own_pidfiles import remove_own_pidfiles

        remove_own_pidfiles(service, host)
    make_directories(service, host)
    if service.start_pre:
        from ..control.starting.steps import run_steps

        run_steps(service, "start_pre", host)
    if service.has_test and not tested:
        with BesideOrphans(service, seen.orphans, host):
            configtest_stopped(service, host)
    if seen.starting or seen.orphans:
        require_permission([*seen.starting, *seen.orphans], host)
        tell_unsafe(host)
    if not _end_hung(service, seen.starting, host):
        start_service(service, host)
        return
    host.make_directory(service.pidfile.rpartition("/")[0] or "/")
    if not (seen.orphans and _recover(service, seen.orphans, host)):
        terminate(seen.orphans, service.stop, host, what="workers of a dead master")
        remove_stale_pidfiles(service, host, starting=True)
        remove_stale_sockets(service, host)
        # Nothing of what it knows is there. If this script is killed before it can record
        # the new master, the workers of that are not to be strangers to an old record.
        remove_record(service, host)
        started = launch_unless_rival(service, host)
        if started is None:
            start_service(service, host)
        else:
            record_started(service, started, host)
            record_absence(service, seen, [host.exe_file(started.master)], host)
            host.mark_started(service.subsys)
            refuse_idle_pools(started)
    host.mark_started(service.subsys)


def _end_hung(service: Service, hung: Sequence[Process], host: Host) -> bool:
    """End what hangs as it starts; False if it has come up since it was seen, and serves.

    It is stopped before that look: otherwise it could come up between the look and its KILL.
    """
    if not hung:
        return True

    def go_on() -> None:
        for process in hung:
            resume(process, host)

    try:
        for process in hung:
            suspend(process, host)
        serves = take_snapshot(service, host, thorough=True).master is not None
    except BaseException:
        insist(go_on, host)
        raise
    if serves:
        insist(go_on, host)
        return False
    terminate(hung, parse_schedule("KILL/5"), host, what=f"{service.name} that hangs")
    return True


def _recover(service: Service, orphans: tuple[Process, ...], host: Host) -> bool:
    from ..protocols.takeover import recover

    return recover(service, orphans, host)


def _foresee(service: Service, seen: Snapshot, host: Host) -> Callable[[], str]:
    from ..protocols.foresight.restart import refuse_failing_start

    return refuse_failing_start(service, seen, host)


def restart_service(service: Service, lock: ActionLock, host: Host) -> None:
    """Stop and start the service, if its configuration is valid. The caller holds the lock."""
    # A script that was killed may have left a master that no pidfile names.
    seen = wait_until_stable(service, host, thorough=lock.was_left)
    if seen.master is None:  # without a master every process of the host was read
        start_service(service, host, seen)
        return
    refuse_unsafe(host)
    # Before the test: it opens the pidfile, too, and would follow a link.
    restore_pidfile(service, seen, host)
    refuse_other_pidfile(service, host)
    require_startable(service, host)
    if service.has_test:
        configtest(service, host)
    kept = _foresee(service, seen, host)
    refuse_taken_for_restart(service, seen, host)
    if service.restart_by is not None:
        replace: Restart = resolve(service.restart_by)
        if replace(service, seen, host):
            host.mark_started(service.subsys)
            return
    refuse_end_of_container(service, seen.masters[-1], host)
    if why := kept():
        raise InitError(f"not restarting, nothing was stopped: {why} and would keep it")
    # INT, TERM and HUP do not interrupt the rest: the service must not stay stopped. Nor
    # does a system call that fails once.
    stopped = [insist(lambda: terminate_service(service, service.stop, lock, host), host)]

    def begin() -> None:
        start_service(service, host, stopped.pop() if stopped else None, tested=True)

    insist(begin, host)
