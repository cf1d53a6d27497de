"""The action ``upgrade``: forward, or back, and never in between."""

from __future__ import annotations

from ..control.launch import wait_until_ready
from ..control.lock import ActionLock
from ..control.orphans import drain_orphans
from ..control.stable import require_running
from ..errors import NotRunning, Unimplemented
from ..host import HERE, Host
from ..service import Service, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..contracts import Upgrade


def upgrade(service: Service, host: Host = HERE) -> None:
    """Replace the running binary by the one on disk; no request is refused.

    An unfinished upgrade is finished first. Raises NotRunning; Unimplemented;
    NotInstalled; ConfigTestFailed, and nothing was signalled; Reverted, and
    the old master serves as before; RollbackFailed.
    """
    with ActionLock(service, "upgrade", host, within=service.timeout) as lock:
        # Thorough, for a new master that crashed leaves nothing else to be known by.
        seen = require_running(service, host, thorough=True)
        lock.refuse_terminating(seen.masters)
        if seen.orphans or (seen.leftover and service.upgrade is not None):
            # They may be the only ones who serve.
            if seen.master is not None and not wait_until_ready(service, seen.master, host):
                raise NotRunning(f"master {seen.master} ended meanwhile")
            drain_orphans(service, host)
        if service.upgrade is None:
            raise Unimplemented("cannot replace the binary of this daemon while it runs")
        replace: Upgrade = resolve(service.upgrade)
        replace(service, seen, host)
