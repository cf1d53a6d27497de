"""Workers that are ready: start, reload and upgrade wait for them."""

from __future__ import annotations

from ..host import Host, Process
from ..service import Service
from .titles import is_ready, workers_of

SETTLE = 0.1  # seconds that new workers must run; nginx pauses as long in a reload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection


def ready_workers(service: Service, master: Process, host: Host) -> set[Process]:
    """Return the workers of *master* that take new requests."""
    workers = workers_of(service, master, host)
    return {process for process, title in workers.items() if is_ready(service, title)}


def stopped_accepting(service: Service, workers: Collection[Process], host: Host) -> bool:
    """Tell whether none of those workers takes new requests any more.

    It does not wait for their end: a slow download may keep a worker for hours.
    """
    return all(
        not host.alive(worker) or not is_ready(service, host.title(worker.pid))
        for worker in workers
    )
