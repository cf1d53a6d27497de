"""Processes let finish their requests, for as long as is set."""

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
    """Tell *processes* to end when their requests are answered, and see them gone.

    workers: looks for those whom a master among them passes it on to.

    After ``drain_timeout`` seconds whatever still works gets TERM, then KILL,
    and it is said how many. Raises WaitTimeout if one outlives even that.
    """
    leaders = list(processes)
    patient = Step(sig=service.drain_signal, seconds=service.drain_timeout)
    try:
        terminate(leaders, (patient,), host, more=workers, leaders=leaders, what=what)
    except WaitTimeout:
        left = [one for one in (*leaders, *workers()) if host.alive(one)]
        late = [one for one in left if one not in leaders] or left
        host.tell(f"{len(late)} {what} still worked after {service.drain_timeout:g} s: ended")
        terminate(left, LATE, host, what=what)
