"""The action ``reopen``: let the service reopen its logs, and verify that it did."""

from __future__ import annotations

from ..control.lock import ActionLock
from ..control.stable import require_running
from ..errors import NotRunning, Unimplemented
from ..host import HERE, Host
from ..protocols.reopen import reopen_logs
from ..service import Service

LOOKS = 5  # at masters that others have execute themselves anew meanwhile


def reopen(service: Service, host: Host = HERE) -> None:
    """Let the service reopen its logs, after they were rotated. Raises NotRunning."""
    with ActionLock(service, "reopen", host, within=service.timeout) as lock:
        for left in reversed(range(LOOKS)):
            seen = require_running(service, host)
            lock.refuse_terminating(seen.masters)
            if service.reopen is None:
                raise Unimplemented("this daemon cannot reopen its logs")
            try:
                reopen_logs(service, seen.masters, host)
            except NotRunning as exc:  # one has ended, or is another process by now
                if not left:
                    raise
                host.explain(f"no signal was sent: {exc}")
            else:
                return
