"""Children of a master that are not its workers: a new binary that hangs.

Such a child holds the service's sockets for as long as it lives. Not every child is
one: a master that is process 1 of a container adopts every process there that has
lost its parent.
"""

from __future__ import annotations

from ..host import Host, Process
from ..schedule import parse_schedule
from ..service import Service
from ..state.identity import is_worker, workers_of
from .drain import drain
from .signals import suspend, terminate
from .stable import await_titles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection


def terminate_upgrade_children(
    service: Service, master: Process, host: Host, *, spare: Collection[Process] = ()
) -> None:
    """End every child of *master* that holds its sockets and is no worker, with their children.

    One that serves finishes its requests first. The others hang, or are not up yet:
    they are ended by KILL, and stopped by STOP before, because one of them may be
    about to serve, and a worker that it starts between the look and the KILL could
    hold a request. Raises WaitTimeout.
    """
    # It was started with its parent's signals blocked (ngx_master_process_cycle), so it
    # takes no other signal.
    await_titles(service, master, host)
    sockets = host.socket_inodes(master)

    def has_inherited(process: Process) -> bool:
        return not sockets.isdisjoint(host.socket_inodes(process))

    found = [
        child
        for child in host.children(master)
        if child not in spare
        and not is_worker(service, host.title(child.pid))
        and has_inherited(child)
    ]
    for process in found:
        if not workers_of(service, process, host):
            suspend(process, host)
            await_titles(service, process, host)
        if workers_of(service, process, host):
            drain(service, [process], host, what="new master")
    hung = [one for intruder in found for one in descendants(intruder, host) if has_inherited(one)]
    terminate(hung, parse_schedule("KILL/5"), host, what="new master")


def descendants(process: Process, host: Host) -> list[Process]:
    """Return *process* and all its descendants."""
    return [
        process,
        *(more for child in host.children(process) for more in descendants(child, host)),
    ]
