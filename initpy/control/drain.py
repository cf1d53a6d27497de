"""Let processes finish their requests, then end, within a deadline."""

from __future__ import annotations

from ..errors import WaitTimeout
from ..host import Host, Process
from ..schedule import Step, parse_schedule
from ..service import Service
from .signals import terminate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

LATE = parse_schedule("TERM/5/KILL/5")


def drain(
    service: Service,
    processes: Iterable[Process],
    host: Host,
    *,
    workers: Callable[[], Sequence[Process]] = tuple,
    what: str = "old workers",
) -> None:
    """Tell *processes* to finish their requests and end; return when they are gone.

    workers: returns the workers of those *processes* that are masters. A master tells its
             workers to finish.
    what:    what the processes are, for messages.

    Processes that have not finished after ``drain_timeout`` seconds get TERM, then KILL,
    and a notice tells their number. Raises WaitTimeout if a process survives KILL.
    """
    leaders = list(processes)
    patient = Step(sig=service.drain_signal, seconds=service.drain_timeout)
    try:
        terminate(leaders, (patient,), host, more=workers, leaders=leaders, what=what)
    except WaitTimeout:
        left = [one for one in (*leaders, *workers()) if host.alive(one)]
        late = [one for one in left if one not in leaders] or left
        host.tell(
            f"{len(late)} {what} had not finished after {service.drain_timeout:g} s: terminated"
        )
        terminate(left, LATE, host, what=what)
