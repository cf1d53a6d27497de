"""The actions ``reload`` and ``force-reload``: a new configuration, seen to be in effect."""

from __future__ import annotations

from ..control.configtest import configtest
from ..control.launch import wait_until_ready
from ..control.lock import ActionLock
from ..control.orphans import drain_orphans
from ..control.pidfiles import restore_pidfile
from ..control.stable import require_running, wait_until_stable
from ..errors import ConfigTestFailed, InitError, NotRunning, Unimplemented
from ..host import HERE, Host
from ..service import Service, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..contracts import Reload, Upgrade


def reload(service: Service, host: Host = HERE) -> None:
    """Have the service read its configuration again; return when that is in effect.

    A new generation of workers serves, and the old one takes no new requests.
    Raises NotRunning; ConfigTestFailed, and nothing was signalled; Reverted,
    and the old workers serve as before; InitError.
    """
    with ActionLock(service, "reload", host, within=service.timeout) as lock:
        seen = require_running(service, host, thorough=lock.was_left)
        lock.refuse_terminating(seen.masters)
        if service.reload is None:
            raise Unimplemented("this daemon cannot reload its configuration")
        if seen.upgrading and service.finish_upgrade is not None:
            finish: Upgrade = resolve(service.finish_upgrade)
            finish(service, wait_until_stable(service, host, thorough=True), host)
            seen = require_running(service, host)
        if seen.upgrading:
            raise InitError(
                f"an upgrade is unfinished, master {seen.masters[0]} still serves: "
                "finish it with upgrade, then reload"
            )
        restore_pidfile(service, seen, host, needed=service.reload_execs)
        # Or the first workers of a master that has just come up would pass for the next ones.
        if not wait_until_ready(service, seen.masters[-1], host):
            raise NotRunning(f"master {seen.masters[-1]} ended meanwhile")
        if seen.orphans or seen.leftover:
            drain_orphans(service, host)
        try:
            configtest(service, host)
        except ConfigTestFailed as exc:
            raise ConfigTestFailed(
                f"not reloading due to configuration syntax error: {exc}", exc.output
            ) from exc
        reload_by: Reload = resolve(service.reload_by)
        reload_by(service, seen.masters[-1], host)


def force_reload(service: Service, host: Host = HERE) -> None:
    """Reload the service, or restart it if it cannot reload. Raises NotRunning."""
    if service.reload is not None:
        reload(service, host)
        return
    from .start import restart_service

    with ActionLock(service, "force-reload", host, within=service.timeout) as lock:
        require_running(service, host)
        restart_service(service, lock, host)
