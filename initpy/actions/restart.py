"""The actions ``restart`` and ``try-restart`` (LSB 20.2)."""

from __future__ import annotations

from ..control.lock import ActionLock
from ..control.stable import require_running
from ..errors import NotRunning
from ..host import HERE, Host
from ..service import Service
from .start import restart_service


def restart(service: Service, host: Host = HERE) -> None:
    """Stop the service and start it; start it if it is stopped.

    Its configuration is tested first, and if that fails it is left alone.
    """
    with ActionLock(service, "restart", host, within=service.timeout) as lock:
        restart_service(service, lock, host)


def try_restart(service: Service, host: Host = HERE) -> None:
    """Restart the service if it runs; stopped is success, and it stays so."""
    with ActionLock(service, "try-restart", host, within=service.timeout) as lock:
        try:
            require_running(service, host)
        except NotRunning:
            return
        restart_service(service, lock, host)
