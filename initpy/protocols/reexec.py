"""Reload by a signal: the master ends its workers and executes its binary again.

It writes its pidfile again and starts new workers. In the background its pid changes,
in the foreground it does not. If it does not come up again, nothing serves.
"""

from __future__ import annotations

from ..control.ask import ask_configuration, may_be_workerless
from ..control.launch import launch, wait_until_ready
from ..control.pidfiles import remove_stale_pidfiles, restore_pidfile
from ..control.record import write_record
from ..control.signals import killproc
from ..errors import InitError, NotRunning
from ..host import Host, Process
from ..host.wait import wait_until
from ..schedule import signal_named
from ..service import Service
from ..state.snapshot import named_master, take_snapshot
from ..state.workers import ready_workers, stopped_accepting

# While a master goes to the background its pidfile names no process for a moment.
ABSENCE = 0.5  # seconds; a master that is absent for longer is dead


def reload(service: Service, master: Process, host: Host) -> None:
    """Send the reload signal to *master*; return when new workers serve.

    The caller holds the lock and has tested the configuration. A service that dies in the
    reload is started again, and InitError is raised.
    """
    assert service.reload is not None
    # Otherwise the first workers of a master that is still starting would count as the
    # new workers of this reload.
    if not wait_until_ready(service, master, host):
        raise NotRunning(f"not running: master {master} has just ended")
    old = ready_workers(service, master, host)
    before = host.version(service.pidfile)
    config = ask_configuration(service, host)
    workerless = may_be_workerless(service, host, config)
    if config.reload_cuts:
        host.tell(
            f"requests in flight are cut: {config.reload_cuts}. "
            "upgrade loads a new configuration, too, and cuts none"
        )
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
        if ready_workers(service, named, host) - old:
            return True
        return workerless and host.version(service.pidfile) not in (None, before)

    wait_until(
        renewed,
        within=service.timeout + config.reload_drain,
        host=host,
        what="new workers to serve",
    )
    if absent:
        seen = take_snapshot(service, host)
        if seen.master is not None:  # it serves; its configuration names another pidfile
            restore_pidfile(service, seen, host)
            return
        remove_stale_pidfiles(service, host)
        started = launch(service, host)
        write_record(service, started.master, host, besides=started.helpers)
        raise InitError(f"{service.name} died during the reload and was started again")
