"""The action ``reopen``: let the service reopen its logs, and verify that it did."""

from __future__ import annotations

from ..control.lock import ActionLock
from ..control.record import record_running
from ..control.signals import killproc
from ..control.stable import require_running
from ..errors import Unimplemented
from ..host import HERE, Host, Process
from ..host.wait import wait_until
from ..schedule import signal_named
from ..service import Service
from ..state.configuration import read_configuration
from ..state.titles import workers_of


def reopen(service: Service, host: Host = HERE) -> None:
    """Let the service reopen its logs, after they were rotated. Raises NotRunning."""
    with ActionLock(service, "reopen", host, within=service.timeout) as lock:
        seen = require_running(service, host)
        lock.refuse_terminating(seen.masters)
        if service.reopen is None:
            raise Unimplemented("this daemon cannot reopen its logs")
        reopen_and_see(service, seen.masters, host)
        record_running(service, host)


def reopen_and_see(service: Service, masters: tuple[Process, ...], host: Host) -> None:
    """Send the reopen signal to every master; return when no rotated log is open.

    A rotated log is an open file whose path is the path of a log in the configuration
    plus a suffix: ``access.log.1``, ``access.log (deleted)``. Raises WaitTimeout, which
    names the processes that still have one open.
    """
    assert service.reopen is not None
    named = read_configuration(service, host).logs
    folders = {path: host.realpath(path.rpartition("/")[0]) for path in named}
    logs = tuple(f"{folders[path]}/{path.rpartition('/')[2]}" for path in named)
    for master in masters:
        killproc(master, signal_named(service.reopen), host=host)

    def holders() -> list[str]:
        family = [*masters, *(w for m in masters for w in workers_of(service, m, host))]
        return [
            f"pid {process} ({path})"
            for process in family
            for path in host.open_files(process)
            if path not in logs and path.startswith(logs)
        ]

    def taken() -> bool:
        for master in masters:
            masks = host.signals(master)
            if masks is not None and masks.pending:
                return False
        return not holders()

    wait_until(
        taken,
        within=service.timeout,
        host=host,
        what=lambda: f"{', '.join(holders()) or 'the master'} to close the rotated logs",
        interruptible=True,
    )
