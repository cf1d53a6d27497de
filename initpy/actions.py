"""The actions of an init script, but for ``status`` and ``upgrade`` (LSB 20.2).

Each looks first, carries on from what it finds, and returns only when what it
says has happened was seen to happen. Each holds the lock while it changes
anything.
"""

from __future__ import annotations

from .bringup import await_service, bring_up
from .configtesting import configtest, traceless_configtest
from .errors import ConfigTestFailed, InitError, NotRunning, Unimplemented
from .host import HERE, Host
from .killing import end
from .lock import ActionLock
from .orphans import finish_orphans
from .repair import remove_stale, repair_pidfile
from .schedule import Step, parse_schedule
from .service import TAKEOVER, Service
from .settling import running, settled
from .stopping import end_service
from .survey import Survey, survey
from .takeover import finish_takeover, recover


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


def stop(service: Service, host: Host = HERE, *, schedule: tuple[Step, ...] = ()) -> None:
    """End every process of the service by its stop schedule. Stopped already is success.

    Master and workers, a second master of an unfinished upgrade, orphans: when
    it returns none is left, and stale pidfiles are removed. Raises
    NotPermitted, WaitTimeout if one outlives the schedule, and Interrupted.
    """
    with ActionLock(service, "stop", host, within=service.timeout, without=True) as lock:
        end_service(service, schedule or service.stop, lock, host, interruptible=True)


def force_quit(service: Service, host: Host = HERE) -> None:
    """Do what ``stop`` does, by the quick schedule: requests are cut."""
    stop(service, host, schedule=service.force_quit)


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


def reload(service: Service, host: Host = HERE) -> None:
    """Have the service read its configuration again; return when that is in effect.

    A new generation of workers serves, and the old one takes no new requests.
    Raises NotRunning; ConfigTestFailed, and nothing was signalled; Reverted,
    and the old workers serve as before; InitError.
    """
    from .reloading import reload_and_see

    with ActionLock(service, "reload", host, within=service.timeout) as lock:
        seen = running(service, host, thorough=lock.was_left)
        lock.refuse_doomed(seen.masters)
        if service.reload is None:
            raise Unimplemented("this daemon cannot reload its configuration")
        if seen.upgrading and service.upgrade == TAKEOVER:
            finish_takeover(service, settled(service, host, thorough=True), host, any_binary=True)
            seen = running(service, host)
        if seen.upgrading:
            raise InitError(
                f"an upgrade is unfinished, master {seen.masters[0]} still serves: "
                "finish it with upgrade, then reload"
            )
        repair_pidfile(service, seen, host, needed=service.reload_execs)
        # Or the first workers of a master that has just come up would pass for the next ones.
        if not await_service(service, seen.masters[-1], host):
            raise NotRunning(f"master {seen.masters[-1]} ended meanwhile")
        if seen.orphans or seen.leftover:
            finish_orphans(service, host)
        try:
            configtest(service, host)
        except ConfigTestFailed as exc:
            raise ConfigTestFailed(
                f"not reloading due to configuration syntax error: {exc}", exc.output
            ) from exc
        reload_and_see(service, seen.masters[-1], host)


def force_reload(service: Service, host: Host = HERE) -> None:
    """Reload the service, or restart it if it cannot reload. Raises NotRunning."""
    if service.reload is not None:
        reload(service, host)
        return
    with ActionLock(service, "force-reload", host, within=service.timeout) as lock:
        running(service, host)
        _restart(service, lock, host)


def reopen(service: Service, host: Host = HERE) -> None:
    """Have the service open its logs anew, after they were rotated. Raises NotRunning."""
    from .reopening import reopen_and_see

    with ActionLock(service, "reopen", host, within=service.timeout) as lock:
        seen = running(service, host)
        lock.refuse_doomed(seen.masters)
        if service.reopen is None:
            raise Unimplemented("this daemon cannot reopen its logs")
        reopen_and_see(service, seen.masters, host)


def check_configuration(service: Service, host: Host = HERE) -> None:
    """Test the configuration: the action ``configtest``. Changes nothing, leaves nothing.

    A stopped service is locked meanwhile: its daemon's test writes files that
    are then removed, and a start must not lose them.
    """
    master = survey(service, host).master
    if master is not None:
        host.require_permission(master)
        configtest(service, host)
        return
    with ActionLock(service, "configtest", host, within=service.timeout):
        traceless_configtest(service, host)


def _start(service: Service, host: Host, *, ended: Survey | None = None) -> None:
    """Start it, or see that it runs.

    ended: what was seen when all of it had been ended, after its configuration was tested.
    """
    # Thorough: workers beside it whose own master is dead would go on serving what was.
    seen = ended or settled(service, host, thorough=True)
    if seen.master is not None:
        repair_pidfile(service, seen, host, needed=False)
        if not await_service(service, seen.master, host):
            _start(service, host)  # it was on its way out
            return
        if seen.upgrading and service.upgrade == TAKEOVER:
            finish_takeover(service, seen, host, any_binary=True)
        elif seen.upgrading:
            host.tell(f"an upgrade is unfinished, old master {seen.masters[0]} serves: upgrade")
        elif seen.orphans or seen.leftover:
            finish_orphans(service, host)
        return
    if not seen.pidfile.regular:
        # Before the test, which opens the pidfile too, wherever a link leads.
        remove_stale(service, host)
    if service.test_args is not None and ended is None:
        traceless_configtest(service, host)
    end(seen.starting, parse_schedule("KILL/5"), host, what=f"{service.name} that hangs")
    host.make_directory(service.pidfile.rpartition("/")[0] or "/")
    if not (seen.orphans and recover(service, seen.orphans, host)):
        end(seen.orphans, service.stop, host, what="workers of a dead master")
        remove_stale(service, host)
        bring_up(service, host)
    host.mark_started(service.subsys)


def _restart(service: Service, lock: ActionLock, host: Host) -> None:
    seen = survey(service, host)
    if seen.master is None:
        _start(service, host)
        return
    # Before the test, which opens the pidfile too, wherever a link leads.
    repair_pidfile(service, seen, host, needed=False)
    if service.test_args is not None:
        configtest(service, host)
    # From here on there is no giving up half way: stopped is not what was asked.
    _start(service, host, ended=end_service(service, service.stop, lock, host))
