"""The actions ``stop`` and ``force-quit``: every process of a service ended, by its schedule."""

from __future__ import annotations

from ..control.lock import ActionLock
from ..control.pidfiles import remove_stale_pidfiles
from ..control.signals import terminate
from ..control.stable import wait_until_stable
from ..control.upgrade_children import terminate_upgrade_children
from ..errors import InitError
from ..host import HERE, Host, Process
from ..schedule import Step
from ..service import Service
from ..state.identity import workers_of
from ..state.snapshot import Snapshot


def stop(service: Service, host: Host = HERE, *, schedule: tuple[Step, ...] = ()) -> None:
    """End every process of the service by its stop schedule. Stopped already is success.

    Master and workers, a second master of an unfinished upgrade, orphans: when
    it returns none is left, and stale pidfiles are removed. Raises
    NotPermitted, WaitTimeout if one outlives the schedule, Interrupted, and
    InitError if a supervisor starts it again as often as it ends.
    """
    with ActionLock(service, "stop", host, within=service.timeout, without=True) as lock:
        terminate_service(service, schedule or service.stop, lock, host, interruptible=True)


def force_quit(service: Service, host: Host = HERE) -> None:
    """Do what ``stop`` does, by the quick schedule: requests are cut."""
    stop(service, host, schedule=service.force_quit)


def terminate_service(
    service: Service,
    schedule: tuple[Step, ...],
    lock: ActionLock,
    host: Host,
    *,
    interruptible: bool = False,
) -> Snapshot:
    """End masters, workers and orphans, and remove stale pidfiles. Return the last look.

    Raises NotPermitted, WaitTimeout if one outlives the schedule, Interrupted,
    and InitError if it is started again as often as it ends.
    """
    seen = wait_until_stable(service, host)
    ended_at: float | None = None
    while seen.processes:
        if ended_at is not None:
            _refuse_revived(service, seen, host.monotonic() - ended_at, host)
        lock.record_terminating(seen.masters)
        for master in seen.masters:
            terminate_upgrade_children(service, master, host, spare=seen.masters)

        def workers(masters: tuple[Process, ...] = seen.masters) -> list[Process]:
            return [worker for master in masters for worker in workers_of(service, master, host)]

        families = (
            ([*seen.masters, *workers()], workers),
            ([*seen.orphans, *seen.starting], tuple),
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
        # Every process of the host is looked at once the master is gone: others may be
        # there that no pidfile names, or a worker that was orphaned at its master's end.
        seen = wait_until_stable(service, host, thorough=True)
    lock.record_terminating(())
    remove_stale_pidfiles(service, host)
    return seen


def _refuse_revived(service: Service, seen: Snapshot, since: float, host: Host) -> None:
    """Raise InitError if, so many seconds after it was ended, it has been started again.

    For as long as a new state may take it is ended once more instead.
    """
    revived = [one for one in (*seen.masters, *seen.starting) if host.age(one) < since]
    facts = host.look(revived[-1].pid) if revived and since >= service.timeout else None
    if facts is None:
        return
    parent = f" by pid {facts.ppid} ({host.title(facts.ppid)})" if facts.ppid > 1 else ""
    raise InitError(f"it is started again as often as it ends{parent}: stop it there")
