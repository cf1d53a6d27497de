"""The action ``start``: carry on from what is there, until the service was seen to serve."""

from __future__ import annotations

from ..control.configtest import configtest, traceless_configtest
from ..control.launch import await_service, bring_up
from ..control.lock import ActionLock
from ..control.orphans import finish_orphans
from ..control.pidfiles import remove_stale, repair_pidfile
from ..control.signals import end
from ..control.stable import settled
from ..host import HERE, Host, Process
from ..schedule import parse_schedule
from ..service import Service, resolve
from ..state.snapshot import Survey
from .stop import end_service

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..contracts import Upgrade


def start(service: Service, host: Host = HERE) -> None:
    """Start the service; return when it serves. Running already is success.

    Raises NotInstalled, ConfigTestFailed, or InitError with whatever was
    started ended again.
    """
    with ActionLock(service, "start", host, within=service.timeout) as lock:
        if lock.doomed and lock.doomed.intersection(settled(service, host).masters):
            host.tell("finishing a stop that was cut short")
            restart_service(service, lock, host)
        else:
            start_service(service, host)


def start_service(
    service: Service, host: Host, seen: Survey | None = None, *, tested: bool = False
) -> None:
    """Start it, or see that it runs. The caller holds the lock.

    seen:   what was seen of it, if somebody has looked at every process of the host.
    tested: whether its configuration has been.
    """
    # Thorough: workers beside it whose own master is dead would go on serving what was.
    seen = seen or settled(service, host, thorough=True)
    if seen.master is not None:
        repair_pidfile(service, seen, host, needed=False)
        if not await_service(service, seen.master, host):
            start_service(service, host)  # it was on its way out
            return
        if seen.upgrading and service.finish_upgrade is not None:
            finish: Upgrade = resolve(service.finish_upgrade)
            finish(service, seen, host)
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


def restart_service(service: Service, lock: ActionLock, host: Host) -> None:
    """Stop it and start it, if its configuration passes its test. The caller holds the lock."""
    seen = settled(service, host)
    if seen.master is None:  # every process of the host was looked at for it
        start_service(service, host, seen)
        return
    # Before the test, which opens the pidfile too, wherever a link leads.
    repair_pidfile(service, seen, host, needed=False)
    if service.test_args is not None:
        configtest(service, host)
    # From here on there is no giving up half way: stopped is not what was asked.
    start_service(service, host, end_service(service, service.stop, lock, host), tested=True)
