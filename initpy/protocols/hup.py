"""Reload by a signal, usually HUP: the master stays, and replaces its workers.

It starts new workers, and then tells the old ones to finish. It does not report the
result. A configuration that passes its test can still fail, for example if another
program holds a port; then the old workers stay.
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

# The first error in the log is not final: nginx tries to bind a port for 2.5 seconds.
PATIENCE = 3.0  # seconds


def reload(service: Service, master: Process, host: Host) -> None:
    """Send the reload signal to *master*; return when new workers serve.

    Old workers accept no new requests then, but may still finish theirs. The caller
    holds the lock and has tested the configuration. Raises Reverted if the old workers
    serve as before, InitError if they do not, or if that is unknown.
    """
    assert service.reload is not None
    old = ready_workers(service, master, host)
    log = LogMark(service, master, host)
    killproc(master, signal_named(service.reload), host=host)
    sent = host.monotonic()
    error_seen: list[float] = []  # when the log first showed an error

    def renewed() -> bool:
        if not host.alive(master):
            raise InitError(f"master {master} died during the reload")
        if not service.worker_titles:
            # Workers without titles cannot be told apart: it has survived the signal.
            return host.monotonic() - sent >= SETTLE
        new = ready_workers(service, master, host) - old
        if new and stopped_accepting(service, old, host):
            return True
        report = log.read(master.pid)
        if report.lines and not error_seen:
            error_seen.append(host.monotonic())
        final = error_seen and host.monotonic() - error_seen[0] >= PATIENCE
        if report.lines and not new and (final or report.gave_up):
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
