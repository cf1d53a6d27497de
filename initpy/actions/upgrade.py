"""The action ``upgrade``: replace the running binary, or leave the old one serving."""

from __future__ import annotations

from ..control.drain import drain_orphans
from ..control.lock import ActionLock
from ..control.pidfiles import lost_paths_sentence, refuse_lost_paths
from ..control.ready import wait_until_ready
from ..control.record import record_running
from ..control.running import tell_missing_variables
from ..control.stable import await_launcher, require_running
from ..errors import NotRunning, Unimplemented
from ..host import HERE, Host
from ..protocols.finish import Finishing
from ..service import Service, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..contracts import Upgrade


def upgrade(service: Service, host: Host = HERE) -> None:
    """Replace the running binary by the one on disk; no request is refused.

    An unfinished upgrade is finished first. Raises NotRunning; Unimplemented;
    NotInstalled; ConfigTestFailed (no signal was sent); Reverted (the old master serves
    as before); RollbackFailed.
    """
    with (
        Finishing(service, "upgrade", host),
        ActionLock(service, "upgrade", host, within=service.timeout, alone=True) as lock,
    ):
        # Thorough: only a scan of all processes finds the orphans of a new master that
        # crashed.
        seen = require_running(service, host, thorough=True)
        lock.refuse_terminating(seen.masters)
        if seen.orphans or (seen.leftover and service.upgrade is not None):
            # Until the master serves, the orphans may be the only workers that do.
            if seen.master is not None and not wait_until_ready(service, seen.master, host):
                raise NotRunning(f"not running: master {seen.master} has just ended")
            drain_orphans(service, host)
        if service.upgrade is None:
            raise Unimplemented("cannot replace the binary of this daemon while it runs")
        await_launcher(seen.masters[0], host)
        replace: Upgrade = resolve(service.upgrade)
        told = list(host.finishing)
        replace(service, seen, host)
        if service.background or host.finishing == told:  # else recorded with those told to finish
            record_running(service, host)
        tell_missing_variables(service, host)
        mend_lost_paths(service, host)


def mend_lost_paths(service: Service, host: Host) -> None:
    """Have the paths of unix sockets that are lost bound anew. Raises InitError if it cannot."""
    if not lost_paths_sentence(service, host):
        return
    if service.upgrade_rebinds:
        from ..protocols.sockets.paths import bind_anew

        bind_anew(service, host)
    refuse_lost_paths(service, host)
