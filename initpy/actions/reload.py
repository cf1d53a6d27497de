"""The actions ``reload`` and ``force-reload``: load a new configuration."""

from __future__ import annotations

from ..control.configtest import configtest, surroundings_of_reader
from ..control.drain import drain_orphans, finishing_by_stop
from ..control.lock import ActionLock
from ..control.pidfiles import (
    lost_paths_sentence,
    refuse_lost_paths,
    refuse_other_pidfile,
    restore_pidfile,
)
from ..control.record import METHODS, record_running
from ..control.stable import require_running, wait_until_stable
from ..errors import ConfigTestFailed, InitError, NotRunning, Unimplemented
from ..host import HERE, Host, Process
from ..protocols.finish import Finishing
from ..service import Service, resolve
from ..state.phase import told_to_finish

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..contracts import Reload, Upgrade


def reload(service: Service, host: Host = HERE) -> None:
    """Let the service read its configuration again; return when that is in effect.

    In effect means: new workers serve, and the old ones accept no new requests. Raises
    NotRunning; ConfigTestFailed and OtherPidfile (no signal was sent); Reverted (the old
    workers serve as before); Unimplemented; InitError.
    """
    with (
        Finishing(service, "reload", host),
        ActionLock(service, "reload", host, within=service.timeout) as lock,
    ):
        seen = require_running(service, host, thorough=lock.was_left)
        lock.refuse_terminating(seen.masters)
        if service.reload is None:
            raise Unimplemented("this daemon cannot reload its configuration")
        if seen.upgrading and service.finish_upgrade is not None:
            finish: Upgrade = resolve(service.finish_upgrade)
            finish(service, wait_until_stable(service, host, thorough=True), host)
            seen = require_running(service, host)
        told = told_to_finish(service, host)
        if seen.upgrading and seen.old_master not in told:
            raise InitError(
                f"an upgrade is unfinished, master {seen.masters[0]} still serves: "
                "finish it with upgrade, then reload"
            )
        refuse_other_pidfile(service, host)
        # A command may know the master by its pidfile alone, which it reads itself.
        by_command = isinstance(service.reload, tuple)
        restore_pidfile(service, seen, host, needed=service.reload_execs or by_command)
        if not told.keys() >= set(seen.orphans) or seen.leftover:
            from ..control.ready import wait_until_ready

            # Until the master serves, the orphans may be the only workers that do.
            if not wait_until_ready(service, seen.masters[-1], host):
                raise NotRunning(f"not running: master {seen.masters[-1]} has just ended")
            drain_orphans(service, host)
        if service.has_test:
            _test(service, seen.masters[-1], host)
        else:
            _load(service, host)
        if not (service.upgrade_rebinds and _bind_lost_paths_anew(service, host)):
            reload_by: Reload = resolve(service.reload_by)
            reload_by(service, seen.masters[-1], host)
        record_running(service, host)
        if service.reload_execs:
            from ..control.running import tell_missing_variables

            tell_missing_variables(service, host)
        refuse_lost_paths(service, host)


def _test(service: Service, master: Process, host: Host) -> None:
    """Let the daemon test the configuration that *master* is to read. Raises ConfigTestFailed."""
    reader = surroundings_of_reader(service, master, host)
    try:
        configtest(service, host, surroundings=reader, meanwhile=lambda: _load(service, host))
    except ConfigTestFailed as exc:
        raise ConfigTestFailed(
            f"not reloading due to configuration syntax error: {exc}", exc.output
        ) from exc


def _load(service: Service, host: Host) -> None:
    """Load what follows the signal: by then that could fail, and beside a test it takes no time."""
    resolve(service.reload_by)
    if service.reload_execs:
        from ..control import running  # noqa: F401
    host.load("kill", "size", *METHODS)


def _bind_lost_paths_anew(service: Service, host: Host) -> bool:
    if not lost_paths_sentence(service, host):
        return False
    from ..protocols.sockets.paths import bind_anew

    return bind_anew(service, host)


def force_reload(service: Service, host: Host = HERE) -> None:
    """Reload the service, or restart it if the daemon cannot reload. Raises NotRunning."""
    if service.reload is not None:
        reload(service, host)
        return
    from .start import restart_service

    with (
        Finishing(finishing_by_stop(service), "force-reload", host),
        ActionLock(service, "force-reload", host, within=service.timeout, alone=True) as lock,
    ):
        require_running(service, host)
        restart_service(service, lock, host)
        record_running(service, host)
