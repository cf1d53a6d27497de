"""Children of a master that are not its workers: a new binary that hangs.

Born of an upgrade, they hold the service's sockets for as long as they live.
"""

from __future__ import annotations

from .draining import drain
from .host import Host, Process
from .identity import is_worker
from .killing import end
from .schedule import parse_schedule
from .service import Service
from .serving import serving_workers
from .settling import await_titles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection


def end_intruders(
    service: Service, master: Process, host: Host, *, spare: Collection[Process] = ()
) -> None:
    """End every child of *master* that is not its worker, with all that they have started.

    One that serves is let finish its requests; the rest is hung, and was born
    with nginx's own signals blocked: only KILL is heard. Raises WaitTimeout.
    """
    await_titles(service, master, host)
    found = [
        child
        for child in host.children(master)
        if child not in spare and not is_worker(service, host.title(child.pid))
    ]
    for process in found:
        if serving_workers(service, process, host):
            drain(service, [process], host, what="new master")
    hung = [process for intruder in found for process in family(intruder, host)]
    end(hung, parse_schedule("KILL/5"), host, what="new master")


def family(process: Process, host: Host) -> list[Process]:
    """Return *process* and all its descendants."""
    return [process, *(kin for child in host.children(process) for kin in family(child, host))]
