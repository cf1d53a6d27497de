"""The actions that start a service: ``start``, ``restart`` and their kin (LSB 20.2).

Each looks first, carries on from what it finds, and returns only when the
service was seen to serve. Each holds the lock meanwhile.
"""

from __future__ import annotations

from ..control.configtest import configtest, traceless_configtest
from ..control.launch import await_service, bring_up
from ..control.lock import ActionLock
from ..control.orphans import finish_orphans
from ..control.pidfiles import remove_stale, repair_pidfile
from ..control.signals import end
from ..control.stable import running, settled
from ..errors import NotRunning
from ..host import HERE, Host, Process
from ..schedule import parse_schedule
from ..service import TAKEOVER, Service
from ..state.snapshot import Survey
from .stop import end_service


def start(service: Service, host: Host = HERE) -> None:
    """Start the service; return when it serves. Running already is success.

    Raises NotInstalled, ConfigTestFailed, or InitError with whatever was
    started ended again.
    """
    with ActionLock(service, "start", host, within=service.timeout) as lock:
        if lock.doomed and lock.doomed.intersection(settled(service, host).masters):
            host.tell("finishing a stop that was cut short")
            _restart(service, lock, host)
        else:
            _start(service, host)


def restart(service: Service, host: Host = HERE) -> None:
    """Stop the service and start it; start it if it is stopped.

    Its configuration is tested first, and if that fails it is left alone.
    """
    with ActionLock(service, "restart", host, within=service.timeout) as lock:
        _restart(service, lock, host)


def try_restart(service: Service, host: Host = HERE) -> None:
    """Restart the service if it runs; stopped is success, and it stays so."""
    with ActionLock(service, "try-restart", host, within=service.timeout) as lock:
        try:
            running(service, host)
        except NotRunning:
            return
        _restart(service, lock, host)


def force_reload(service: Service, host: Host = HERE) -> None:
    """Reload the service, or restart it if it cannot reload. Raises NotRunning."""
    if service.reload is not None:
        from .reload import reload

        reload(service, host)
        return
    with ActionLock(service, "force-reload", host, within=service.timeout) as lock:
        running(service, host)
        _restart(service, lock, host)


def _start(
    service: Service, host: Host, seen: Survey | None = None, *, tested: bool = False
) -> None:
    """Start it, or see that it runs.

    seen:   what was seen of it, if somebody has looked at every process of the host.
    tested: whether its configuration has been.
    """
    # Thorough: workers beside it whose own master is dead would go on serving what was.
    seen = seen or settled(service, host, thorough=True)
    if seen.master is not None:
        repair_pidfile(service, seen, host, needed=False)
        if not await_service(service, seen.master, host):
            _start(service, host)  # it was on its way out
            return
        if seen.upgrading and service.upgrade == TAKEOVER:
            from ..protocols.takeover import finish_takeover

            finish_takeover(service, seen, host, any_binary=True)
        elif seen.upgrading:
            host.tell(f"an upgrade is unfinished, old master {seen.masters[0]} serves: upgrade")
        elif seen.orphans or seen.leftover:
            finish_orphans(service, host)
        return
    if not seen.pidfile.regular:
        # Before the test, which opens the pidfile too, wherever a link leads.
        remove_stale(service, host)
    if service.test_args is not None and not tested:
        traceless_configtest(service, host)
    end(seen.starting, parse_schedule("KILL/5"), host, what=f"{service.name} that hangs")
    host.make_directory(service.pidfile.rpartition("/")[0] or "/")
    if not (seen.orphans and _recover(service, seen.orphans, host)):
        end(seen.orphans, service.stop, host, what="workers of a dead master")
        remove_stale(service, host)
        bring_up(service, host)
    host.mark_started(service.subsys)


def _recover(service: Service, orphans: tuple[Process, ...], host: Host) -> bool:
    from ..protocols.takeover import recover

    return recover(service, orphans, host)


def _restart(service: Service, lock: ActionLock, host: Host) -> None:
    seen = settled(service, host)
    if seen.master is None:  # every process of the host was looked at for it
        _start(service, host, seen)
        return
    # Before the test, which opens the pidfile too, wherever a link leads.
    repair_pidfile(service, seen, host, needed=False)
    if service.test_args is not None:
        configtest(service, host)
    # From here on there is no giving up half way: stopped is not what was asked.
    _start(service, host, end_service(service, service.stop, lock, host), tested=True)
