"""Whether a master serves: the new state that start, reload and upgrade wait for."""

from __future__ import annotations

from ..host import Host, Process
from ..service import Service
from .identity import is_ready, workers_of

SETTLE = 0.1  # seconds that new workers must last; nginx's own pause in a reload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection


def ready_workers(service: Service, master: Process, host: Host) -> set[Process]:
    """Return the workers of *master* that take new requests."""
    workers = workers_of(service, master, host)
    return {process for process, title in workers.items() if is_ready(service, title)}


def stopped_accepting(service: Service, workers: Collection[Process], host: Host) -> bool:
    """Tell whether none of those workers takes new requests any more.

    One that is shutting down may be kept for hours by a slow download.
    """
    return all(
        not host.alive(worker) or not is_ready(service, host.title(worker.pid))
        for worker in workers
    )
