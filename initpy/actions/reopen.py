"""The action ``reopen``: let the service reopen its logs, and verify that it did."""

from __future__ import annotations

from ..control.lock import ActionLock
from ..control.stable import require_running
from ..errors import NotRunning, Unimplemented
from ..host import HERE, Host
from ..protocols.reopen import reopen_logs
from ..service import Service
from ..state.phase import told_to_finish

LOOKS = 5  # at masters that others have execute themselves anew meanwhile


def reopen(service: Service, host: Host = HERE) -> None:
    """Let the service reopen its logs, after they were rotated. Raises NotRunning."""
    with ActionLock(service, "reopen", host, within=service.timeout, mends=False) as lock:
        for left in reversed(range(LOOKS)):
            seen = require_running(service, host)
            lock.refuse_terminating(seen.masters)
            if service.reopen is None:
                raise Unimplemented("this daemon cannot reopen its logs")
            try:
                told = told_to_finish(service, host) if len(seen.masters) > 1 else ()
                ending = [one for one in seen.masters[:-1] if one in told]
                masters = tuple(one for one in seen.masters if one not in ending)
                reopen_logs(service, masters, host, ending=ending)
            except NotRunning as exc:  # one has ended, or is another process by now
                if not left:
                    raise
                host.explain(f"no signal was sent: {exc}")
            else:
                return
