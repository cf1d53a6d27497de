"""Roll back an upgrade by ``.oldbin``: end the new master, and see the old one serve alone."""

from __future__ import annotations

from ...control.drain import leave_to_finish
from ...control.stable import wait_until_stable
from ...control.starting.lineage import terminate_upgrade_children
from ...errors import RollbackFailed, WaitTimeout
from ...host import Host, Process
from ...host.wait import wait_until
from ...service import Service
from ...signal_names import signal_named
from ...state.idle import is_idle
from ...state.snapshot import named_master
from ...state.workers import ready_workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection


def rollback(
    service: Service, old: Process, host: Host, *, spare: Collection[Process] = ()
) -> None:
    """End the new master and its workers; return when the old master serves alone.

    spare: the children that the old master had before.

    When the new one ends, the old one renames its pidfile back by itself. INT, TERM and
    HUP do not interrupt this. Raises RollbackFailed.
    """

    def await_old(probe: Callable[[], bool], what: str) -> None:
        wait_until(probe, within=service.timeout, host=host, what=what)

    label = f"old master {old}"

    try:
        # If USR2 were still pending, the old master would begin an upgrade after we left.
        await_old(lambda: not host.alive(old) or is_idle(old, host), f"{label} to handle USR2")
        new = None if service.second_is_new else named_master(service, service.pidfile, host)
        if new not in (None, old) and not ready_workers(service, old, host):
            # The old one got WINCH. While the new one lives, HUP makes the old one start
            # its workers without reading its configuration (ngx_master_process_cycle).
            host.kill(old, signal_named("HUP"))
            await_old(lambda: bool(ready_workers(service, old, host)), f"workers of {label}")
        terminate_upgrade_children(service, old, host, spare=spare)
        # If the new master was killed, its workers are left, and they still accept.
        orphans = wait_until_stable(service, host, thorough=True).orphans
        leave_to_finish(service, orphans, host, what="workers of the dead new master")
        await_old(lambda: _serves_alone(service, old, host), f"{service.pidfile} to name {label}")
        host.remove(service.oldbin)  # of a new one that was killed
    except WaitTimeout as exc:
        raise RollbackFailed(f"the rollback to {label} failed: {exc}") from exc


def _serves_alone(service: Service, old: Process, host: Host) -> bool:
    if not host.alive(old):
        raise RollbackFailed(f"the old master {old} is dead too")
    named = named_master(service, service.pidfile, host)
    oldbin = named_master(service, service.oldbin, host)
    return named == old and oldbin is None and bool(ready_workers(service, old, host))
