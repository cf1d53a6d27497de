"""Undo a start: what descends from the launcher is ended, and nothing else."""

from __future__ import annotations

from ..host import Host, Process
from ..host.wait import wait_until
from ..schedule import signal_named
from ..service import Service
from ..state.titles import looks_like_master
from .drain import drain, retire
from .pidfiles import remove_stale_pidfiles
from .signals import suspend, terminate
from .upgrade_children import descendants

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..host import Launched


def lineage(child: Launched, host: Host) -> list[Process]:
    """Return everything alive that descends from what we have started."""
    launcher = child.launcher
    return [] if launcher is None else descendants(launcher, host)[1:]


def undo(service: Service, child: Launched, host: Host, *, shared: bool) -> None:
    """End all that descends from what was started, and nothing else; return when it is gone.

    shared: another master has the same sockets. Then by KILL: on a clean exit the
            new one would remove the paths of its unix sockets, and perhaps its pidfile.
            Its workers may have taken requests, which they finish.
    """

    def started() -> list[Process]:
        return lineage(child, host)

    what = f"new {service.name} processes"
    if shared:
        _suspend_all(service, child, host)
        # Only now: until it was stopped, the daemon could fork a master.
        for master in _masters(service, started(), host):
            drain(service, retire(service, master, host), host, what="new workers")
    elif leaders := _masters(service, started(), host):
        terminate(started(), service.force_quit, host, more=started, leaders=leaders, what=what)

    def gone() -> bool:
        for process in started():
            host.kill(process, signal_named("KILL"))
        return child.is_gone()

    wait_until(gone, within=5.0, host=host, what=f"{what} to end")
    if not shared:
        remove_stale_pidfiles(service, host)


def _masters(service: Service, found: list[Process], host: Host) -> list[Process]:
    """Return the masters among *found*, without new workers that still have their title."""
    titled = [one for one in found if looks_like_master(service, host.title(one.pid))]
    workers = {worker for master in titled for worker in host.children(master)}
    return [master for master in titled if master not in workers]


def _suspend_all(service: Service, child: Launched, host: Host) -> None:
    """Stop every new process but workers, so that no worker is started, and takes a request."""
    stopped: set[Process] = set()

    def all_stopped() -> bool:
        found = lineage(child, host)
        spared = {it for one in _masters(service, found, host) for it in host.children(one)}
        fresh = set(found) - stopped - spared
        for process in fresh:
            suspend(process, host)
        stopped.update(fresh)
        return not fresh

    what = f"new {service.name} processes to stop"
    wait_until(all_stopped, within=service.timeout, host=host, what=what)
