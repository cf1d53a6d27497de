"""The actions ``stop`` and ``force-quit``: end every process of a service."""

from __future__ import annotations

from ..control.lock import ActionLock
from ..control.pidfiles import refuse_conflict, remove_stale_pidfiles
from ..control.record import record_absence, remove_record, write_record
from ..control.signals import require_permission, tell_unsafe, terminate
from ..control.stable import supervisor, wait_until_stable
from ..errors import InitError, WaitTimeout
from ..host import HERE, Host, Process
from ..host.wait import wait_until
from ..schedule import Step
from ..service import Service
from ..state.snapshot import Snapshot, take_snapshot
from ..state.titles import tells_instance, workers_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

RESTART = 0.5  # seconds within which a supervisor has started it again, or waits for longer


def stop(service: Service, host: Host = HERE, *, schedule: tuple[Step, ...] = ()) -> None:
    """End every process of the service. If it is stopped already, that is success.

    When it returns, no master, worker or orphan is left, nor a second master of an
    unfinished upgrade, and stale pidfiles are removed.

    schedule: signals and seconds; the service's ``stop`` if it is omitted.

    Raises NotPermitted; WaitTimeout if a process survives the schedule; Interrupted;
    InitError if a supervisor restarts the service each time.
    """
    with ActionLock(service, "stop", host, within=service.timeout, without=True) as lock:
        seen = terminate_service(service, schedule or service.stop, lock, host, interruptible=True)
        refuse_conflict(service, seen, host)
        if seen.unjudged:
            raise InitError(seen.unjudged_sentence)


def force_quit(service: Service, host: Host = HERE) -> None:
    """Do what ``stop`` does, by the schedule ``force_quit``: requests in flight are cut."""
    stop(service.replace(stop_command=()), host, schedule=service.force_quit)


def terminate_service(
    service: Service,
    schedule: tuple[Step, ...],
    lock: ActionLock,
    host: Host,
    *,
    interruptible: bool = False,
) -> Snapshot:
    """End masters, workers and orphans, and remove stale pidfiles. Return the last snapshot.

    The caller holds the lock. Raises what ``stop`` raises; Interrupted only if
    *interruptible*.
    """
    seen = wait_until_stable(service, host)
    if seen.processes:
        tell_unsafe(host)
    apart = service.outlives
    if seen.master is not None and not tells_instance(service):
        # What the master leaves is known by the record, and is ended after it.
        apart = write_record(service, seen.master, host) or apart
    ended_at: float | None = None
    sockets: set[int] = set()
    executed: set[tuple[int, ...] | None] = set()
    while seen.processes:
        sockets.update(*(host.socket_inodes(process) for process in seen.processes))
        executed.update(map(host.exe_file, seen.masters))
        if ended_at is not None:
            _refuse_restarted(service, seen, host.monotonic() - ended_at, host)

        def workers(masters: tuple[Process, ...] = () if apart else seen.masters) -> list[Process]:
            return [worker for master in masters for worker in workers_of(service, master, host)]

        require_permission(seen.masters if service.channel else [*seen.masters, *workers()], host)
        lock.record_terminating(seen.masters)
        supervisors = [it for one in seen.masters if (it := supervisor(service, one, host))]
        _ask_to_end(service, seen, schedule, host, ended_at, interruptible=interruptible)
        for master in seen.masters:
            _end_upgrade_children(service, master, seen.masters, host)

        families = (
            ([*seen.masters, *workers()], workers),
            ([*seen.orphans, *seen.finishing, *seen.starting], tuple),
        )
        for processes, more in families:
            terminate(
                processes,
                schedule,
                host,
                more=more,
                leaders=seen.masters,
                what=f"{service.name} processes",
                interruptible=interruptible,
            )
        ended_at = host.monotonic() if ended_at is None else ended_at
        # Read every process of the host once the master is gone: another master may run
        # that no pidfile names, or a worker whose master has just ended.
        seen = wait_until_stable(service, host, thorough=True)
        if supervisors and not seen.processes and _is_restarted(service, supervisors, host):
            seen = wait_until_stable(service, host, thorough=True)
    lock.record_terminating(())
    remove_stale_pidfiles(service, host)
    if service.background:
        from ..control.starting.own_pidfiles import remove_own_pidfiles

        remove_own_pidfiles(service, host)
    remove_record(service, host)
    record_absence(service, seen, executed, host)
    _tell_holders(sockets, host)
    _finish_stop(service, ended_at, host)
    return seen


def _ask_to_end(
    service: Service,
    seen: Snapshot,
    schedule: tuple[Step, ...],
    host: Host,
    ended_at: float | None,
    *,
    interruptible: bool,
) -> None:
    """Run the stop command, if there is one, before the first signal."""
    if service.stop_command and ended_at is None:
        from ..control.running import ask_to_end

        within = schedule[0].seconds
        ask_to_end(service, seen, within, host, interruptible=interruptible)


def _finish_stop(service: Service, ended_at: float | None, host: Host) -> None:
    """Run the commands of the declaration that follow a stop, if anything was ended."""
    if service.stop_post and ended_at is not None:
        from ..control.starting.steps import run_after_stop

        run_after_stop(service, host)


def _end_upgrade_children(
    service: Service, master: Process, masters: Collection[Process], host: Host
) -> None:
    """End what else *master* has started: the new binary of an upgrade that hangs."""
    workers = workers_of(service, master, host)
    if service.outlives or not {*host.children(master)} - {*masters, *workers}:
        return
    from ..control.starting.lineage import terminate_upgrade_children

    terminate_upgrade_children(service, master, host, spare=masters)


def _is_restarted(service: Service, supervisors: list[Process], host: Host) -> bool:
    """Tell whether a supervisor starts it again at once. It takes a moment to be seen."""

    def seen() -> bool:
        return bool(take_snapshot(service, host).processes)

    def decided() -> bool:
        return seen() or not any(map(host.alive, supervisors))

    try:
        wait_until(decided, within=RESTART, host=host, what="a supervisor to start it again")
    except WaitTimeout:
        return False
    return seen()


def _tell_holders(inodes: set[int], host: Host) -> None:
    """Tell which processes still hold one of those sockets: a job that a worker started has it."""
    left = {one.inode: one.place for one in host.listening_sockets() or () if one.inode in inodes}
    if not left:
        return
    from ..state.scan import processes_with

    for process, held in processes_with(left, host).items():
        places = " ".join(sorted(left[inode] for inode in held))
        host.tell(f"pid {process} ({host.title(process.pid)[:60]}) still holds {places}")


def _refuse_restarted(service: Service, seen: Snapshot, since: float, host: Host) -> None:
    """Raise InitError if somebody makes new processes of the service each time.

    since: seconds since it was first ended. Within the service's timeout nothing is
           raised, and the caller ends it again.
    """
    restarted = [one for one in seen.processes if host.age(one) < since]
    facts = host.look(restarted[-1].pid) if restarted and since >= service.timeout else None
    if facts is None:
        return
    supervisor = (
        f"pid {facts.ppid} ({host.title(facts.ppid)})" if facts.ppid > 1 else "a supervisor"
    )
    raise InitError(f"{supervisor} restarts it each time it ends: stop that supervisor first")
