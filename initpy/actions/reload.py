"""The action ``reload``, and seeing that it took effect.

nginx     HUP; new workers, then the old ones "shutting down" or gone. It
          says nothing: a configuration that passes its test can still fail
          (a port that somebody else holds), and then the old workers stay.
php-fpm   USR2; the old workers end, it executes itself anew, writes its
          pidfile again, and starts new workers. In the background its pid
          changes, in the foreground it does not.
"""

from __future__ import annotations

from ..control.configtest import configtest
from ..control.error_log import GAVE_UP, LogMark, gist
from ..control.launch import await_service, bring_up
from ..control.lock import ActionLock
from ..control.orphans import finish_orphans
from ..control.pidfiles import remove_stale, repair_pidfile
from ..control.signals import killproc
from ..control.stable import running, settled
from ..daemons.configuration import may_be_workerless, read_configuration
from ..errors import (
    ConfigTestFailed,
    InitError,
    NotRunning,
    Reverted,
    Unimplemented,
    WaitTimeout,
)
from ..host import HERE, Host, Process
from ..host.wait import wait_until
from ..schedule import signal_named
from ..service import TAKEOVER, Service
from ..state.pidfile import read_pidfile
from ..state.snapshot import proven, survey
from ..state.workers import SETTLE, let_go, serving_workers

# A first [emerg] is no verdict: nginx tries a taken port for 2.5 seconds.
PATIENCE = 3.0  # seconds
# A master is gone for a moment while it puts itself in the background.
ABSENCE = 0.5  # seconds


def reload(service: Service, host: Host = HERE) -> None:
    """Have the service read its configuration again; return when that is in effect.

    A new generation of workers serves, and the old one takes no new requests.
    Raises NotRunning; ConfigTestFailed, and nothing was signalled; Reverted,
    and the old workers serve as before; InitError.
    """
    with ActionLock(service, "reload", host, within=service.timeout) as lock:
        seen = running(service, host, thorough=lock.was_left)
        lock.refuse_doomed(seen.masters)
        if service.reload is None:
            raise Unimplemented("this daemon cannot reload its configuration")
        if seen.upgrading and service.upgrade == TAKEOVER:
            from ..protocols.takeover import finish_takeover

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


def reload_and_see(service: Service, master: Process, host: Host) -> None:
    """Send the reload signal to *master*, and return when a new generation serves.

    The caller holds the lock and has tested the configuration. Raises Reverted
    if the old workers serve as before, InitError if it is worse or unknown.
    """
    assert service.reload is not None
    see = _see_exec if service.reload_execs else _see_generation
    see(service, master, host, signal_named(service.reload))


def _see_generation(service: Service, master: Process, host: Host, sig: int) -> None:
    old = serving_workers(service, master, host)
    log = LogMark(master, host)
    killproc(master, sig, host=host)
    sent = host.monotonic()
    blamed: list[float] = []

    def renewed() -> bool:
        if host.find(master.pid) != master:
            raise InitError(f"master {master} ended in its reload")
        if not service.worker_titles:
            # A daemon that tells nothing of itself: it has taken the signal and lasted.
            return host.monotonic() - sent >= SETTLE
        new = serving_workers(service, master, host) - old
        if new and let_go(service, old, host):
            return True
        emergencies = log.lines(f" [emerg] {master}#")
        if emergencies and not blamed:
            blamed.append(host.monotonic())
        settled = blamed and host.monotonic() - blamed[0] >= PATIENCE
        if emergencies and not new and (settled or GAVE_UP in emergencies[-1]):
            reason = f"reload failed, the old workers serve as before: {gist(emergencies[0])}"
            raise Reverted(reason, "\n".join(emergencies))
        return False

    try:
        wait_until(
            renewed,
            within=service.timeout,
            host=host,
            what="new workers to serve",
            interruptible=True,
        )
    except WaitTimeout as exc:
        if serving_workers(service, master, host) - old:
            raise InitError(f"new workers serve, and old ones too: {exc}") from exc
        raise Reverted(f"reload failed, the old workers serve as before: {exc}") from exc


def _see_exec(service: Service, master: Process, host: Host, sig: int) -> None:
    old = serving_workers(service, master, host)
    before = host.version(service.pidfile)
    workerless = may_be_workerless(service, host)
    drain = read_configuration(service, host).reload_drain
    if not drain:
        host.tell(
            "requests in flight are cut: process_control_timeout is 0. "
            "upgrade takes up a new configuration too, and cuts none"
        )
    killproc(master, sig, host=host)
    absent: list[float] = []

    def renewed() -> bool:
        named = proven(service, read_pidfile(service.pidfile, host), host)
        if named is None and host.find(master.pid) != master:
            absent.append(host.monotonic())
            return absent[-1] - absent[0] >= ABSENCE
        absent.clear()
        # In the background its old number is that of the parent it leaves behind.
        left = named != master and host.find(master.pid) == master
        if named is None or left or not let_go(service, old, host):
            return False
        if serving_workers(service, named, host) - old:
            return True
        return workerless and host.version(service.pidfile) not in (None, before)

    wait_until(
        renewed,
        within=service.timeout + drain,
        host=host,
        what="new workers to serve",
    )
    if absent:
        seen = survey(service, host)
        if seen.master is not None:  # its configuration names another pidfile
            repair_pidfile(service, seen, host)
            return
        remove_stale(service, host)
        bring_up(service, host)
        raise InitError(f"{service.name} died in its reload; it was started again")
