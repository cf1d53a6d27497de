"""Reload by a signal: the master ends its workers and executes its binary again.

It writes its pidfile again and starts new workers. In the background its pid changes,
in the foreground it does not. If it does not come up again, nothing serves.
"""

from __future__ import annotations

from ..control.ask import ask_configuration
from ..control.launch import launch
from ..control.pidfiles import remove_stale_pidfiles, restore_pidfile
from ..control.ready import await_started, workers_awaited
from ..control.record import write_record
from ..control.signals import killproc
from ..errors import InitError, NotRunning
from ..host import Host, Process
from ..host.wait import wait_until
from ..schedule import signal_named
from ..service import Service
from ..state.snapshot import named_master, take_snapshot
from ..state.workers import Readiness, needed_pools, ready_workers, stopped_accepting
from .wishes import tell_wishes

# While a master goes to the background its pidfile names no process for a moment.
ABSENCE = 0.5  # seconds; a master that is absent for longer is dead


def reload(service: Service, master: Process, host: Host) -> None:
    """Send the reload signal to *master*; return when new workers of every pool serve.

    The caller holds the lock and has tested the configuration. A service that dies in the
    reload is started again, and InitError is raised.
    """
    assert service.reload is not None
    # Otherwise the first workers of a master that is still starting would count as the
    # new workers of this reload.
    if not await_started(service, master, host):
        raise NotRunning(f"not running: master {master} has just ended")
    before = host.version(service.pidfile)
    config = ask_configuration(service, host)
    pools = needed_pools(service, config.pools)
    if config.reload_cuts:
        host.tell(
            f"requests in flight are cut: {config.reload_cuts}. "
            "upgrade loads a new configuration, too, and cuts none"
        )
    old = ready_workers(service, master, host)
    readiness = Readiness(service, pools, host, old=old)
    killproc(master, signal_named(service.reload), host=host)
    absent: list[float] = []

    def renewed() -> bool:
        named = named_master(service, service.pidfile, host)
        if named is None and not host.alive(master):
            absent.append(host.monotonic())
            return absent[-1] - absent[0] >= ABSENCE
        absent.clear()
        # In the background a child of the old process becomes the master, and the old
        # process then exits.
        exiting = named != master and host.alive(master)
        if named is None or exiting or not stopped_accepting(service, old, host):
            return False
        if not pools and host.version(service.pidfile) in (None, before):
            return False
        return readiness.look(named)

    wait_until(
        renewed,
        within=service.timeout + config.reload_drain,
        host=host,
        what=lambda: _awaited(service, readiness, host),
    )
    if absent:
        _recover(service, host)
    elif renewed_master := named_master(service, service.pidfile, host):
        write_record(service, renewed_master, host, pools=config.pools)
        tell_wishes(config, renewed_master, host)


def _recover(service: Service, host: Host) -> None:
    """Restore the pidfile of a master that it does not name, or start one. Raises InitError."""
    seen = take_snapshot(service, host)
    if seen.master is not None:  # it serves; its configuration names another pidfile
        restore_pidfile(service, seen, host)
        return
    remove_stale_pidfiles(service, host)
    started = launch(service, host)
    write_record(service, started.master, host, besides=started.helpers, pools=started.pools)
    raise InitError(f"{service.name} died during the reload and was started again")


def _awaited(service: Service, readiness: Readiness, host: Host) -> str:
    named = named_master(service, service.pidfile, host)
    return workers_awaited(readiness, named) if named else f"{service.name} to come up again"
