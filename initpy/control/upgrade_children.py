"""Upgrade children: children of a master that are not its workers, but a new binary.

Such a child may hang, and it holds the service's sockets as long as it lives. Not every
other child is one: a master that is pid 1 of a container adopts all orphans there.
"""

from __future__ import annotations

from ..host import Host, Process
from ..schedule import parse_schedule
from ..service import Service
from ..state.titles import is_worker, looks_like_master, workers_of
from .drain import drain
from .signals import suspend, terminate
from .stable import await_titles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection


def terminate_upgrade_children(
    service: Service, master: Process, host: Host, *, spare: Collection[Process] = ()
) -> None:
    """End every child of *master* that holds its sockets and is not a worker.

    spare: children that were there before the upgrade, and are not ended. Where sockets may
           not be seen, any other child is one that the upgrade has started.

    A child that serves finishes its requests first. One that does not serve, because it
    hangs or is not up yet, is ended by KILL with its own children. It gets STOP before:
    a worker that it starts between the look and the KILL could hold a request. Raises
    WaitTimeout.
    """
    # The child inherits the blocked signals of its parent (ngx_master_process_cycle), so
    # until it is up only KILL and STOP have an effect.
    await_titles(service, master, host)
    sockets = host.socket_inodes(master)

    def has_inherited(process: Process) -> bool:
        if not sockets:
            return bool(spare) or looks_like_master(service, host.title(process.pid))
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
    hung = [one for child in found for one in descendants(child, host) if has_inherited(one)]
    terminate(hung, parse_schedule("KILL/5"), host, what="new master")


def descendants(process: Process, host: Host) -> list[Process]:
    """Return *process* and all its descendants."""
    return [
        process,
        *(more for child in host.children(process) for more in descendants(child, host)),
    ]
