"""Every process of a service ended, by its schedule."""

from __future__ import annotations

from .host import Host, Process
from .identity import workers_of
from .intruders import end_intruders
from .killing import end
from .lock import ActionLock
from .repair import remove_stale
from .schedule import Step
from .service import Service
from .settling import settled
from .survey import Survey


def end_service(
    service: Service,
    schedule: tuple[Step, ...],
    lock: ActionLock,
    host: Host,
    *,
    interruptible: bool = False,
) -> Survey:
    """End masters, workers and orphans, and remove stale pidfiles. Return the last look.

    Raises NotPermitted, WaitTimeout if one outlives the schedule, Interrupted.
    """
    seen = settled(service, host)
    while seen.family:
        lock.doom(seen.masters)
        for master in seen.masters:
            end_intruders(service, master, host, spare=seen.masters)

        def workers(masters: tuple[Process, ...] = seen.masters) -> list[Process]:
            return [worker for master in masters for worker in workers_of(service, master, host)]

        families = (
            ([*seen.masters, *workers()], workers),
            ([*seen.orphans, *seen.starting], tuple),
        )
        for processes, kin in families:
            end(
                processes,
                schedule,
                host,
                kin=kin,
                leaders=seen.masters,
                what=f"{service.name} processes",
                interruptible=interruptible,
            )
        # Every process of the host is looked at once the master is gone: others may be
        # there that no pidfile names, or a worker that was orphaned at its master's end.
        seen = settled(service, host, thorough=True)
    lock.doom(())
    remove_stale(service, host)
    return seen
