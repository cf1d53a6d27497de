"""Reload by a signal, usually HUP, which the master takes and stays.

It starts new workers, and then tells the old ones to finish. It says nothing: a
configuration that passes its test can still fail (a port that another program
holds), and then the old workers stay.
"""

from __future__ import annotations

from ..control.error_log import LogMark
from ..control.signals import killproc
from ..errors import InitError, Reverted, WaitTimeout
from ..host import Host, Process
from ..host.wait import wait_until
from ..schedule import signal_named
from ..service import Service
from ..state.workers import SETTLE, ready_workers, stopped_accepting

# A first emergency in the log is no verdict: nginx tries a taken port for 2.5 seconds.
PATIENCE = 3.0  # seconds


def reload(service: Service, master: Process, host: Host) -> None:
    """Send the reload signal to *master*, and return when a new generation serves.

    The caller holds the lock and has tested the configuration. Raises Reverted
    if the old workers serve as before, InitError if it is worse or unknown.
    """
    assert service.reload is not None
    old = ready_workers(service, master, host)
    log = LogMark(service, master, host)
    killproc(master, signal_named(service.reload), host=host)
    sent = host.monotonic()
    blamed: list[float] = []

    def renewed() -> bool:
        if not host.alive(master):
            raise InitError(f"master {master} ended in its reload")
        if not service.worker_titles:
            # A daemon that tells nothing of itself: it has taken the signal and lasted.
            return host.monotonic() - sent >= SETTLE
        new = ready_workers(service, master, host) - old
        if new and stopped_accepting(service, old, host):
            return True
        report = log.read(master.pid)
        if report.lines and not blamed:
            blamed.append(host.monotonic())
        settled = blamed and host.monotonic() - blamed[0] >= PATIENCE
        if report.lines and not new and (settled or report.gave_up):
            reason = f"reload failed, the old workers serve as before: {report.reason}"
            raise Reverted(reason, "\n".join(report.lines))
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
        if ready_workers(service, master, host) - old:
            raise InitError(f"new workers serve, and old ones too: {exc}") from exc
        raise Reverted(f"reload failed, the old workers serve as before: {exc}") from exc
