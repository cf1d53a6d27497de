"""The service's configuration, read by the reader that its declaration names."""

from __future__ import annotations

from ..contracts import Configuration
from ..host import Host
from ..service import Service, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..contracts import ReadConfiguration


def read_configuration(service: Service, host: Host) -> Configuration:
    """Read the configuration. It is empty if the declaration names no reader."""
    if service.read_configuration is None:
        return Configuration()
    read: ReadConfiguration = resolve(service.read_configuration)
    return read(service, host)


def may_be_workerless(service: Service, host: Host) -> bool:
    """Tell whether the service can serve without a worker, and start one on demand.

    True also for a daemon whose workers cannot be recognised, because they have no titles.
    """
    if not service.worker_titles:
        return True
    return service.on_demand and read_configuration(service, host).workerless
