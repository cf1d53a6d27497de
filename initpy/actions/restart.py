"""The actions ``restart`` and ``try-restart`` (LSB 20.2)."""

from __future__ import annotations

from ..control.drain import finishing_by_stop
from ..control.lock import ActionLock
from ..control.record import record_running
from ..control.stable import require_running
from ..errors import NotRunning
from ..host import HERE, Host
from ..protocols.finish import Finishing
from ..service import Service
from .start import restart_service


def restart(service: Service, host: Host = HERE) -> None:
    """Have a new master take the place of the running one; start the service if it is stopped.

    The configuration is tested first. Raises ConfigTestFailed: the service runs on; InitError,
    which tells what serves.
    """
    with (
        Finishing(finishing_by_stop(service), "restart", host),
        ActionLock(service, "restart", host, within=service.timeout, alone=True) as lock,
    ):
        restart_service(service, lock, host)
        record_running(service, host)


def try_restart(service: Service, host: Host = HERE) -> None:
    """Restart the service if it runs. A stopped service stays stopped, which is success."""
    with (
        Finishing(finishing_by_stop(service), "try-restart", host),
        ActionLock(service, "try-restart", host, within=service.timeout, alone=True) as lock,
    ):
        try:
            require_running(service, host)
        except NotRunning:
            return
        restart_service(service, lock, host)
        record_running(service, host)
